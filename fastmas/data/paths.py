"""Long tables of many paths, one row per path and time, as `fastmas simulate` writes them."""

from __future__ import annotations

import numpy as np

from fastmas.data.tables import Table
from fastmas.errors import DataError

PATH_NAMES = ("path", "t", "theta")


def pivot(table: Table, path: int, t: int, paths: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Order of the rows by path and time, and the shape (n_paths, n_times) that they then fill.

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
    place = f"{table.source}, column {table.name(t)!r}"
    if counts.min() < counts.max():
        short = counts.argmin()
        raise DataError(f"{place}: path {ids[short]:g} has {counts[short]} times and others {counts.max()}; give every "
                        "path the same times")
    grid = times[order].reshape(len(ids), -1)
    other = np.flatnonzero((grid != grid[0]).any(axis=1))
    if other.size:
        raise DataError(f"{place}: path {ids[other[0]]:g} has other times than path {ids[0]:g}; give every path the "
                        "same times")
    return order, (len(ids), grid.shape[1])


def _check_one_theta(table: Table) -> None:
    theta = table.find(PATH_NAMES[2])
    n_theta = 1 if theta is None else table.cells(theta).nunique()
    if n_theta > 1:
        raise DataError(f"{table.source}, column {PATH_NAMES[2]!r}: {n_theta} values of theta; keep the rows of one")
