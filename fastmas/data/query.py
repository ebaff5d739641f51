"""What a user says of a table beside its name: columns, symbol, and how to take what is written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastmas.errors import ParameterError

CHOICES = {"duplicates": ("error", "last", "all"), "missing": ("error", "drop"), "decimal": (None, ".", ",")}


@dataclass(frozen=True)
class Query:
    """How a table is to be read; every default refuses what is not plain.

    Parameters
    ----------
    column : str or sequence of str, optional
        Names of columns, or their numbers from 1, in the order of `observables`.
    observables : tuple of str
        Names to look for where no column is named.
    symbol : str, optional
        The one that is read of several stacked in a table, or side by side in levels of its columns.
    date_format : str, optional
        Form of the dates, as "%d/%m/%Y".
    duplicates : {"error", "last", "all"}
        Of rows with one date: refuse, keep the last, or keep all in their order. The last two sort by date.
    missing : {"error", "drop"}
        Of rows without a value: refuse, or leave out.
    decimal : {None, ".", ","}
        The decimal mark, where a file does not tell it.

    Raises
    ------
    ParameterError
        A value that is none of these.
    """

    column: str | Sequence[str] | None = None
    observables: tuple[str, ...] = ()
    symbol: str | None = None
    date_format: str | None = None
    duplicates: str = "error"
    missing: str = "error"
    decimal: str | None = None

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            given: Any = getattr(self, name)
            if not any(given is choice or (isinstance(given, str) and given == choice) for choice in choices):
                listed = ", ".join(choice if choice.isalpha() else repr(choice) for choice in filter(None, choices))
                raise ParameterError(f"{name}={given!r}: give one of {listed}")
        for name in ("symbol", "date_format"):
            given = getattr(self, name)
            if given is not None and (not isinstance(given, str) or not given.strip()):
                raise ParameterError(f"{name}={given!r}: give a text, or leave it out")
        if self.date_format is not None and "%" not in self.date_format:
            raise ParameterError(f"date_format={self.date_format!r}: give a form such as %d/%m/%Y")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names or numbers of columns as they were given."""
        if self.column is None:
            return ()
        return (str(self.column),) if isinstance(self.column, (str, int)) else tuple(map(str, self.column))
