"""Nobody's code runs unasked, what was changed is not believed, and an old result stays until there is a new one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_games import SMALL

import fastmas as fm
from fastmas import calibrate, resume
from fastmas.cli import main
from fastmas.errors import Interrupted, ModelError, RunDirectoryError
from fastmas.storage.digests import stamped
from fastmas.storage.run_directory import RunDirectory

CROWD = """
import pathlib
import fastmas as fm
pathlib.Path({there!r}).touch()
N = {n}

class Crowd(fm.Model):
    rho = fm.Parameter(0.05, 0.001, 0.5, scale="log")
    price = fm.State(100, "price units")

    def step(self, t, draw):
        self.price *= 1 + self.rho * (2 * draw.count(N, 0.5) / N - 1)
"""


def write(tmp_path, n=20):
    file = tmp_path / "crowd.py"
    file.write_text(CROWD.format(there=str(tmp_path / "it-ran"), n=n))
    return file


def stop_at(phase):
    def progress(event):
        if event["phase"] == phase:
            raise KeyboardInterrupt
    return progress


def stopped(file, out, **options):
    """A run of a user's model that was stopped after its start."""
    paths = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal((40, 31)), axis=1))
    with pytest.raises(Interrupted) as caught:
        calibrate(fm.models.get(str(file)), paths, updater="moments", warmup=0, n_threads=1, draws=0, budget=SMALL,
                  out=out, progress=stop_at("last step"), **options)
    return str(caught.value)


def test_a_model_of_ones_own_goes_on_with_trust_alone(tmp_path, capsys):
    file, run = write(tmp_path), tmp_path / "run"
    assert stopped(file, run).endswith(f"`fastmas resume {run} --trust`")
    (tmp_path / "it-ran").unlink()
    before = {p: p.read_bytes() for p in run.iterdir()}
    assert main(["resume", str(run)]) == 2
    said = capsys.readouterr().err
    for part in (str(file), "run that file's code", "--trust"):
        assert part in said
    assert not (tmp_path / "it-ran").exists()
    assert {p: p.read_bytes() for p in run.iterdir()} == before
    assert main(["resume", str(run), "--trust", "--threads", "1"]) == 0
    assert (run / "result.json").exists()


def test_a_foreign_file_in_a_run_is_not_executed(tmp_path):
    """Whatever the configuration says of itself."""
    file, run = write(tmp_path), tmp_path / "run"
    stopped(file, run)
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'evil-ran')!r}, 'w')\n")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(stamped({**config, "model_factory": f"{evil}:MODEL"})))
    for trust in (False, True):
        with pytest.raises(RunDirectoryError):
            resume(run, trust=trust)
    assert not (tmp_path / "evil-ran").exists()


def test_an_edited_model_is_not_gone_on_with(tmp_path):
    file, run = write(tmp_path), tmp_path / "run"
    stopped(file, run)
    write(tmp_path, n=200)
    with pytest.raises(RunDirectoryError, match=r"crowd\.py:Crowd was changed after the run began: put it back"):
        resume(run, trust=True)
    write(tmp_path)
    assert resume(run, trust=True, n_threads=1).estimate.keys() == {"rho"}


def test_a_model_edited_since_it_was_loaded_begins_no_run(tmp_path):
    model = fm.models.get(str(write(tmp_path)))
    write(tmp_path, n=200)
    paths = np.full((40, 31), 100.0) + np.arange(31)
    with pytest.raises(ModelError, match="has changed since"):
        calibrate(model, paths, updater="moments", out=tmp_path / "run", budget=SMALL)
    assert not (tmp_path / "run").exists()


def test_an_old_result_stays_until_there_is_a_new_one(tmp_path):
    file, run = write(tmp_path), tmp_path / "run"
    stopped(file, run)
    resume(run, trust=True, n_threads=1)
    old = (run / "result.json").read_bytes()
    stopped(file, run, seed=2, overwrite=True)
    assert (run / "result.json").read_bytes() == old
    new = resume(run, trust=True, n_threads=1)
    kept = json.loads((run / "result.json").read_text())
    assert (kept["seed"], kept["estimate"]) == (2, new.estimate)
    assert json.loads((run / "config.json").read_text())["seed"] == 2
    assert not list(run.glob(".*"))


TWO = """
import sys, time
from contextlib import contextmanager
import numpy as np
from small_games import SMALL
import fastmas as fm
from fastmas.calibration import keeping
from fastmas.errors import FastmasError
begin = keeping.RunDirectory.begin

@contextmanager
def slowly(*given, **options):
    "Between the creation of a run and its first phase there is time for another."
    with begin(*given, **options) as run:
        time.sleep(1.0)
        yield run

keeping.RunDirectory.begin = slowly
paths = fm.simulate(fm.models.herd(), n_paths=40, n_steps=60, seed=1)
print("ready", flush=True)
sys.stdin.readline()
try:
    fm.calibrate(fm.models.herd(), paths, free=["rho"], updater="moments", warmup=0, interval=False, draws=0,
                 n_threads=1, budget=SMALL, out=sys.argv[1], overwrite=True, seed=int(sys.argv[2]))
except FastmasError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.mark.parametrize("is_there", [False, True])
def test_two_at_once_do_not_mix(tmp_path, is_there):
    out = tmp_path / "run"
    if is_there:
        RunDirectory.create(out, {"seed": 7}).save_json("result.json", {"seed": 7})
    children = [subprocess.Popen([sys.executable, "-c", TWO, str(out), str(seed)], stdin=subprocess.PIPE, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parent)
                for seed in (1, 2)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    said = [child.communicate(timeout=300)[1] for child in children]
    status = [child.returncode for child in children]
    assert sorted(status) == [0, 2], said
    assert any(part in said[status.index(2)] for part in ("is in use by process", "was filled by another process"))
    seed = status.index(0) + 1
    for name in ("config.json", "result.json"):
        assert json.loads((out / name).read_text())["seed"] == seed
