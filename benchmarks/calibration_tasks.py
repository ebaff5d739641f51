"""What `calibration.py` calibrates: each task is one entry of TASKS.

Nothing is told about a truth: searches begin where `fastmas.calibrate` begins by itself, in the model's own box. All
data are handed over, and `calibrate` holds out what it wants to judge by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import franke_westerhoff
import lines
import numpy as np
from lines import Row

import fastmas as fm

Values = dict[str, float]

# exact2: the bound of log kappa for 1,000 paths where bounds.jsonl has no such set: a particle filter's at
# gamma = 2, rho = .1.
BOUND_KAPPA = np.array([0.3, 0.5, 0.7, 1.0, 2.0, 4.0])
BOUND_SD = np.array([0.117, 0.045, 0.026, 0.015, 0.008, 0.007])
BOUND_PATHS = 1000  # that a bound is for
FIRST_SEED = 30_000
N_PATHS = 1000  # of a data set; the estimate's last step uses all of them
OFF = 0.06  # a logarithm that is too far off
# smoothed3
SMOOTHED_WINDOWS = ((2, 5), (3, 8), (4, 10), (2, 9), (5, 7))  # that the bounds are for
SMOOTHED = {"b": 1.0, "c": 1.0, "d": 0.5}
SMOOTHED_BOUNDS = {"b": 0.024, "c": 0.12, "d": 0.0021}
NEAR, FAR, WRONG_BASIN = 3.0, 5.0, 20.0  # bounds
# series3
N_PRICES, WARMUP = 2000, 200
# fw5: mean RMSE of okarlicek/DiplomaThesis, each from 3 x 10^5 calls of 400 paths
PUBLISHED = {"SMM": 1.372, "NPSMLE": 1.078, "ABC-SMC": 1.240, "likelihood-SMC": 1.050}
LEAST_CORRELATED = 3  # sets


@dataclass(frozen=True)
class DataSet:
    """A model, what its data were simulated with, and the data; errors are counted in `units`, 1 if not given.

    A game begins at `start`, which no fit moves, if there is one.
    """

    model: fm.Model
    truth: Values
    data: np.ndarray
    units: Values = field(default_factory=dict)
    start: Values | None = None


@dataclass(frozen=True)
class Task:
    """Data sets by their number and how errors are counted.

    `logs` are the parameters whose errors are logarithms, `unit` says what an error is counted in, and `further`
    gives lines of its own about the rows of one updater.
    """

    goal: str
    make: Callable[[int], DataSet]
    logs: frozenset[str] = frozenset()
    unit: str = ""
    n_sets: int = 20
    further: Callable[[Sequence[Row]], Iterator[str]] = lambda rows: iter(())

    def errors(self, truth: Mapping[str, float], values: Mapping[str, float]) -> Values:
        return {n: float(np.log(values[n] / truth[n])) if n in self.logs else values[n] - truth[n] for n in truth}


def drawn(rng: np.random.Generator, **ranges: tuple[float, float]) -> Values:
    """Log-uniform values."""
    return {name: float(np.exp(rng.uniform(*np.log(ends)))) for name, ends in ranges.items()}


def paths(model: fm.Model, truth: Values, seed: int) -> np.ndarray:
    """1,000 paths of t = 50..100."""
    return fm.simulate(model, truth, n_paths=N_PATHS, n_steps=100, warmup=50, seed=seed)


# ---- exact2
def exact_market(number: int) -> tuple[Any, Values]:
    """Model and truth of a data set, whose bound `bounds.py` finds."""
    rng = np.random.default_rng(20_000 + number)
    truth = drawn(rng, kappa=(0.7, 4.0)) | {"gamma": float(rng.uniform(1.5, 4.0))}
    return fm.models.stock_market(windows_seed=number), truth


@cache
def bounds() -> dict[int, Row]:
    return {row["set"]: row for row in lines.read(lines.place_of("bounds")) if "set" in row}


def bound(number: int, truth: Values) -> float:
    """Of log kappa, for as many paths as the estimate uses."""
    row = bounds().get(number)
    sd = (row["sd"] if row is not None and row["truth"] == truth
          else np.exp(np.interp(np.log(truth["kappa"]), np.log(BOUND_KAPPA), np.log(BOUND_SD))))
    return float(sd * np.sqrt(BOUND_PATHS / N_PATHS))


def exact2(number: int) -> DataSet:
    market, truth = exact_market(number)
    return DataSet(market, truth, paths(market, truth, FIRST_SEED + number), {"kappa": bound(number, truth)})


def exact2_further(rows: Sequence[Row]) -> Iterator[str]:
    errors = np.array([list(row["errors"].values()) for row in rows])
    yield f"off by more than {OFF} in a logarithm: {(np.abs(errors) > OFF).sum()} of {errors.size}"


# ---- starts drawn from the box
def from_the_box(make: Callable[[int], DataSet], names: str) -> Callable[[int], DataSet]:
    """The same data sets, each with a start that is uniform over the model's box in search coordinates."""
    def made(number: int) -> DataSet:
        case = make(number)
        space = case.model.space(names.split(","))
        region = space.region
        z = np.random.default_rng([71, number]).uniform(region.low, region.high)
        return replace(case, start=dict(zip(space.free, space.to_theta(z).tolist(), strict=True)))

    return made


