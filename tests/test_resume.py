"""Runs that are interrupted, at chosen moments and at random ones, end with the bits they would have had."""

import json
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from small_games import SMALL, market, market_paths, market_series

import fastmas as fm
from fastmas import calibrate as calibrate_function
from fastmas.calibration import budget, game, keeping
from fastmas.calibration.record import Record
from fastmas.errors import Interrupted, RunDirectoryError
from fastmas.storage.run_directory import RunDirectory
from fastmas.updaters.moments import MomentFit

TESTS = str(Path(__file__).parent)


@pytest.fixture
def small(small, monkeypatch):
    """And every generation is saved."""
    monkeypatch.setattr(keeping, "SAVE_EVERY", 0.0)


@pytest.fixture(scope="module")
def whole():
    """The run that is never interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "FULL", SMALL)
        return calibrate()


def calibrate(run=None, data=None, **options):
    given = {"free": ["kappa", "gamma"], "generations": 5, "n_threads": 1, "seed": 3, "out": run, **options}
    return calibrate_function(market(), market_paths() if data is None else data, **given)


def interrupt_at(*numbers):
    """A `progress` that presses Ctrl-C at these events, counted over all attempts."""
    count = iter(range(10**6))
    events = []

    def progress(event):
        if "said" in event:  # a line on the data, no phase
            return
        events.append(event)
        if next(count) in numbers:
            raise KeyboardInterrupt

    progress.events = events
    return progress


def until_finished(run, progress, **options):
    """Start, and resume until no Ctrl-C comes any more; the fit and the number of attempts."""
    attempts = 0
    while True:
        attempts += 1
        try:
            if attempts == 1:
                return calibrate(run, progress=progress, **options), attempts
            return fm.resume(run, n_threads=1, progress=progress), attempts
        except Interrupted:
            assert not (run / "result.json").exists()


def plain(fit):
    """All that a run has found, without the seconds that it took."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in fit.history]
    return rows, {k: v for k, v in fit.result.items() if not k.startswith("seconds")}, fit.interval, fit.estimate


def assert_same(fit, expected):
    np.testing.assert_equal(plain(fit), plain(expected))
    for name, array in expected.sample.items():
        assert np.array_equal(fit.sample[name], array)


def files(run):
    """What a finished run has on disk, without the seconds, as text: NaN is not NaN."""
    result = json.loads((run / "result.json").read_text())
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in RunDirectory.open(run).load_history()]
    told = {k: v for k, v in result.items() if not k.startswith("seconds") and k != "digest"}
    return told, repr(history)


GAMES = {
    "cma-es-amortised": {"updater": "cma-es"},
    "cma-es-conditional": {"updater": "cma-es", "discriminator": "conditional"},
    "score-windowed": {"updater": "parameter-score", "discriminator": "windowed"},
    "score-path": {"updater": "parameter-score", "discriminator": "path"},
    "score-amortised": {"updater": "parameter-score", "discriminator": "amortised"},
    "moments": {"updater": "moments"},
}
# Event 0 is the start, 1 to 6 the game before and after its generations, 7 the last step, 8 the look at
# later times, 9 the verdict, 10 the interval; a resumed run tells those that are left.
EVERYWHERE = (0, 1, 3, 5, 8, 12, 15, 18)
STOPS = {"start": 0, "before the game": 1, "in the game": 3, "last generation": 6, "last step": 7, "stationarity": 8,
         "verdict": 9, "interval": 10}


@pytest.mark.parametrize("name", GAMES)
def test_interrupted_everywhere_it_ends_with_the_same_bits(name, small, tmp_path):
    options = GAMES[name]
    whole = calibrate(tmp_path / "whole", **options)
    fit, attempts = until_finished(tmp_path / "run", interrupt_at(*EVERYWHERE), **options)
    assert attempts >= (3 if name == "moments" else 6)
    assert_same(fit, whole)
    assert files(tmp_path / "run") == files(tmp_path / "whole")


