"""What the tests of models share: a sample held against an exact law, and bits that no thread may change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from fastmas.engine import threads
from fastmas.lowering.program import program_of
from fastmas.simulate import simulate

UNLIKELY = 1e-5  # p-values below it are faults: seeds are fixed, and some fifty tests have one


def p_of_law(sample: np.ndarray, law: np.ndarray, least: float = 8.0) -> float:
    """The chi-square p-value of whole numbers (n,) under the probabilities (k,) of 0, 1, ...

    Neighbouring cells are taken together until each expects `least` numbers.
    """
    assert sample.min() >= 0
    assert sample.max() < len(law)
    seen, expected = np.bincount(sample, minlength=len(law)), len(sample) * law
    ends, total = [], 0.0
    for k, one in enumerate(expected):
        total += one
        if total >= least:
            ends.append(k + 1)
            total = 0.0
    ends[-1] = len(law)
    seen, expected = (np.add.reduceat(x, [0, *ends[:-1]]) for x in (seen, expected))
    return float(chisquare(seen, expected * seen.sum() / expected.sum()).pvalue)


def whole(paths: np.ndarray) -> np.ndarray:
    """Paths of whole numbers as integers."""
    found = np.rint(paths).astype(np.int64)
    np.testing.assert_array_equal(found, paths)
    return found


def assert_threads_change_no_bit(model, theta=None, n_steps=20):
    """In float64, of every observable; and the model runs in lanes."""
    assert program_of(model).lowering == "lanes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "QUICK", 0.0)
        patch.setattr(threads, "SPAN", 1e-5)
        for observable in model.observables:
            runs = [simulate(model, theta, n_paths=300, n_steps=n_steps, seed=3, dtype="float64", n_threads=n,
                             observable=observable.name) for n in (1, 2, 3)]
            assert runs[0].tobytes() == runs[1].tobytes() == runs[2].tobytes()
            assert np.isfinite(runs[0]).all()