# ---- market5
def market5(number: int) -> DataSet:
    rng = np.random.default_rng(777 + number)
    truth = drawn(rng, kappa=(0.5, 4), gamma=(1, 5), rho=(0.03, 0.25), sigma_fundamental=(0.3, 6))
    truth["v1"] = float(rng.uniform(0.05, 0.9))
    market = fm.models.stock_market()
    return DataSet(market, truth, paths(market, truth, 900 + number))


# ---- smoothed3
def smoothed3(number: int, first_seed: int = 40, **windows: Any) -> DataSet:
    market = fm.models.stock_market(rule="smoothed", signal_weights="separate",
                                    **windows or {"windows": SMOOTHED_WINDOWS})
    return DataSet(market, dict(SMOOTHED), paths(market, SMOOTHED, first_seed + number), dict(SMOOTHED_BOUNDS))


def smoothed3_drawn(number: int) -> DataSet:
    return smoothed3(number, 60_000, windows_seed=number)


def smoothed3_further(rows: Sequence[Row]) -> Iterator[str]:
    off = np.abs([[error / row["units"][n] for n, error in row["errors"].items()] for row in rows])
    yield (f"within {NEAR:g} bounds: {(off <= NEAR).sum()} of {off.size}; beyond {FAR:g}: {(off > FAR).sum()}; in the "
           f"wrong basin (an error beyond {WRONG_BASIN:g}): {(off > WRONG_BASIN).any(axis=1).sum()} of {len(off)} runs")


# ---- series3
def series3(number: int) -> DataSet:
    truth = drawn(np.random.default_rng(40_000 + number), kappa=(0.7, 2), gamma=(1.5, 4), rho=(0.05, 0.2))
    market = fm.models.stock_market()
    series = fm.simulate(market, truth, n_paths=1, n_steps=WARMUP + N_PRICES - 1, warmup=WARMUP, seed=50_000 + number)
    return DataSet(market, truth, series[0])


# ---- fw5
def fw5(number: int) -> DataSet:
    units = {name: float(np.sqrt(abs(value))) for name, value in franke_westerhoff.TRUTH.items()}
    return DataSet(franke_westerhoff.Prices(), dict(franke_westerhoff.TRUTH), franke_westerhoff.prices(number), units)


@cache
def oracle() -> dict[int, Values]:
    """Posterior means of the exact likelihood, by the number of the data set."""
    return {row["set"]: row["mean"] for row in lines.read(lines.place_of("franke_westerhoff")) if "set" in row}


