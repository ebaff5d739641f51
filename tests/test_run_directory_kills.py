"""Run directories and processes: killed at any moment, and two in one run."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from fastmas.errors import RunDirectoryError
from fastmas.storage.run_directory import RunDirectory

CONFIG = {"model": "stock-market"}


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path / "run", CONFIG)


def start(code, *arguments):
    """A child process that runs this code; it says "ready" when it has begun."""
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
                             stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    return child


def end(child):
    child.kill()
    child.wait()
    child.stdout.close()


KILLED = """
    import sys
    import numpy as np
    from fastmas.storage.run_directory import RunDirectory
    run = RunDirectory.open(sys.argv[1])
    with run.lock():
        for i in range(int(sys.argv[2]), 10**9):
            run.save_checkpoint({"x": np.full(200_000, float(i))}, {"generation": i})
            run.save_history([{"generation": j} for j in range(i % 50)])
            run.save_json("baseline.json", {"generation": i, "long": list(range(1000))})
            if i == int(sys.argv[2]):
                print("ready", flush=True)
"""


def test_killed_at_any_moment_the_run_is_readable(run):
    rng, last = random.Random(2), 0
    for _ in range(6):
        child = start(KILLED, run.path, last)
        time.sleep(rng.uniform(0.0, 0.15))
        end(child)
        arrays, state = RunDirectory.open(run.path).load_checkpoint()
        assert state["generation"] >= last
        last = state["generation"]
        assert np.array_equal(arrays["x"], np.full(200_000, float(last)))
        assert run.load_json("baseline.json")["long"][-1] == 999
        run.load_history()
    with run.lock():  # freed by the kill, and whoever takes it tidies up
        assert list(run.path.glob(".*.tmp")) == []


DYING = """
    import os, signal, sys
    from fastmas.storage.run_directory import RunDirectory
    moment, call = sys.argv[2], getattr(os, sys.argv[3])
    def die(*arguments):
        if moment == "after":
            call(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    run = RunDirectory.open(sys.argv[1])
    setattr(os, sys.argv[3], die)
    print("ready", flush=True)
    run.save_checkpoint({}, {"generation": 2})
"""


@pytest.mark.parametrize(("moment", "call", "generation"), [
    ("before", "fsync", 1), ("after", "fsync", 1), ("before", "replace", 1), ("after", "replace", 2)])
def test_killed_at_every_step_of_a_write_the_checkpoint_is_old_or_new(run, moment, call, generation):
    run.save_checkpoint({}, {"generation": 1})
    child = start(DYING, run.path, moment, call)
    assert child.wait(timeout=60) == -signal.SIGKILL
    child.stdout.close()
    assert run.load_checkpoint() == ({}, {"generation": generation})
    with run.lock():
        assert sorted(p.name for p in run.path.iterdir()) == ["checkpoint.safetensors", "config.json", "lock"]


OVERWRITTEN = """
    import sys
    from fastmas.storage.run_directory import RunDirectory
    print("ready", flush=True)
    i = int(sys.argv[2])
    while True:
        with RunDirectory.begin(sys.argv[1], {"attempt": i}, overwrite=True) as run:
            run.save_checkpoint({}, {"attempt": i})
            run.save_json("result.json", {"attempt": i})
            run.finish()
        i += 1
"""


def test_killed_while_overwriting_the_run_is_the_old_one_or_the_new_one(run):
    run.save_checkpoint({}, {"attempt": 0})
    run.save_json("result.json", {"attempt": 0})
    rng, attempt = random.Random(3), 1
    for _ in range(6):
        child = start(OVERWRITTEN, run.path, attempt)
        time.sleep(rng.uniform(0.0, 0.1))
        end(child)
        again = RunDirectory.open(run.path)
        attempts = {again.load_json("result.json")["attempt"], again.load_checkpoint()[1]["attempt"],
                    again.config.get("attempt", 0)}
        assert len(attempts) == 1
        attempt = attempts.pop() + 1


DYING_OVER = """
    import os, signal, sys
    from fastmas.storage.run_directory import RunDirectory
    last, calls = int(sys.argv[2]), [0]
    def dying(call):
        def counted(*arguments, **options):
            calls[0] += 1
            if calls[0] > last:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return counted
    print("ready", flush=True)
    with RunDirectory.begin(sys.argv[1], {"attempt": 1}, overwrite=True) as run:
        run.save_checkpoint({}, {"attempt": 1})
        run.save_json("result.json", {"attempt": 1})
        for name in ("replace", "rename", "unlink", "rmdir"):
            setattr(os, name, dying(getattr(os, name)))
        run.finish()
"""


def test_killed_at_every_step_of_replacing_it_goes_on_where_it_stopped(tmp_path):
    """A new run that has its result takes the old one's place, whole."""
    for last in range(60):
        run = RunDirectory.create(tmp_path / str(last), CONFIG)
        run.save_checkpoint({}, {"attempt": 0})
        run.save_json("result.json", {"attempt": 0})
        run.save_history([{"generation": 1}])
        child = start(DYING_OVER, run.path, last)
        killed = child.wait(timeout=60) != 0
        child.stdout.close()
        again = RunDirectory.open(run.path)
        assert again.load_json("result.json")["attempt"] == 1
        assert again.load_checkpoint()[1]["attempt"] == again.config["attempt"] == 1
        assert again.load_history() == []
        with again.lock():
            assert not list(run.path.glob(".*"))
        if not killed:
            break
    assert not killed


# ---------------------------------------------------------------------- lock


HOLDER = """
    import sys, time
    from fastmas.storage.run_directory import RunDirectory
    with RunDirectory.open(sys.argv[1]).lock():
        print("ready", flush=True)
        time.sleep(60)
"""


def test_lock_names_the_process_that_holds_it_and_dies_with_it(run):
    child = start(HOLDER, run.path)
    try:
        with pytest.raises(RunDirectoryError, match=f"in use by process {child.pid}"), run.lock():
            pass
        again = RunDirectory.begin(run.path, CONFIG, overwrite=True)
        with pytest.raises(RunDirectoryError, match=f"in use by process {child.pid}"), again:
            pass
    finally:
        os.kill(child.pid, signal.SIGKILL)
        end(child)
    with run.lock():
        assert (run.path / "lock").read_text() == f"{os.getpid()}\n"


def test_lock_is_freed_when_the_block_fails(run):
    with pytest.raises(KeyError), run.lock():
        raise KeyError
    with run.lock(), pytest.raises(RunDirectoryError, match=str(os.getpid())), run.lock():
        pass


def test_the_holder_may_read_and_others_may_too(run):
    with run.lock():
        run.save_history([{"generation": 1}])
        assert RunDirectory.open(run.path).load_history() == [{"generation": 1}]
