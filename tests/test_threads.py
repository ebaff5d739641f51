"""Work shared out among threads: every block once, faults and stops heard, results in order."""

from __future__ import annotations

import os
import threading
import time

import pytest

from fastmas.engine import threads
from fastmas.engine.threads import in_order, share


@pytest.mark.parametrize("seconds", [None, 0.0, 1e-6, 1e-3, 10.0])
@pytest.mark.parametrize("n_threads", [1, 2, 7])
@pytest.mark.parametrize("n_blocks", [0, 1, 5, 64])
def test_every_block_is_done_once(n_blocks, n_threads, seconds):
    seen, ticks = [], []
    share(lambda first, last, stop: seen.extend(range(first, last)), n_blocks, n_threads, seconds, ticks.append)
    assert sorted(seen) == list(range(n_blocks))
    assert ticks == sorted(ticks)
    assert ticks[-1:] == ([n_blocks] if n_blocks else [])


def test_work_of_unknown_length_leaves_the_main_thread_free():
    seen = set()
    share(lambda first, last, stop: seen.add(threading.get_ident()), 4, 1, None)
    assert threading.get_ident() not in seen
    share(lambda first, last, stop: seen.add(threading.get_ident()), 4, 1, 1e-6)
    assert threading.get_ident() in seen


def test_a_fault_stops_the_others_and_is_raised():
    left = []

    def task(first, last, stop):
        if first == 0:
            raise ValueError("first block")
        deadline = time.monotonic() + 20
        while not stop[0] and time.monotonic() < deadline:
            time.sleep(0.001)
        left.append(bool(stop[0]))

    with pytest.raises(ValueError, match="first block"):
        share(task, 3, 3, None)
    assert all(left)


def test_results_come_in_order_and_not_too_far_ahead():
    n_now, most, begun = 0, 0, []
    lock = threading.Lock()

    def work(k, stop):
        nonlocal n_now, most
        with lock:
            n_now, most = n_now + 1, max(most, n_now + 1)
            begun.append(k)
        time.sleep(0.002 * (k % 3))
        with lock:
            n_now -= 1
        return k

    taken = []
    for k in in_order(work, range(20), n_threads=2, ahead=4):
        taken.append(k)
        assert max(begun) < k + 4
    assert taken == list(range(20))
    assert most <= 2


def test_of_several_faults_the_first_items_is_raised():
    def work(k, stop):
        time.sleep(0.05 if k == 1 else 0.0)
        if k > 0:
            raise ValueError(f"item {k}")
        return k

    with pytest.raises(ValueError, match="item 1"):
        list(in_order(work, range(4), n_threads=4, ahead=4))


def test_whoever_goes_away_stops_what_is_under_way():
    stopped = []

    def work(k, stop):
        deadline = time.monotonic() + 20
        while k > 0 and not stop[0] and time.monotonic() < deadline:
            time.sleep(0.001)
        stopped.append((k, bool(stop[0])))

    results = in_order(work, range(9), n_threads=2, ahead=2)
    next(results)
    results.close()
    assert (1, True) in stopped


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    share(lambda first, last, stop: time.sleep(0.05), 4, 2, None)
    time.sleep(0.1)  # both threads of the parent wait for work
    child = os.fork()
    if child == 0:
        seen = []
        threading.Timer(20, os._exit, [1]).start()
        threads.share(lambda first, last, stop: seen.append(first), 4, 2, None)
        os._exit(0 if len(seen) > 0 else 2)
    assert os.waitpid(child, 0)[1] == 0