def fw5_further(rows: Sequence[Row]) -> Iterator[str]:
    yield franke_westerhoff.RMSE + ":"
    known = [row for row in rows if row["set"] in oracle()]
    oracles = [oracle()[row["set"]] for row in known]
    found = {"estimate": rows, "start": rows, "posterior_mean": [row for row in rows if "posterior_mean" in row]}
    for what, with_it in found.items():
        if with_it:
            yield scored(what.replace("_", " "), [row[what] for row in with_it])
    if known:
        yield scored("exact likelihood", oracles)
    middle = {name: sum(ends) / 2 for name, ends in franke_westerhoff.BOX.items()}
    yield scored("middle of the box, which is the prior's mean", [middle])
    best = {n: franke_westerhoff.TRUTH[n] if n in ("phi", "chi") else x for n, x in middle.items()}
    yield scored("a constant, right in phi and chi and the middle in others", [best])
    yield "  published " + ", ".join(f"{name} {value:.3f}" for name, value in PUBLISHED.items())
    for what in ("estimate", "posterior_mean"):
        mine = [row[what] for row in known if what in row]
        if len(mine) == len(known) >= LEAST_CORRELATED:
            yield f"  correlation of the {what.replace('_', ' ')} with the mean of the exact likelihood: " + ", ".join(
                f"{n} {np.corrcoef([x[n] for x in mine], [x[n] for x in oracles])[0, 1]:.2f}" for n in middle)


def scored(what: str, estimates: Sequence[Values]) -> str:
    """The protocol's figure for some estimates, with its standard error (delta method) if there are several."""
    found = np.array([[x[n] for n in franke_westerhoff.TRUTH] for x in estimates])
    each, truth = franke_westerhoff.root_mean_square(found), np.array(list(franke_westerhoff.TRUTH.values()))
    by_set = ((found - truth) ** 2 / np.abs(truth) / np.where(each > 0, 2 * each, 1)).mean(axis=1)
    error = f" +- {by_set.std(ddof=1) / np.sqrt(len(found)):.3f}" if len(found) > 1 else ""
    return (f"  {what}: {each.mean():.3f}{error} (" +
            ", ".join(f"{n} {x:.2f}" for n, x in zip(franke_westerhoff.TRUTH, each, strict=True)) + ")")


TASKS: dict[str, Task] = {
    "exact2": Task(
        "the exact market, 1,000 paths, windows drawn anew for each: log kappa 1.15 bounds of its data set, log gamma "
        f".012, none off by more than {OFF}",
        exact2, frozenset({"kappa", "gamma"}), "kappa in bounds", further=exact2_further),
    "exact2-box": Task(
        "the same from starts drawn from the box, no fit before the game: log kappa 1.3 bounds, log gamma .02, none "
        "off by more than .1", from_the_box(exact2, "kappa,gamma"), frozenset({"kappa", "gamma"}), "kappa in bounds",
        further=exact2_further),
    "market5": Task(
        "the exact market, 1,000 paths: rms at most that of the moment fit in each coordinate, and below it in kappa "
        "and sigma_fundamental; coverage 85 to 95%; no false \"not each of them\"",
        market5, frozenset({"kappa", "gamma", "rho", "sigma_fundamental"})),
    "smoothed3": Task(
        "the paper's smoothed market, 1,000 paths: 54 of 60 errors within 3 bounds, none beyond 5, no run in the wrong "
        "basin", smoothed3, unit="bounds", further=smoothed3_further),
    "smoothed3-drawn": Task(
        "the same with windows drawn anew for each: no run in the wrong basin. The unit is the bound at the windows of "
        "smoothed3; for a regression on path moments, d is 1.0 to 2.7 times as hard to find at these",
        smoothed3_drawn, unit="bounds of other windows", further=smoothed3_further),
    "smoothed3-box": Task(
        "the same from starts drawn from the box, no fit before the game: within 3 bounds in 19 of 20",
        from_the_box(smoothed3, "b,c,d"), unit="bounds", further=smoothed3_further),
    "series3": Task(
        f"one series of {N_PRICES:,} prices of the exact market, after {WARMUP} steps: rms at most that of the moment "
        "fit in each coordinate, coverage 85 to 95%", series3, frozenset({"kappa", "gamma", "rho"})),
    "fw5": Task(
        "Franke and Westerhoff, one series of 3,000 prices: RMSE at most .75; correlation with the mean of the exact "
        "likelihood at least .9 (phi) and .4 (alpha_0, alpha_n, alpha_p); coverage 85 to 95%; at most 10^5 paths and 3 "
        "minutes a data set", fw5, unit="sqrt |truth|", n_sets=100, further=fw5_further),
}
