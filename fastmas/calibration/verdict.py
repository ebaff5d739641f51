"""How well the calibrated model fits: one grade, what is off, and how easily real and simulated are told apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fastmas.calibration.budget import Budget
from fastmas.calibration.judged import Judged
from fastmas.calibration.judgement import Judgement, judge_at
from fastmas.calibration.sentence import DOUBTFUL, NO_MISFIT, grade_of, sentence
from fastmas.calibration.shown import facts_and_sample
from fastmas.calibration.told_apart import ToldApart, in_words, tell_apart


@dataclass(frozen=True)
class Verdict:
    """The verdict on an estimate.

    `p_value` is that of `at_estimate`, or of `at_start`, the moment fit of one series, where that is the larger
    one: estimates of one series are far off, and a model is judged by the better of the two. `sentence` says
    the grade and what is off.
    """

    grade: str
    p_value: float
    sentence: str
    at_estimate: Judgement
    at_start: Judgement | None
    told_apart: ToldApart
    facts: list[dict[str, Any]]
    sample: dict[str, np.ndarray]

    def result(self) -> dict[str, Any]:
        """The verdict's part of `result.json`."""
        judged, told = self.at_estimate, self.told_apart
        return {
            "verdict": self.sentence, "grade": self.grade, "p_value": self.p_value,
            "p_at_estimate": judged.p_value, "p_without_grid": judged.p_without_grid,
            "misfits": [] if self.grade == NO_MISFIT else [d.text for d in judged.told],
            "odd_paths": list(judged.odd_paths), "share_ran_away": judged.lost,
            "figures": [asdict(d) for d in judged.deviations],
            "told_apart": in_words(told, is_rejected=self.grade != NO_MISFIT),
            "auc_heldout": told.auc, "auc_interval": list(told.auc_interval),
            "auc_blocked": None if told.auc_blocked is None else list(told.auc_blocked),
            "auc_null": list(told.auc_null), "value": told.value, "stylised_facts": self.facts,
        }


def judge(simulator: Judged, budget: Budget, z: np.ndarray, start: np.ndarray | None = None) -> Verdict:
    """The verdict at z; `start` is the moment fit's z, where z is a game's."""
    at_estimate, at_start = judge_at(simulator, z, budget.bootstrap), None
    if simulator.observed.is_series and start is not None and at_estimate.p_value <= DOUBTFUL:
        at_start = judge_at(simulator, start, budget.bootstrap)
    p_value = max(j.p_value for j in (at_estimate, at_start) if j is not None)
    facts, sample = facts_and_sample(simulator, z)
    return Verdict(grade_of(at_estimate, at_start), p_value, sentence(at_estimate, at_start), at_estimate, at_start,
                   tell_apart(simulator, z, budget.told_apart), facts, sample)
