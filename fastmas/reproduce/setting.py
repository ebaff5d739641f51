"""Section 4 in numbers, with every choice that its text leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from fastmas.errors import ParameterError

N_FREE = {"b": 7, "c": 7, "d": 5}  # values of each where the traders own them
NAMES = tuple(N_FREE)
WINDOWS_OF_DATA = {"settled": "t1", "start": "1", "literal": "1"}
CRITERION = 0.015  # "uniformly smaller than 1.5%"
PAPER_MINUTES = 40.0


@dataclass(frozen=True)
class Choice:
    """A place where the text can be read in several ways: what it says, what is done here, what else there is."""

    what: str
    text: str
    taken: str
    otherwise: str = ""


@dataclass(frozen=True)
class Setting:
    """The paper's experiment.

    `window` says which 50 prices data and generator show: "settled", t1..t1+49 of both; "start", 1..50 of both;
    "literal", 1..50 of the data and t1..t1+49 of the generator, as eq. (1) and the description of the data read.
    `n_starts` starts of each run; `n_law` paths of the law of the error; `iterations` of the paper's game.
    `quick` says that sizes were cut.
    """

    b: float = 1.0
    c: float = 1.0
    d: float = 0.5
    rho: float = 0.1
    windows: tuple[tuple[int, int], ...] = ((2, 5), (3, 8), (4, 10), (2, 9), (5, 7))
    window: str = "settled"
    t1: int = 50
    n_times: int = 50
    n_paths: int = 1000
    n_heldout: int = 50
    iterations: int = 2000
    rate: float = 0.002
    hidden: tuple[int, int] = (32, 32)
    n_starts: int = 3
    n_law: int = 10_000
    n_information: int = 60_000
    rhos: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2)
    n_drawn_windows: int = 4
    n_at_bound: int = 100
    generations: int | None = None
    seed: int = 1
    quick: bool = False

    def __post_init__(self) -> None:
        if self.window not in WINDOWS_OF_DATA:
            raise ParameterError(f"window={self.window!r}: give one of {', '.join(WINDOWS_OF_DATA)}")
        for name in ("n_paths", "iterations", "n_starts"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name}={getattr(self, name)}: give a whole number of at least 1")

    @property
    def truth(self) -> np.ndarray:
        """b, c, d, (3,)."""
        return np.array([self.b, self.c, self.d])

    @property
    def first_of_data(self) -> int:
        """The step of the first price of the data: P(0) is the same for all and says nothing."""
        return self.t1 if self.window == "settled" else 1

    @property
    def first_of_generator(self) -> int:
        return 1 if self.window == "start" else self.t1

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Setting:
        """Undo `plain`, from what JSON has made of it."""
        given = {f.name: plain[f.name] for f in fields(cls)}
        return cls(**{name: _tuples(value) for name, value in given.items()})


def quick(setting: Setting) -> Setting:
    """The same in about a minute: too few iterations to arrive anywhere."""
    return replace(setting, iterations=60, generations=6, n_law=1000, n_information=10_000,
                   n_drawn_windows=2, n_at_bound=20, rhos=(0.01, 0.1), quick=True)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def choices(setting: Setting) -> list[Choice]:
    """What the text leaves open, and what was taken."""
    pairs = ", ".join(f"({a}, {b})" for a, b in setting.windows)
    return [
        Choice("rho", "not given", f"{setting.rho:g}; the law of the error is shown for others"),
        Choice("sd of a fundamental trader's view", "sigma_F is not given", "1 price unit"),
        Choice("windows of the technical traders", "drawn at random from {2..10}, not told",
               f"{pairs}, the same in data and generator; the law of the error is shown for other draws"),
        Choice("which prices", "data P(0..50), generator from t1 = 50 (100 in section 5)", {
            "settled": f"t = {setting.t1} to {setting.t1 + setting.n_times - 1} of both",
            "start": f"t = 1 to {setting.n_times} of both",
            "literal": f"t = 1 to {setting.n_times} of the data, from {setting.t1} on of the generator",
        }[setting.window],
            "--window settled, start, literal"),
        Choice("moving averages", "l + 1 terms divided by l, of prices up to P(t), which is being made",
               "the mean of the l prices before t", "moving_average='literal' in fastmas.models.stock_market"),
        Choice("decisions at t", "see P(t), which they make", "see P(t - 1)"),
        Choice("variance below zero", "eq. (8) takes its square root", "full truncation",
               "reflection, absorption in fastmas.models.stock_market"),
        Choice("sigma_P = 1, sigma_I = 3", "letters not defined", "sd of the public and of the individual signals"),
        Choice("what the discriminator sees", "H is the identity; prices near 100",
               "log prices, less their mean and over their sd in the data: of raw prices a network sees little"),
        Choice("noise of the generator", "not told", "new in every iteration"),
        Choice("Adam", "rate .002; the rest not told", "betas .9, .999, one step of either player in an iteration"),
        Choice("loss of the generator", "eq. (1): log(1 - D)", "the same (saturating) in runs marked as the paper's"),
        Choice("how many parameters", "sets {b_i}, {c_i}, {d_i}, of which all have one value",
               "tied: 3 values; separate: 19", "--tied, --separate"),
        Choice("signs", "a start may be negative, as b ended at -1 there",
               "b, c, d of either sign; signs of b and c are folded away before errors are taken"),
        Choice("the estimate", "where the game ended", "the last iteration where the game is the paper's; the "
               "library's own average over the last part of a game elsewhere"),
    ]
