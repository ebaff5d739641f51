"""How each method plays. An updater that is not named here plays as the library lets it by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastmas import updaters
from fastmas.errors import ParameterError
from fastmas.reproduce.setting import Setting

BASELINE = "torch"  # the loop that knows nothing of this library
USUAL = (BASELINE, "pathwise", "decision-score", "parameter-score", "cma-es", "moments")
PAPER_TRAINING = {"penalty": 0.0, "betas": (0.9, 0.999), "steps": 1, "warmup": 0}
PAPER_ADAM = {"anneal_from": 1.0, "beta_1": 0.9, "beta_2": 0.999}
# A quick look's, by discriminator: too little to learn much.
QUICK_TRAINING: dict[str, dict[str, Any]] = {
    "amortised": {"steps": 60, "renew": 10, "n_contrast": 64, "n_windows": 8},
    "conditional": {"batch": 256, "steps": 2, "warmup": 20}, "windowed": {"warmup": 15}, "path": {"warmup": 15}}


@dataclass(frozen=True)
class Method:
    """What a method plays against; None is the library's choice for the updater.

    `is_papers` is set where the game is the paper's own: as many iterations, its training, the last point as estimate.
    """

    discriminator: str | None = None
    objective: str | None = None
    statistic: str | None = None
    is_papers: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)

    def options(self, setting: Setting) -> dict[str, Any]:
        """Of the updater."""
        return {"rate": setting.rate, **PAPER_ADAM} if self.is_papers else {}


PAPERS = Method("path", "saturating", "prices", True, PAPER_TRAINING)
METHODS = {"pathwise": PAPERS, "decision-score": PAPERS}


def method(name: str) -> Method:
    """How the updater of this name plays."""
    return METHODS.get(name, Method())


def known() -> list[str]:
    """The baseline and every updater."""
    return [BASELINE, *updaters.names()]


def usual() -> list[str]:
    """Those of the figures that this version has."""
    return [name for name in USUAL if name in known()]


def chosen(names: Iterable[str] | None) -> list[str]:
    """Those that are asked for, or the usual ones.

    Raises
    ------
    ParameterError
        None at all, one that is not known, or one named twice.
    """
    if names is None:
        return usual()
    given = list(names)
    for name in given:
        if name not in known():
            raise ParameterError(f"unknown method {name!r}; there are: {', '.join(known())}")
        if given.count(name) > 1:
            raise ParameterError(f"method {name!r} is named twice")
    if not given:
        raise ParameterError(f"no method is named; there are: {', '.join(known())}")
    return given
