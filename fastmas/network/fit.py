"""A trained network: it simulates, it says how well it fits, and it is kept without pickle."""

# ruff: noqa: PLC0415  -- the report brings matplotlib, which a fit without pictures must not wait for

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.calibration.workers import Workers
from fastmas.errors import RunDirectoryError
from fastmas.network.simulator import simulate_network
from fastmas.network.transition import Frame, Transition, from_weights, weights_of
from fastmas.parameters import check_seed, check_whole
from fastmas.random.address import Purpose
from fastmas.storage.layout import RESULT
from fastmas.storage.run_directory import RunDirectory

KIND = "network"  # of a run directory, beside calibrations
WEIGHTS, SAMPLE = "network.npz", "sample.npz"


@dataclass(frozen=True)
class NetworkFit:
    """What `fit_network` found.

    `p_value`, `verdict`, `auc_heldout` and `told_apart` are those of `fastmas.calibration.fit.Fit`, and mean the same.
    `history` has one row per generation, `result` is what `result.json` holds, and `against`, if a calibration was
    named, is a table of both: a row per figure.
    """

    p_value: float
    verdict: str
    auc_heldout: float
    told_apart: str
    warnings: list[str]
    seconds: float
    paths_simulated: int
    n_parameters: int
    history: list[dict[str, Any]] = field(repr=False)
    result: dict[str, Any] = field(repr=False)
    config: dict[str, Any] = field(repr=False)
    sample: dict[str, np.ndarray] = field(repr=False)
    network: Transition = field(repr=False)

    @classmethod
    def of(cls, network: Transition, config: dict[str, Any], result: dict[str, Any], history: list[dict[str, Any]],
           sample: dict[str, np.ndarray]) -> NetworkFit:
        """Of the content of its files."""
        given = {name: result[name] for name in ("p_value", "verdict", "auc_heldout", "told_apart", "warnings",
                                                 "seconds", "paths_simulated", "n_parameters")}
        return cls(**given, history=history, result=result, config=config, sample=sample, network=network)

    @property
    def against(self) -> dict[str, Any] | None:
        """Mechanism beside black box, "columns" and "rows"; None if no calibration was named."""
        return self.result.get("against")

    def simulate(self, n_paths: int, n_steps: int, seed: int = 1, *, n_threads: int | None = None) -> np.ndarray:
        """Prices (n_paths, n_steps + 1) in float32, in the data's unit; the same seed gives the same bits.

        Paths of more steps than the data's go where no discriminator has been.

        Raises
        ------
        ParameterError
            A number or a seed that cannot be.
        """
        check_whole("n_paths", n_paths, 1)
        check_whole("n_steps", n_steps, 1)
        check_seed(seed)
        workers = Workers(n_threads)
        with workers.at_work():
            return simulate_network(self.network, workers, int(n_paths), int(n_steps) + 1, int(seed), 0,
                                    Purpose.SAMPLE)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a run directory with weights, result, history and report; return the report's path.

        Raises
        ------
        RunDirectoryError, OutputError
            If the folder exists already or cannot be written.
        """
        from fastmas import report

        with RunDirectory.begin(path, self.config, overwrite=overwrite) as run:
            run.save_history(self.history)
            run.save_arrays(SAMPLE, self.sample)
            run.save_arrays(WEIGHTS, weights_of(self.network))
            run.save_json(RESULT, self.result)
            return report.build(run.finish().path)


def load_network(path: str | Path) -> NetworkFit:
    """The network in a folder that `NetworkFit.save` or `fastmas network` wrote.

    Raises
    ------
    RunDirectoryError
        If it is no network's, damaged, of another version or not finished.
    """
    run = RunDirectory.open(path)
    if run.config.get("kind") != KIND:
        raise RunDirectoryError(f"{path} is a calibration's and no network's; give the --out of `fastmas network`")
    if not run.has_result:
        raise RunDirectoryError(f"{path} is not finished: its network was not saved; train it anew with --overwrite")
    weights = run.load_arrays(WEIGHTS)
    try:
        network = from_weights(Frame.from_plain(run.config["network"]), weights)
        return NetworkFit.of(network, run.config, run.load_json(RESULT), run.load_history(), run.load_arrays(SAMPLE))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunDirectoryError(f"{run.path / WEIGHTS} does not belong to its config.json and result.json "
                                f"({' '.join(str(error).split())}); restore them, or train anew") from error
