"""What is compiled for one function alone is not there for anybody else."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numba import njit

from fastmas.caching import optimising
from fastmas.caching.optimising import compiling_only
from fastmas.kernel import kernel


@kernel
def checked(x):
    if x > 3.0:
        raise ValueError("too large", x)
    return max(x, 1.0) * 2.0


@kernel
def one_more(x):
    return checked(x) + 1.0


def outer():
    def run(values):
        total = 0.0
        for value in values:
            total += one_more(value)
        return total
    run.__qualname__ = "run"
    return njit(run)


@pytest.fixture
def compiled():
    """The outer function, compiled by its first call, and the kernels inside as new."""
    for one in (checked, one_more):
        one.overloads.clear()
        optimising._inner.pop(one, None)
    function = outer()
    with compiling_only("run"):
        assert function(np.arange(3.0)) == 11.0
    return function


def test_what_is_inside_is_neither_there_nor_machine_code(compiled):
    assert not checked.overloads
    (inside,) = optimising._inner[checked].values()
    with pytest.raises(TypeError):
        inside.entry_point(2.0)
    assert not any(one.name.startswith("_ZN7cpython") for one in inside.library._final_module.functions)


def test_a_kernel_inside_may_be_called_afterwards(compiled):
    assert checked(2.0) == 4.0
    assert one_more(0.0) == 3.0
    with pytest.raises(ValueError, match="too large"):
        checked(9.0)


def test_a_function_of_somebody_else_may_call_it(compiled):
    theirs = njit(lambda x: one_more(x) * 10.0)
    assert theirs(2.0) == 50.0


def test_an_error_inside_knows_its_words(compiled):
    gc.collect()
    with pytest.raises(ValueError, match="too large"):
        compiled(np.arange(9.0))


def test_what_is_inside_is_there_for_the_next_one(compiled):
    (before,) = optimising._inner[checked].values()
    with compiling_only("run"):
        assert outer()(np.arange(2.0)) == 6.0
    assert list(optimising._inner[checked].values()) == [before]
    assert not checked.overloads


def test_numba_is_as_before_even_after_an_error():
    places = [(optimising._owner(path), attribute) for path, attribute in optimising.REPLACED]
    before = [getattr(*place) for place in places]

    def fail():
        with compiling_only("run"):
            assert [getattr(*place) for place in places] != before
            assert not gc.isenabled()
            assert optimising.is_active()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [getattr(*place) for place in places] == before
    assert gc.isenabled()
    assert not optimising.is_active()


def test_without_numbas_insides_all_is_compiled_as_ever(monkeypatch):
    monkeypatch.setitem(optimising.REPLACED, ((optimising.codegen, "Nothing"), "at_all"), lambda name, own: own)
    for one in (checked, one_more):
        one.overloads.clear()
        optimising._inner.pop(one, None)
    with compiling_only("run"):
        assert outer()(np.arange(3.0)) == 11.0
    assert len(checked.overloads) == 1
