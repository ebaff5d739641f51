"""The windows of technical traders: drawn from a seed, given by the user, gathered where many traders share a pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastmas.errors import ParameterError
from fastmas.parameters import is_whole, shown

MOST_WINDOWS = 10**6  # pairs that are drawn
DRAWN_SINGLY = 1000
LONGEST_DRAWN = 10

Pairs = tuple[tuple[int, int], ...]


def draw_windows(seed: Any, n: int) -> Pairs:
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


def window_pairs(windows: Any) -> Pairs:
    """Windows as pairs of whole numbers.

    Raises
    ------
    ParameterError
        If they are none.
    """
    pairs = list(windows) if isinstance(windows, Iterable) and not isinstance(windows, str) else [windows]
    for pair in pairs:
        if not (hasattr(pair, "__len__") and len(pair) == 2 and all(is_whole(length) for length in pair)):
            raise ParameterError(
                f"windows={shown(pair)}: give pairs of whole numbers, as [(2, 6), (3, 9)] in Python "
                "or windows=2:6,3:9 on the command line")
    return tuple((int(l1), int(l2)) for l1, l2 in pairs)


def gathered(pairs: Pairs) -> tuple[Pairs, tuple[int, ...]]:
    """The different pairs, in the order of their first traders, and how many traders have each."""
    found = Counter(pairs)
    return tuple(found), tuple(found.values())
