"""The result of a calibration."""

# ruff: noqa: PLC0415  -- the report brings matplotlib, which a fit without pictures must not wait for; arviz is extra

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.errors import ParameterError
from fastmas.files import write_atomically
from fastmas.run_directory import HISTORY

INSTALL = 'pip install "fastmas[arviz]"'


@dataclass(frozen=True)
class Fit:
    """What `calibrate` found; values are in natural units.

    `estimate` and `start` (the moment fit) map names to values, `interval` names to their two ends, or
    is None. `p_value` is the grade: how often data sets simulated at the estimate differ from their kind as
    much as the data do; `verdict` says it in words, with what is off. `auc_heldout` says how easily a
    discriminator trained from scratch tells real from simulated, on data held out, and `told_apart` the
    same in words. `draws` map names to values (n_draws,) from the posterior; `result["draws_method"]` says
    how they were made. `history` has one row per generation. `result` is what `result.json` holds.
    """

    estimate: dict[str, float]
    interval: dict[str, list[float]] | None
    p_value: float
    verdict: str
    auc_heldout: float
    told_apart: str
    warnings: list[str]
    seconds: float
    paths_simulated: int
    start: dict[str, float]
    history: list[dict[str, Any]]
    result: dict[str, Any]
    config: dict[str, Any]
    sample: dict[str, np.ndarray] = field(repr=False)
    draws: dict[str, np.ndarray] = field(repr=False, default_factory=dict)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a run directory with result, history and report; return the report's path.

        Raises
        ------
        RunDirectoryError, OutputError
            If the folder exists already or cannot be written.
        """
        from fastmas import report
        from fastmas.run_directory import RunDirectory

        run = RunDirectory.create(path, self.config, overwrite=overwrite)
        write_result(run, self)
        return report.build(run.path)

    def to_arviz(self) -> Any:
        """The draws as one chain of arviz: its `InferenceData`, or the `DataTree` of its version 1.

        Raises
        ------
        ParameterError
            If there are no draws, or the package arviz is missing.
        """
        if not self.draws:
            raise ParameterError("to_arviz: this fit has no draws; calibrate with draws=2000")
        try:
            import arviz
        except ImportError:
            raise ParameterError(f"to_arviz needs the package arviz: {INSTALL}") from None
        chain = {name: values[None] for name, values in self.draws.items()}
        if int(arviz.__version__.partition(".")[0]) < 1:
            return arviz.from_dict(posterior=chain)
        return arviz.from_dict({"posterior": chain})

    def plot(self) -> list[Any]:
        """The report's pictures as matplotlib figures: learning curves, paths, distribution, correlations.

        Of several observables each has its own paths, distribution and correlations.
        """
        from fastmas.report import figures
        from fastmas.report.observables import observables

        paths = {name: self.sample[name] for name in ("x_obs", "x_sim")}
        drawn = []
        for seen in observables(paths, self.config["data"]):
            drawn.append(figures.price_paths(seen.sample["x_obs"], seen.sample["x_sim"], label=seen.label))
            both = seen.moves()
            if both is not None:
                drawn += [figures.return_distribution(*both, label=seen.unit, has_quantiles=not seen.domain.is_coded),
                          figures.autocorrelations(*both, label=seen.units)]
        if self.history:
            columns = {name: np.array([row[name] for row in self.history]) for name in self.history[0]}
            drawn.insert(0, figures.learning_curves(
                columns, self.config["parameters"], start=self.start, estimate=self.estimate,
                interval=self.interval))
        return drawn


def write_result(run: Any, fit: Fit) -> None:
    """Write a finished run's files, the result last: a run that has one is complete."""
    if fit.history:
        run.save_history(fit.history)
    else:  # no game was played: the columns of one, and no row
        write_atomically(run.path / HISTORY, ",".join(["generation", "loss", *fit.estimate]) + "\n")
    run.save_arrays("sample.npz", fit.sample)
    if fit.draws:
        run.save_arrays("draws.npz", {"names": np.array(list(fit.draws)), "draws": np.stack([*fit.draws.values()], 1)})
    run.save_json("result.json", fit.result)
