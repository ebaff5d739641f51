"""What two observables say together, beside what each says alone.

Of two that are numbers: products of what is read of them step by step, at once and one step apart, and of its sizes. Of
a code beside a number: powers and steps of the number where the code is, which are its law given the code (a price is
read where there was a trade). Of two codes: how often both are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from fastmas.statistics.level_figures import BOUND, EDGES, Columns, step
from fastmas.statistics.views import View

SHIFTS = (0, 1, -1)  # steps by which the second is earlier
POWERS = (1, 2, 3, 4)


def joint(views: Sequence[View], paths: np.ndarray) -> Columns:
    """Of paths (n, k, n_times), by name."""
    moves = {view.place: _moves(view, paths) for view in views if not view.domain.is_coded}
    for one, other in combinations(views, 2):
        coded = [view for view in (one, other) if view.domain.is_coded]
        if not coded:
            yield from _of_numbers(one, other, moves[one.place], moves[other.place])
        elif len(coded) == 2:
            yield from _of_codes(one, other, paths)
        else:
            number = other if one.domain.is_coded else one
            yield from _within(coded[0], number, paths, moves[number.place])


def of_both(one: View, other: View, what: str) -> str:
    """The name of a joint figure of two observables."""
    return f"{one.name} and {other.name}: {what}"


def within(coded: View, number: View, code: float, what: str) -> str:
    """The name of a figure of one observable where another has a code."""
    return f"{number.name} where {coded.name} is {code:g}: {what}"


def _moves(view: View, paths: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(view.scaling.moves(view.of_paths(paths)), dtype=np.float64), -BOUND, BOUND)


def _of_numbers(one: View, other: View, a: np.ndarray, b: np.ndarray) -> Columns:
    for shift in SHIFTS:
        early, late = slice(None, -1), slice(1, None)
        x, y = (a, b) if shift == 0 else (a[:, late], b[:, early]) if shift > 0 else (a[:, early], b[:, late])
        yield of_both(one, other, f"product {shift:+d}"), (x * y).mean(axis=1)
    yield of_both(one, other, "product of sizes"), (np.abs(a) * np.abs(b)).mean(axis=1)


def _of_codes(one: View, other: View, paths: np.ndarray) -> Columns:
    for (code, here), (another, there) in ((a, b) for a in one.indicators(paths) for b in other.indicators(paths)):
        yield of_both(one, other, f"{code:g} with {another:g}"), (here & there).mean(axis=1)


def _within(coded: View, number: View, paths: np.ndarray, moves: np.ndarray) -> Columns:
    for code, there in coded.indicators(paths):
        weight = there[:, 1:].astype(np.float64)
        power = weight
        for k in POWERS:
            power = power * moves
            yield within(coded, number, code, f"power {k}"), power.mean(axis=1)
        for edge in EDGES:
            yield within(coded, number, code, f"beyond {edge:g}"), (weight * step(moves - edge)).mean(axis=1)