@pytest.mark.parametrize("stop", STOPS)
def test_interrupted_once_it_ends_with_the_same_bits(stop, small, whole, tmp_path):
    fit, attempts = until_finished(tmp_path / "run", interrupt_at(STOPS[stop]))
    assert attempts == 2
    assert_same(fit, whole)


def test_without_checkpoints_in_the_game_it_goes_back_to_its_start(small, whole, tmp_path, monkeypatch):
    """Checkpoints come every second; what was played since is played again."""
    monkeypatch.setattr(keeping, "SAVE_EVERY", 1e9)
    progress = interrupt_at(4)
    fit, _ = until_finished(tmp_path / "run", progress)
    done = [event.get("done") for event in progress.events if event["phase"].startswith("game")]
    assert done == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert_same(fit, whole)


def test_several_rounds(small, tmp_path, monkeypatch):
    """Between rounds and in the midst of them; the first round's states must not leak into the second."""
    monkeypatch.setattr(game, "SETTLED", 0.0)
    options = {"generations": 3, "interval": False}
    whole = calibrate(**options)
    assert whole.result["rounds"] == 4
    # 1 to 4 is the first round; then each attempt repeats the beginning of its round
    fit, attempts = until_finished(tmp_path / "run", interrupt_at(4, 6, 8, 11, 15, 20), **options)
    assert attempts == 7
    assert_same(fit, whole)


@pytest.mark.parametrize("updater", ["cma-es", "parameter-score"])
def test_one_series(updater, small, tmp_path):
    options = {"data": market_series(400), "updater": updater, "generations": 4, "interval": False}
    fit, attempts = until_finished(tmp_path / "run", interrupt_at(1, 4, 7, 9), **options)
    assert attempts > 3
    assert_same(fit, calibrate(**options))


def test_another_number_of_threads(small, whole, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(Interrupted):
        calibrate(run, progress=interrupt_at(3))
    assert_same(fm.resume(run, n_threads=2), whole)


def test_whole_numbers_options_and_other_values(small, tmp_path):
    """What is decided at the start is kept: configuration, values, bounds, statistic, objective, held-out part."""
    model = market(windows=((2, 8),), n_noise=9)
    x = fm.simulate(model, {"kappa": 1.0, "rho": 0.2}, n_paths=50, n_steps=80, warmup=50, seed=3)
    options = {"free": ["window_short", "gamma"], "fixed": {"rho": 0.2}, "seed": 2**32 - 1, "n_threads": 1,
               "updater": "parameter-score", "discriminator": "windowed", "objective": "saturating",
               "statistic": "return-windows", "generations": 3, "heldout_share": 0.3, "warmup": 50, "paths": 20,
               "interval": False}
    whole = calibrate_function(model, x, **options)
    with pytest.raises(Interrupted):
        calibrate_function(model, x, **options, out=tmp_path / "run", progress=interrupt_at(3))
    assert_same(fm.resume(tmp_path / "run", n_threads=1), whole)


def test_a_finished_run_says_so(small, tmp_path):
    calibrate(tmp_path / "run", updater="moments")
    with pytest.raises(RunDirectoryError, match=r"run is finished: see `fastmas report .*run`"):
        fm.resume(tmp_path / "run")


def test_ctrl_c_without_a_folder_stays_what_it_is(small):
    with pytest.raises(KeyboardInterrupt):
        calibrate(progress=interrupt_at(2))


def test_a_run_in_use_is_left_alone(small, tmp_path):
    calibrate(tmp_path / "run", updater="moments")
    (tmp_path / "run" / "result.json").unlink()
    with RunDirectory.open(tmp_path / "run").lock(), pytest.raises(RunDirectoryError, match="in use by process"):
        fm.resume(tmp_path / "run")


# ---------------------------------------------------------------------- the record


def test_a_record_comes_back():
    start = MomentFit(np.arange(2.0), np.eye(2), 1.5, 7, 0.5, np.ones((1, 2)), np.ones(1))
    record = Record(start=start, region=np.ones(2), round=2, generation=3,
                    is_played=True, is_settled=False, centres=[np.zeros(2), np.ones(2)],
                    rows=[{"generation": 0, "loss": float("nan")}], seconds={"start": 1.0}, paths_simulated=99)
    record.keep({"mean": np.zeros(3)}, {"network": np.ones(2)})
    back = Record.unpack(*record.pack())
    np.testing.assert_equal(vars(back) | {"start": vars(back.start)}, vars(record) | {"start": vars(record.start)})
    assert back.part("updater.").keys() == {"mean"}
    assert back.part("discriminator.").keys() == {"network"}
    empty = Record.unpack(*Record().pack())
    assert vars(empty) == vars(Record())


# ---------------------------------------------------------------------- real processes

CHILD = """
    import sys
    sys.path.insert(0, sys.argv[2])
    import small_games
    small_games.cut()
    from fastmas.calibrate import calibrate, resume
    from fastmas.calibration import keeping
    keeping.SAVE_EVERY = 0.0
    small_games.market_paths()  # compiled, or read from the cache
    print("ready", flush=True)
    tell = lambda event: print(event["phase"], event.get("done"), flush=True)
    if sys.argv[3] == "start":
        calibrate(small_games.market(), small_games.market_paths(), free=["kappa", "gamma"], generations=15,
                  n_threads=1, seed=3, out=sys.argv[1], overwrite=True, progress=tell)
    else:
        resume(sys.argv[1], n_threads=1, progress=tell)
"""


N_KILLS = 3


def child(run, how):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(CHILD), str(run), TESTS, how],
                            stdout=subprocess.PIPE, text=True)


