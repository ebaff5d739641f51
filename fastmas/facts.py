"""Stylised facts of prices, or of the prices that a model simulates, on the bands of the literature."""

# ruff: noqa: PLC0415  -- a table or a picture brings a library that figures alone must not wait for

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmas.data import observe
from fastmas.errors import DataError, ParameterError, SimulationError
from fastmas.markets import price_of
from fastmas.model import Model
from fastmas.statistics import library_facts
from fastmas.statistics.stylised_facts import FACTS, Fact, log_returns, series_range

PATHS, STEPS, WARMUP = 100, 5000, 200  # series of a model: their number, about twenty years of days, and steps before
MOST_FITTED = 20  # series that a library fits


@dataclass(frozen=True)
class StylisedFacts:
    """What `facts` found.

    `rows` has a mapping for each fact: name, title, value, low and high (None for one series), band, band_source,
    in_band (None without a band), doc and source. `left_out` says in words what is missing, and why.
    """

    source: str
    n_returns: int
    n_series: int
    rows: list[dict[str, Any]] = field(repr=False)
    left_out: list[str] = field(repr=False, default_factory=list)

    @property
    def in_band(self) -> int:
        """How many facts lie in their band."""
        return sum(row["in_band"] is True for row in self.rows)

    @property
    def with_band(self) -> int:
        """How many have one."""
        return sum(row["in_band"] is not None for row in self.rows)

    @property
    def table(self) -> Any:
        """A pandas DataFrame, a row for each fact by its name."""
        import pandas as pd

        columns = ["name", "title", "value", "low", "high", "band", "in_band", "band_source", "doc", "source"]
        return pd.DataFrame(self.rows, columns=columns).set_index("name")

    def plot(self) -> Any:
        """Facts as dots on bands, a matplotlib Figure."""
        from fastmas.report.dots import dots

        several = self.n_series > 1
        return dots(self.rows, band="daily returns, literature", value="median" if several else "value",
                    ends="5% to 95% of series" if several else "")

    def plain(self) -> dict[str, Any]:
        """As JSON has it: an infinite end of a band is None."""
        rows = [{**row, "band": _plain(row["band"])} for row in self.rows]
        return {"source": self.source, "n_returns": self.n_returns, "n_series": self.n_series, "in_band": self.in_band,
                "with_band": self.with_band, "facts": rows, "left_out": self.left_out}

    def __repr__(self) -> str:
        series = f"{self.n_series} series of " if self.n_series > 1 else ""
        return (f"<stylised facts of {self.source}: {series}{self.n_returns} returns, {self.in_band} of "
                f"{self.with_band} in band>")


def facts(data: Any, *, column: str | None = None, theta: Mapping[str, Any] | None = None, paths: int = PATHS,
          steps: int = STEPS, warmup: int = WARMUP, seed: int = 1) -> StylisedFacts:
    """Stylised facts of prices, or of series that a model simulates.

    Parameters
    ----------
    data
        What `fastmas.observe` takes, or its result; or a model that shows a price.
    column : str, optional
        As in `observe`.
    theta : mapping, optional
        Values of a model's parameters in place of its defaults.
    paths, steps, warmup : int
        Series of a model, returns of each, and steps simulated before them.
    seed : int

    Returns
    -------
    StylisedFacts
        Of one series its own figures; of many the median and the range of nine in ten.

    Raises
    ------
    DataError, ParameterError
        Data that cannot be read, an option for the other kind of input.
    ModelError
        A model that shows no price.
    SimulationError
        Hardly any simulated series stays above 0.
    """
    if isinstance(data, Model):
        if column is not None:
            raise ParameterError(f"column={column!r}: a model has no columns; leave it out")
        return _of_model(data, theta, paths, steps, warmup, seed)
    if theta is not None:
        raise ParameterError("theta is for a model; leave it out with data")
    source, prices = _prices(data, column)
    return facts_of(log_returns(prices), source)


def facts_of(returns: np.ndarray, source: str, left_out: tuple[str, ...] = ()) -> StylisedFacts:
    """Facts of returns (n_series, n)."""
    rows, said = [], list(left_out)
    missing: dict[str, list[str]] = {}
    short = []
    for fact in FACTS.values():
        if fact.needs and not library_facts.is_there(fact.needs):
            missing.setdefault(fact.needs, []).append(fact.name)
        elif returns.shape[1] < fact.min_length:
            short.append(fact.name)
        else:
            rows.append(_row(fact, fact.function(returns[:MOST_FITTED] if fact.needs else returns)))
    for package, names in missing.items():
        said.append(f"left out, for want of {package}: {', '.join(names)}; {library_facts.INSTALL}")
    if short:
        said.append(f"left out, for want of returns: {', '.join(short)}")
    return StylisedFacts(source, returns.shape[1], len(returns), rows, said)


def _row(fact: Fact, values: np.ndarray) -> dict[str, Any]:
    values = values[np.isfinite(values)]
    value, low, high = None, None, None
    if len(values) == 1:
        value = float(values[0])
    elif len(values):
        value, low, high = (float(x) for x in series_range(values, values))
    inside = None if fact.band is None or value is None else fact.band[0] <= value <= fact.band[1]
    return {"name": fact.name, "title": fact.title, "value": value, "low": low, "high": high, "band": fact.band,
            "in_band": inside, "band_source": fact.band_source, "doc": fact.doc, "source": fact.source}


def _of_model(model: Model, theta: Mapping[str, Any] | None, paths: int, steps: int, warmup: int,
              seed: int) -> StylisedFacts:
    from fastmas.simulate import simulate

    name = price_of(model).name
    prices = simulate(model, theta, n_paths=paths, n_steps=steps + warmup, warmup=warmup, seed=seed, observable=name)
    prices = prices.astype(np.float64)
    sound = (prices > 0).all(axis=1)
    if not sound.any():
        raise SimulationError(f"model {model.name!r}: all {paths} simulated series fall to 0 or below, and have no "
                              "returns; give other values with theta")
    n_lost = int((~sound).sum())
    lost = (f"{n_lost} of {paths} series fall to 0 or below, and are left out",) if n_lost else ()
    return facts_of(log_returns(prices[sound]), f"model {model.name}", lost)


def _prices(data: Any, column: str | None) -> tuple[str, np.ndarray]:
    """A name of the data, and prices (n_series, n_times)."""
    if not hasattr(data, "x_obs"):
        data = observe(data, column=column)
    elif column is not None:
        raise ParameterError(f"column={column!r}: these data are observed already; give it to `observe`")
    prices = np.concatenate([data.x_obs, data.x_heldout]) if data.series is None else data.series[None]
    if not (prices > 0).all():
        raise DataError(f"{data.source}: facts are those of prices above 0, and {prices.min():g} is among these")
    return data.source + (f", column {data.column}" if data.column else ""), prices


def _plain(band: tuple[float, float] | None) -> list[float | None] | None:
    return None if band is None else [x if math.isfinite(x) else None for x in band]
