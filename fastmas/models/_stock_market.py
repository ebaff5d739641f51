"""The stock market's configuration: its parameters, its sizes and modes, its technical traders' windows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastmas.errors import ModelError, ParameterError
from fastmas.parameters import Parameter, is_whole, shown

MODES = ("agents", "aggregate")
MOST_AGENTS = {"agents": 2**31 - 1, "aggregate": 10**12}  # of a type; float64 counts are exact, law to 1e-9
MOST_OWNERS = 10**7  # agents of a type with values of their own
MOST_WINDOWS = 10**6  # pairs that are drawn
DRAWN_SINGLY = 1000
LONGEST_DRAWN = 10
WORTH_AGGREGATING = 100  # agents of a type cost what its one number does, or a little more

_SECTION_4 = "s. 4"
_OPEN = "not given in the paper; see the module's docstring"
COMMON = (
    Parameter(name="rho", default=0.1, low=1e-3, high=0.5, scale="log",
              doc="price impact: largest proportional change of the price in a step", source=_OPEN),
    Parameter(name="sigma_public", default=1.0, low=0.01, high=100.0, scale="log",
              doc="sd of the public signal S", source=_SECTION_4),
    Parameter(name="sigma_individual", default=3.0, low=0.01, high=100.0, scale="log",
              doc="sd of the individual signals S_i", source=_SECTION_4),
    Parameter(name="sigma_fundamental", default=1.0, low=0.05, high=50.0, scale="log", unit="price units",
              doc="sd of a fundamental trader's view of the value", source=_OPEN),
    Parameter(name="mu1", default=100.0, low=1.0, high=1e4, scale="log", unit="price units",
              doc="mean of the fundamental value, eq. (7)", source=_SECTION_4),
    Parameter(name="v1", default=0.1, low=0.0, high=1.0, unit="per step",
              doc="mean reversion of the fundamental value, eq. (7)", source=_SECTION_4),
    Parameter(name="mu2", default=0.01, low=1e-6, high=25.0, scale="log", unit="price units^2",
              doc="mean of the value's variance, eq. (8)", source=_SECTION_4),
    Parameter(name="v2", default=0.1, low=0.0, high=1.0, unit="per step",
              doc="mean reversion of the value's variance, eq. (8)", source=_SECTION_4),
    Parameter(name="price_0", default=100.0, low=1.0, high=1e4, scale="log", unit="price units",
              doc="P(0)", source=_SECTION_4),
    Parameter(name="value_0", default=100.0, low=1.0, high=1e4, scale="log", unit="price units",
              doc="P*(0)", source=_SECTION_4),
    Parameter(name="variance_0", default=0.01, low=0.0, high=100.0, unit="price units^2",
              doc="sigma(0)", source=_SECTION_4),
)
TEMPERATURE = Parameter(name="temperature", default=1.0, low=1e-3, high=10.0, scale="log",
                        doc="width of the relaxed rules; exact as it goes to zero", source="this project")
KAPPA = Parameter(name="kappa", default=1.0, low=0.2, high=8.0, scale="log",
                  doc="|b|/|c|, weight of the public against the individual signal", source="eq. (3)")
B = Parameter(name="b", default=1.0, low=0.05, high=20.0, scale="log",
              doc="weight of the public signal; its sign is not identified", source="eq. (3)")
C = Parameter(name="c", default=1.0, low=0.05, high=20.0, scale="log",
              doc="weight of the individual signal; its sign is not identified", source="eq. (3)")
GAMMA = Parameter(name="gamma", default=2.0, low=0.5, high=8.0, scale="log", unit="price units",
                  doc="threshold of the technical traders", source="eq. (6); value " + _OPEN)
D = Parameter(name="d", default=0.5, low=0.01, high=10.0, scale="log", unit="per price unit",
              doc="sensitivity of the technical traders", source=_SECTION_4)


def check_count(name: str, count: Any) -> None:
    """Raise ParameterError unless `count` is a number of traders."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
        raise ParameterError(f"{name}={shown(count)}: give a whole number of traders, 0 or more")
    if count > MOST_AGENTS["aggregate"]:
        raise ParameterError(f"{name}={count}: at most {MOST_AGENTS['aggregate']} traders of a type")


def choose_mode(mode: str, counts: tuple[int, int], objection: str) -> str:
    """The mode that runs: as asked for, or the cheaper one for these numbers of noise and fundamental traders.

    Parameters
    ----------
    objection : str
        Why the traders of a type are not all alike; "" if they are.

    Raises
    ------
    ModelError
        An unknown mode, or "aggregate" against an objection.
    """
    if mode not in ("auto", *MODES):
        raise ModelError(f"mode={mode!r} is none of: auto, {', '.join(MODES)}")
    if mode == "aggregate" and objection:
        raise ModelError(f"mode='aggregate' draws one number for all traders of a type, but {objection}: "
                         "use mode='agents'")
    if mode != "auto":
        return mode
    types = sum(count > 0 for count in counts)
    return "aggregate" if not objection and sum(counts) > WORTH_AGGREGATING * types else "agents"