def test_killed_at_random_moments_it_ends_with_the_same_bits(small, tmp_path):
    run, rng, how = tmp_path / "run", random.Random(4), "start"
    for _ in range(N_KILLS):
        process = child(run, how)
        assert process.stdout.readline() == "ready\n"
        for _ in range(rng.choice([1, 4, 8])):
            assert process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
        assert not (run / "result.json").exists()
        how = "resume"
    fit = fm.resume(run, n_threads=1)
    assert_same(fit, calibrate(generations=15))


@pytest.mark.slow
def test_killed_at_very_many_random_moments(small, tmp_path):
    """From the first millisecond on: before the folder is there, in the middle of every write, after the result."""
    whole = calibrate(tmp_path / "whole", generations=15)
    run, rng, kills = tmp_path / "run", random.Random(5), 0
    while not (run / "result.json").exists() and kills < 60:
        process = child(run, "resume" if (run / "data.npz").exists() else "start")
        assert process.stdout.readline() == "ready\n"
        if not (run / "data.npz").exists() and run.exists():
            with pytest.raises(RunDirectoryError, match="stopped before it began"):
                fm.resume(run)
        time.sleep(rng.uniform(0.0, 0.5 * (kills + 1)))  # torch alone takes a second to begin
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
        kills += 1
    assert kills > 3
    assert files(run) == files(tmp_path / "whole")
    assert whole.estimate == json.loads((run / "result.json").read_text())["estimate"]


def test_ctrl_c_on_the_command_line_says_how_to_go_on(small, tmp_path):
    """In the middle of the game, of a run whose folder must be quoted."""
    data, run = tmp_path / "paths.npy", tmp_path / "my run"
    np.save(data, market_paths())
    words = ["stock-market", "--data", str(data), "--free", "kappa,gamma", "--out", str(run)]
    # A background job of a shell ignores SIGINT, and so would its children.
    process = subprocess.Popen(
        [sys.executable, "-m", "fastmas", "calibrate", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # noqa: PLW1509
    said = []
    while not said or not said[-1].startswith("game"):
        said.append(process.stderr.readline())
        assert said[-1], said
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == f"fastmas: stopped; the state is saved: go on with `fastmas resume '{run}'`"
    assert "Traceback" not in err
    progress = interrupt_at(1)
    with pytest.raises(Interrupted):
        fm.resume(run, n_threads=1, progress=progress)
    assert [event["phase"] for event in progress.events] == ["game", "game"]  # the moment fit is not done again
