"""C files of this package, compiled on this machine when they are first needed, and called by ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.polynomial.chebyshev import chebvander
from scipy.special import ndtr, ndtri

from fastmas.bench.machine import processor
from fastmas.bench.peers import LeftOut
from fastmas.caching.folder import cache_directory

SOURCES = Path(__file__).parent / "c"
FLAGS = ("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC")
QUANTILE_DEGREE, CDF_DEGREE = 6, 8
CDF_END = 5.4  # beyond it 2**32 Phi(-x) would be no positive whole number of this polynomial
FITS = 60


def compiler() -> str:
    """Its name and version.

    Raises
    ------
    LeftOut
        If there is none.
    """
    command = os.environ.get("CC", "gcc")
    if shutil.which(command) is None:
        raise LeftOut(f"there is no C compiler: install {command}, or name one in CC")
    return subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


@cache
def load(source: str, definitions: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The compiled library of a file of `c/`, kept in the folder of compiled kernels.

    `definitions` are NAME or NAME=VALUE for the preprocessor.

    Raises
    ------
    LeftOut
        If there is no compiler, or it does not compile it.
    """
    digest = hashlib.sha256(repr((compiler(), processor(), FLAGS, definitions)).encode())
    for file in sorted(SOURCES.iterdir()):
        digest.update(file.read_bytes())
    library = cache_directory() / f"bench_{Path(source).stem}_{digest.hexdigest()[:20]}.so"
    if not library.exists():
        _compile(SOURCES / source, definitions, library)
    return ctypes.CDLL(str(library))


def _compile(source: Path, definitions: Sequence[str], library: Path) -> None:
    temporary = library.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    command = [os.environ.get("CC", "gcc"), *FLAGS, *(f"-D{one}" for one in definitions), str(source),
               "-o", str(temporary), "-lm"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        temporary.unlink(missing_ok=True)
        said = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
        raise LeftOut(f"{command[0]} does not compile {source.name}: {said}")
    os.replace(temporary, library)


def reals(*values: float) -> ctypes.Array[ctypes.c_float]:
    """A C struct of floats."""
    return (ctypes.c_float * len(values))(*values)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


@cache
def tables() -> np.ndarray:
    """`struct tables` of normal.h: float32, aligned to 64 bytes."""
    content = np.concatenate([quantile_pieces().ravel(), cdf_root(), [CDF_END]]).astype(np.float32)
    room = np.zeros(len(content) + 32, dtype=np.float32)
    start = -room.ctypes.data % 64 // 4
    room[start:start + len(content)] = content
    return room[start:start + len(content)]


def quantile_pieces() -> np.ndarray:
    """Normal quantiles by octave of 2u: (2, degree + 1, 16), highest power first.

    The first half is for 2u of at least 2**-16, the second for less; octaves by the float's exponent modulo 16.
    """
    pieces = np.zeros((2, QUANTILE_DEGREE + 1, 16))
    for exponent in range(31):
        def quantile(x: np.ndarray, scale: float = 2.0 ** (exponent - 32)) -> np.ndarray:
            return ndtri((x + 1.5) * scale)

        fitted = Chebyshev.interpolate(quantile, QUANTILE_DEGREE, domain=[-0.5, 0.5]).convert(kind=Polynomial)
        pieces[int(exponent < 15), :, (exponent + 127) % 16] = fitted.coef[::-1]
    return pieces


def cdf_root() -> np.ndarray:
    """(2 Phi(-x))**(1/4) on [0, CDF_END]: coefficients, highest power first, of a weighted minimax fit."""
    x = CDF_END * np.sin(np.pi / 4 * (1 + np.cos(np.linspace(0, np.pi, 4001)))) ** 2
    wanted = (2.0 * ndtr(-x)) ** 0.25
    basis = chebvander(2.0 * x / CDF_END - 1.0, CDF_DEGREE)
    slope = wanted**3  # what an error of the root does to its fourth power
    weight = np.ones_like(x)
    for _ in range(FITS):
        fitted = np.linalg.lstsq(basis * (weight * slope)[:, None], wanted * weight * slope, rcond=None)[0]
        error = np.abs(basis @ fitted - wanted) * slope
        weight *= (1e-9 + error / error.max()) ** 0.2
        weight /= weight.max()
    return Chebyshev(fitted, domain=[0.0, CDF_END]).convert(kind=Polynomial).coef[::-1]
