"""Addresses of random numbers: who draws, for which path; any other address has other numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastmas.errors import ParameterError
from fastmas.parameters import is_whole


class Address(NamedTuple):
    """Where the random numbers of a call begin: key (seed, run), purpose, first path."""

    seed: int
    run: int = 0
    purpose: int = 0
    first_path: int = 0


class Purpose:
    """Random numbers of a calibration, apart from those of `simulate`, whose purpose is 0."""

    (MOMENTS, WARMUP, TRAINING, CANDIDATES, POOL, VERDICT, INTERVAL, SAMPLE, BOOTSTRAP, POSTERIOR,
     STATIONARITY, OUTLIERS) = range(1, 13)


def address_of(seed: Any, run: Any, purpose: Any) -> Address:
    """The address of a call.

    Raises
    ------
    ParameterError
        A part that is not a whole number in [0, 2**32).
    """
    for name, value in (("seed", seed), ("run", run), ("purpose", purpose)):
        if not is_whole(value) or not 0 <= value < 2**32:
            raise ParameterError(f"{name}={value}: give a whole number in [0, 2**32)")
    return Address(int(seed), int(run), int(purpose))
