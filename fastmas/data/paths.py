"""Long tables of many paths, one row per path and time, as `fastmas simulate` writes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmas.data.tables import Table
from fastmas.errors import DataError

PATH_NAMES = ("path", "t", "theta")


def pivot(table: Table, path: int, t: int, paths: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows of each path by time, (n_paths, n_times), and what is left out: longer paths are cut to the shortest.

    Parameters
    ----------
    path, t : int
        Places of the columns of paths and times, whose numbers (n_rows,) are `paths` and `times`.

    Raises
    ------
    DataError
        A time twice, paths of other times than others, or several values of theta.
    """
    _check_one_theta(table)
    order = np.lexsort((times, paths))
    again = (np.diff(paths[order]) == 0) & (np.diff(times[order]) == 0)
    if again.any():
        i = order[1:][again].min()
        raise DataError(f"{table.at(i, t)}: path {paths[i]:g} has t {times[i]:g} twice; drop one of the rows")
    ids, counts = np.unique(paths, return_counts=True)
    within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = order[within < counts.min()].reshape(len(ids), -1)
    grid = times[rows]
    other = np.flatnonzero((grid != grid[0]).any(axis=1))
    if other.size:
        raise DataError(f"{table.source}, column {table.name(t)!r}: path {ids[other[0]]:g} has other times than path "
                        f"{ids[0]:g}; give every path the same times")
    return rows, (cut_in_words(counts.tolist()),) if counts.min() < counts.max() else ()


def cut_in_words(lengths: Sequence[int]) -> str:
    """That paths were cut to the shortest, and what of them is not used."""
    n, total = min(lengths), sum(lengths)
    unused = total - n * len(lengths)
    return (f"paths have {n} to {max(lengths)} values: all are cut to their first {n}, and {unused:,} of {total:,} "
            f"values ({unused / total:.0%}) are not used")


def _check_one_theta(table: Table) -> None:
    theta = table.find(PATH_NAMES[2])
    n_theta = 1 if theta is None else table.cells(theta).nunique()
    if n_theta > 1:
        raise DataError(f"{table.source}, column {PATH_NAMES[2]!r}: {n_theta} values of theta; keep the rows of one")
