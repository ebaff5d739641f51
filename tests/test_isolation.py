"""What the caller has set changes no bit of a calibration and is given back; several at once are each as alone."""

import threading
from functools import cache

import numpy as np
import pytest
import torch
from small_games import SMALL, market, market_paths
from threadpoolctl import threadpool_info

import fastmas as fm
from fastmas.calibration import budget
from fastmas.calibration.isolation import ONE_THREAD, isolated, one_thread
from fastmas.discriminators.networks import QuadraticInTheta, perceptron


def found(seed=1, **options):
    """All that a calibration finds, without its seconds."""
    given = {"free": ["kappa", "gamma"], "generations": 4, "n_threads": 1, **options}
    fit = fm.calibrate(market(), market_paths(), seed=seed, **given)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in fit.history]
    result = {k: v for k, v in fit.result.items() if not k.startswith("seconds")}
    return rows, result, {k: v.tolist() for k, v in fit.draws.items()}


@cache
def alone(seed=1, updater="cma-es"):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "FULL", SMALL)
        return found(seed, updater=updater)


def state_of_the_process():
    """Everything that must be as before."""
    return {"dtype": torch.get_default_dtype(), "device": torch.get_default_device(), "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(), "threads": torch.get_num_threads(),
            "precision": torch.get_float32_matmul_precision(), "autocast": torch.is_autocast_enabled("cpu"),
            "blas": [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"],
            "errors": np.geterr(), "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
            "torch": torch.random.get_rng_state().tolist()}


def together(*works):
    """Run these in threads of their own, all at once; what the first fault is."""
    faults = []

    def run(work):
        try:
            work()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_two_calibrations_in_two_threads_find_what_each_finds_alone(n_threads, small):
    expected, before = {seed: alone(seed) for seed in (1, 2)}, state_of_the_process()
    seen = {}
    together(*(lambda seed=seed: seen.__setitem__(seed, found(seed, n_threads=n_threads)) for seed in expected))
    np.testing.assert_equal(seen, expected)
    assert state_of_the_process() == before


def test_a_thread_that_draws_from_numpys_global_state_changes_nothing(small):
    expected, over = alone(), threading.Event()

    def draw():
        while not over.wait(0.001):
            np.random.standard_normal(7)  # noqa: NPY002

    other = threading.Thread(target=draw)
    other.start()
    try:
        np.testing.assert_equal(found(), expected)
    finally:
        over.set()
        other.join()


class Caller:
    """What a caller may have set, by name."""

    @staticmethod
    def dtype(patch):
        patch.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)

    @staticmethod
    def no_grad(patch):
        patch.enter_context(torch.no_grad())

    @staticmethod
    def inference_mode(patch):
        patch.enter_context(torch.inference_mode())

    @staticmethod
    def device(patch):
        patch.enter_context(torch.device("meta"))

    @staticmethod
    def autocast(patch):
        patch.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))

    @staticmethod
    def threads(patch):
        patch.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(2)

    @staticmethod
    def numpy_errors(patch):
        patch.enter_context(np.errstate(all="raise"))


@pytest.mark.parametrize("setting", [name for name in vars(Caller) if not name.startswith("_")])
def test_what_the_caller_has_set_changes_nothing_and_is_given_back(setting, small):
    from contextlib import ExitStack  # noqa: PLC0415

    expected = alone()
    with ExitStack() as patch:
        getattr(Caller, setting)(patch)
        before = state_of_the_process()
        np.testing.assert_equal(found(), expected)
        assert state_of_the_process() == before


@pytest.mark.parametrize("updater", ["parameter-score", "avo"])
def test_other_updaters_at_once(updater, small):
    expected, seen = alone(1, updater), {}
    together(lambda: seen.update(other=found(2)), lambda: seen.update(this=found(1, updater=updater)))
    np.testing.assert_equal(seen["this"], expected)


def test_the_first_to_begin_may_be_the_first_to_end():
    """Whoever leaves first leaves the others their one thread, and gets its own number back at once."""
    entered, left, inside = threading.Event(), threading.Event(), {}
    before = state_of_the_process()
    torch.set_num_threads(2)

    def first():
        torch.set_num_threads(2)
        with isolated(), one_thread():
            entered.wait()
        inside["first"] = torch.get_num_threads()
        left.set()

    def second():
        with isolated(), one_thread():
            entered.set()
            left.wait()
            inside["second"] = torch.get_num_threads()
            inside["blas"] = {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    together(first, second)
    assert inside == {"first": 2, "second": 1, "blas": {1}}
    torch.set_num_threads(before["threads"])
    assert state_of_the_process() == before
    assert ONE_THREAD._n_inside == 0


def test_a_fault_inside_gives_everything_back():
    before = state_of_the_process()
    with pytest.raises(ZeroDivisionError), isolated(), one_thread():
        raise ZeroDivisionError
    assert state_of_the_process() == before


def test_networks_draw_nothing_when_they_are_made():
    before = torch.random.get_rng_state()
    perceptron([3, 4, 1], torch.nn.SiLU), QuadraticInTheta(3, 20, 8)
    assert torch.equal(torch.random.get_rng_state(), before)
