"""What a calibration has found so far: all that a resumed one needs, in arrays and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmas.updaters.moments import MomentFit

START, UPDATER, DISCRIMINATOR, OUTLIERS = "start.", "updater.", "discriminator.", "outliers."


@dataclass
class Record:
    """`centres` holds where the search stood after each generation of the present round.

    A round is one game within one region; `region` is its middle, and generations count from zero
    in each. `arrays` are the states of updater and discriminator before `generation`, and `outliers` what
    a robust calibration looks through. `lost` counts paths of a black box that failed.
    """

    start: MomentFit | None = None
    outliers: dict[str, np.ndarray] | None = None
    region: np.ndarray | None = None
    round: int = 0
    generation: int = 0
    is_played: bool = False
    is_settled: bool = True
    centres: list[np.ndarray] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    paths_simulated: int = 0
    lost: dict[str, Any] | None = None

    def pack(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and plain values, for `RunDirectory.save_checkpoint`."""
        arrays = dict(self.arrays)
        if self.start is not None:
            arrays |= {START + "z": self.start.z, START + "covariance": self.start.covariance,
                       START + "distance": np.array(self.start.distance), START + "tau": np.array(self.start.tau),
                       START + "modes": self.start.modes, START + "mode_distances": self.start.mode_distances}
        arrays |= {OUTLIERS + k: v for k, v in (self.outliers or {}).items()}
        if self.region is not None:
            arrays["region"] = self.region
        if self.centres:
            arrays["centres"] = np.stack(self.centres)
        state = {"round": self.round, "generation": self.generation, "is_played": self.is_played,
                 "is_settled": self.is_settled, "rows": self.rows, "seconds": self.seconds,
                 "paths_simulated": self.paths_simulated, "lost": self.lost,
                 "degrees": None if self.start is None else self.start.degrees}
        return arrays, state

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> Record:
        """Undo `pack`."""
        start = None
        if START + "z" in arrays:
            start = MomentFit(arrays[START + "z"], arrays[START + "covariance"],
                              float(arrays[START + "distance"]), int(state["degrees"]), float(arrays[START + "tau"]),
                              arrays[START + "modes"], arrays[START + "mode_distances"])
        kept = {k: v for k, v in arrays.items() if k.startswith((UPDATER, DISCRIMINATOR))}
        outliers = {k.removeprefix(OUTLIERS): v for k, v in arrays.items() if k.startswith(OUTLIERS)} or None
        return cls(start=start, outliers=outliers, region=arrays.get("region"), round=state["round"],
                   generation=state["generation"], is_played=state["is_played"], is_settled=state["is_settled"],
                   centres=list(arrays.get("centres", ())), rows=list(state["rows"]), arrays=kept,
                   seconds=dict(state["seconds"]), paths_simulated=state["paths_simulated"],
                   lost=state.get("lost"))

    @property
    def d(self) -> int:
        """Number of free parameters, once there is a start."""
        assert self.start is not None
        return len(self.start.z)

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays of one part, without its prefix."""
        return {k.removeprefix(prefix): v for k, v in self.arrays.items() if k.startswith(prefix)}

    def keep(self, updater: Mapping[str, np.ndarray], discriminator: Mapping[str, np.ndarray]) -> None:
        """Remember the states of both players."""
        self.arrays = {UPDATER + k: v for k, v in updater.items()}
        self.arrays |= {DISCRIMINATOR + k: v for k, v in discriminator.items()}
