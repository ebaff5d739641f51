"""A finished run as the `Fit` that it was."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from fastmas.calibration.fit import Fit
from fastmas.errors import RunDirectoryError
from fastmas.storage.run_directory import RunDirectory

OF_RESULT = ("estimate", "interval", "p_value", "verdict", "auc_heldout", "told_apart", "warnings", "seconds",
             "paths_simulated", "start")  # fields of a Fit that stand in result.json under their own names


def load(path: str | Path) -> Fit:
    """The fit in a folder that `fit.save` or a calibration with `out` wrote. No code of a model is run.

    Examples
    --------
    >>> fit = fm.load("run")
    >>> fit.estimate, fit.verdict

    Raises
    ------
    RunDirectoryError
        If it is no calibration's, damaged, changed, of another version or not finished.
    """
    run = RunDirectory.open(path)
    if run.config.get("kind") == "network":
        raise RunDirectoryError(f"{path} is a network's: load it with fastmas.load_network")
    if not run.has_result:
        raise RunDirectoryError(f"{path} is not finished: `fastmas resume {quote(str(path))}` goes on with it")
    result = run.load_json("result.json")
    try:
        drawn = run.load_arrays("draws.npz") if result["draws_method"] else None
        return Fit(**{name: result[name] for name in OF_RESULT}, history=run.load_history(), result=result,
                   config=run.config, sample=run.load_arrays("sample.npz"),
                   draws={} if drawn is None else dict(zip(drawn["names"].tolist(), drawn["draws"].T, strict=True)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(f"{run.path / 'result.json'} is damaged or foreign ({type(error).__name__}: {error}); "
                                "restore it") from error
