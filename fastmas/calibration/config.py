"""What a calibration was asked: the content of config.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fastmas import discriminators
from fastmas.calibration.observed import Observed
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.lowering.program import mode_used


@dataclass(frozen=True)
class Config:
    """Of a run: its model, free parameters and their bounds, the values of all, the data, and the options.

    `curves` says what the columns of history.csv are;
    `model_factory` is what makes the model anew, in a run that can be resumed.
    """

    model: str
    model_config: dict[str, Any]
    rule: str | None
    mode: str | None
    free: list[str]
    values: dict[str, float]
    data: dict[str, Any]
    parameters: dict[str, dict[str, Any]]
    horizon: int
    device: str
    settings: Settings
    curves: dict[str, Any]
    model_factory: str | None = None

    @classmethod
    def of(cls, simulator: Simulator, settings: Settings, model_factory: str | None = None) -> Config:
        """Of a calibration that begins."""
        model, space, data = simulator.model, simulator.space, simulator.observed.observations
        return cls(
            model=model.name, model_config=model.config, rule=getattr(model, "rule", None), mode=mode_used(model),
            free=list(space.free), values=dict(zip(space.entries, space.base.tolist(), strict=True)),
            data=described(simulator.observed),
            parameters={n: {"low": p.low, "high": p.high, "unit": p.unit, "scale": p.scale, "doc": p.doc}
                        for n, p in zip(space.free, space.free_parameters, strict=True)},
            horizon=data.horizon, device=simulator.device, settings=settings,
            curves=discriminators.curves_of(settings.discriminator, settings.objective), model_factory=model_factory)

    def plain(self) -> dict[str, Any]:
        """As it is written: the options stand beside the rest."""
        plain = asdict(self)
        options = plain.pop("settings")
        if self.model_factory is None:
            del plain["model_factory"]
        return {**plain, **options}


def described(observed: Observed) -> dict[str, Any]:
    """Where the data come from, and how much of them there is."""
    data = observed.observations
    return {"source": data.source, "column": data.column, "regime": data.regime, "n_paths": len(data.x_obs),
            "n_times": observed.n_times, "n_heldout": len(data.x_heldout), "warnings": list(data.warnings),
            "names": list(data.names), "domains": list(data.domains)}