def check_size(name: str, count: int, mode: str, objection: str) -> None:
    """Raise ParameterError if this mode has no words for so many traders."""
    if count > MOST_AGENTS[mode]:
        remedy = objection or "use mode='aggregate'"
        raise ParameterError(
            f"{name}={count}: mode={mode!r} has words for at most {MOST_AGENTS[mode]} traders of a type; {remedy}")


def draw_windows(seed: Any, n: int) -> tuple[tuple[int, int], ...]:
    """Pairs (l1, l2) of n traders, drawn from {2..10} by this seed; the first pairs are the same for every n.

    Raises
    ------
    ParameterError
        If the seed is not a whole number in [0, 2**32), or n too large.
    """
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ParameterError(f"windows_seed={shown(seed)}: give a whole number in [0, 2**32)")
    if n > MOST_WINDOWS:
        raise ParameterError(f"n_technical={n}: windows are drawn for at most {MOST_WINDOWS} traders; give one pair "
                             "for all, as windows=[(3, 8)] in Python or windows=3:8 on the command line")
    rng = np.random.Generator(np.random.Philox(key=int(seed)))
    lengths = np.arange(2, LONGEST_DRAWN + 1)
    singly = [sorted(rng.choice(lengths, size=2, replace=False)) for _ in range(min(n, DRAWN_SINGLY))]
    short, long = np.triu_indices(len(lengths), 1)
    drawn = rng.integers(0, len(short), size=max(n - DRAWN_SINGLY, 0))
    together = np.stack([lengths[short[drawn]], lengths[long[drawn]]], axis=1).tolist()
    return tuple((int(l1), int(l2)) for l1, l2 in [*singly, *together])


def window_pairs(windows: Any) -> tuple[tuple[int, int], ...]:
    """Windows as pairs of whole numbers."""
    pairs = list(windows) if isinstance(windows, Iterable) and not isinstance(windows, str) else [windows]
    for pair in pairs:
        if not (hasattr(pair, "__len__") and len(pair) == 2 and all(is_whole(length) for length in pair)):
            raise ParameterError(
                f"windows={shown(pair)}: give pairs of whole numbers, as [(2, 6), (3, 9)] in Python "
                "or windows=2:6,3:9 on the command line")
    return tuple((int(l1), int(l2)) for l1, l2 in pairs)


class WindowGroups(NamedTuple):
    """Technical traders by their windows, in the order of their first members.

    `table` is int64 (n_groups, 4): l1, l2, how many traders the groups before have, how many this one
    has. `group` is the group of each trader.
    """

    table: np.ndarray
    group: np.ndarray


def group_windows(short: np.ndarray, long: np.ndarray, n: int) -> WindowGroups:
    """The groups of n traders with these window lengths, one each or one pair for all."""
    if n == 0:
        return WindowGroups(np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int64))
    return _group(short.tobytes(), long.tobytes(), n)


@lru_cache(maxsize=64)
def _group(short: bytes, long: bytes, n: int) -> WindowGroups:
    pairs = np.rint(np.stack([np.frombuffer(short), np.frombuffer(long)], axis=1)).astype(np.int64)
    if len(pairs) == 1:
        return WindowGroups(np.array([[*pairs[0], 0, n]]), np.broadcast_to(np.int64(0), n))
    codes = (pairs[:, 0] << 32) | pairs[:, 1]
    _, first, group = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    group = np.argsort(order)[group]
    counts = np.bincount(group)
    starts = np.cumsum(counts) - counts
    return WindowGroups(np.column_stack([pairs[first[order]], starts, counts]), group)


def by_group(values: np.ndarray, groups: list[WindowGroups]) -> np.ndarray:
    """Each theta's own values (n_theta, n_traders), group after group and ascending within each."""
    return np.stack([row[np.lexsort((row, one.group))] for row, one in zip(values, groups, strict=True)])


def group_tables(groups: list[WindowGroups]) -> np.ndarray:
    """For each theta its number of groups and their tables, (n_theta, 1 + 4 * most groups), zeros behind."""
    most = max(len(one.table) for one in groups)
    out = np.zeros((len(groups), 1 + 4 * most), dtype=np.int64)
    for row, one in zip(out, groups, strict=True):
        row[0] = len(one.table)
        row[1:1 + one.table.size] = one.table.ravel()
    return out
