"""Whatever holds a table or an array, read: a file, a built-in name, or a pandas object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fastmas.data.files import load
from fastmas.data.query import Query
from fastmas.data.series import read_table
from fastmas.data.tables import Table, as_table
from fastmas.data.told import Reading


def read_source(data: str | Path | pd.DataFrame | pd.Series, query: Query) -> Reading | np.ndarray:
    """Numbers of a table in order of time, or the array of a NumPy file as it stands there.

    Raises
    ------
    DataError
        If the data cannot be read, or not in one way alone; names the file, row, column, value and remedy.
    MemoryLimitError
        If they need more memory than there is.
    """
    if isinstance(data, (str, Path)):
        loaded = load(data, query)
        return read_table(loaded, query) if isinstance(loaded, Table) else loaded
    if isinstance(data, pd.DataFrame):
        return read_table(as_table("DataFrame", data), query)
    name = "price" if data.name is None else str(data.name)
    table = as_table("Series", data.to_frame(name))
    return read_table(table, query if query.columns else replace(query, column=(name,)))
