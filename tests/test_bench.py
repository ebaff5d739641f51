"""The benchmark: its C kernels, the check of laws, tasks and peers, tables and files. Everything in tiny sizes."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import binom, chisquare, ks_2samp

from fastmas.bench import compiled, engine, figures, law, picture, studies, tables, tasks, timing
from fastmas.bench import peers as parties
from fastmas.bench.peers import LeftOut, Prepared
from fastmas.bench.peers.c import MARKET as MARKET_FIELDS
from fastmas.bench.peers.c import definitions
from fastmas.cli import main
from fastmas.engine import devices
from fastmas.errors import DeviceError, ParameterError
from fastmas.random.philox import philox4x32
from fastmas.simulate import simulate

needs_compiler = pytest.mark.skipif(shutil.which(os.environ.get("CC", "gcc")) is None, reason="there is no C compiler")
MARKET, CROWD, OWN = tasks.TASKS["market-1000"], tasks.TASKS["crowd-1e3"], tasks.TASKS["own-1e4"]
TINY = replace(MARKET, n_paths=64, n_steps=12)
PLAIN = ("", "PLAIN")  # with the machine's vectors, and with plain loops


# -- the C kernels ------------------------------------------------------------------------------------


def library(plain, task=MARKET):
    return compiled.load("market.c", (*definitions(task), *([plain] if plain else [])))


def c_words(plain, key, path, t, slot):
    """The words of sixteen paths, (16, 4)."""
    out = np.zeros((16, 4), dtype=np.uint32)
    library(plain).words_of(*(ctypes.c_uint32(n) for n in (*key, path, t, slot)), compiled.pointer(out))
    return out


@needs_compiler
@pytest.mark.parametrize("plain", PLAIN)
def test_words_of_c_are_philox(plain):
    """Known answers of Random123 for Philox4x32-10 where its counter fits (path, t, slot, 0)."""
    zero = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert c_words(plain, (0, 0), 0, 0, 0)[0].tolist() == zero
    seen = c_words(plain, (0xA4093822, 0x299F31D0), 0x243F6A88, 0x85A308D3, 0x13198A2E)
    expected = [philox4x32(0x243F6A88 + i, 0x85A308D3, 0x13198A2E, 0, 0xA4093822, 0x299F31D0) for i in range(16)]
    assert seen.tolist() == [[int(w) for w in one] for one in expected]


@needs_compiler
@pytest.mark.parametrize("plain", PLAIN)
def test_normals_and_thresholds_of_c(plain):
    """Quantiles to 1e-6 and probabilities to 2.5e-7, in both tails and for the words that have few bits."""
    rng = np.random.default_rng(1)
    edges = [np.arange(4096), 2**32 - 1 - np.arange(4096), 2**np.arange(32)]
    words = np.concatenate([*edges, rng.integers(0, 2**32, 8160)]).astype(np.uint32)
    x = np.linspace(-7, 7, len(words)).astype(np.float32)
    normals, limits = np.zeros(len(words), np.float32), np.zeros(len(words), np.uint32)
    library(plain).functions_of(compiled.pointer(compiled.tables()), compiled.pointer(words), compiled.pointer(x),
                                ctypes.c_long(len(words)), compiled.pointer(normals), compiled.pointer(limits))
    folded = np.where(words < 2**31, words, ~words) | np.uint32(1)
    expected = ndtri(folded * 2.0**-32) * np.where(words < 2**31, 1.0, -1.0)
    assert np.abs(normals - expected).max() < 1e-6
    assert np.abs(limits * 2.0**-32 - ndtr(x.astype(np.float64))).max() < 2.5e-7


@needs_compiler
def test_plain_loops_give_the_paths_of_vectors():
    """Of 64 paths all but a few agree: a rounding may turn a decision, one in some 1e5 of 15 x 40 x 64."""
    task = replace(TINY, n_steps=40)
    paths = [market_of(library(plain), task, 3) for plain in PLAIN]
    same = np.isclose(*paths, rtol=1e-5, atol=0).all(axis=1)
    assert same.sum() >= 60
    assert not np.array_equal(paths[0], market_of(library(""), task, 4))


def market_of(kernel, task, seed):
    out = np.empty((task.n_paths, task.n_steps + 1), dtype=np.float32)
    given = compiled.reals(*(task.numbers[name] for name in MARKET_FIELDS))
    kernel.market(ctypes.byref(given), compiled.pointer(compiled.tables()), ctypes.c_uint32(seed), ctypes.c_uint32(0),
                  ctypes.c_long(task.n_paths), ctypes.c_int(task.n_steps), compiled.pointer(out))
    return out


@needs_compiler
def test_rows_of_c_do_not_depend_on_their_number():
    """Paths of a block that is not full are those of a full one, and nothing is written beyond them."""
    many = parties.get("c").prepare(replace(MARKET, n_paths=200, n_steps=37)).call(5)
    few = parties.get("c").prepare(replace(MARKET, n_paths=17, n_steps=37)).call(5)
    assert np.array_equal(many[:17], few)


@needs_compiler
@pytest.mark.statistical
@pytest.mark.parametrize("theta", [{}, {"kappa": 0.5, "gamma": 4.0, "mu2": 25.0, "v1": 0.05, "rho": 0.3}])
def test_the_market_of_c_has_the_law_of_fastmas(theta):
    """Kolmogorov-Smirnov on prices: 4 tests at 1e-4, so a right kernel fails one seed in 2,500; seeds are fixed.

    The second theta has a value that moves: against it a constant value is seen.
    """
    task = replace(MARKET, n_paths=20_000, n_steps=60)
    vars(task)["theta"] = {**MARKET.theta, **theta}
    theirs = parties.get("c").prepare(task).call(11)
    ours = simulate(task.market, task.theta, n_paths=task.n_paths, n_steps=task.n_steps, seed=12)
    jitter = np.random.default_rng(1).normal(0, 1e-3, (2, *ours.shape))  # prices are a lattice at first
    for t in (1, 11, 30, 60):
        assert ks_2samp(theirs[:, t] + jitter[0, :, t], ours[:, t] + jitter[1, :, t]).pvalue > 1e-4, t


@needs_compiler
@pytest.mark.statistical
@pytest.mark.parametrize("name", ["c", "c-planes"])
@pytest.mark.parametrize("n", [5, 32, 77])
def test_demand_of_a_crowd_is_binomial(name, n):
    """Chi-square of the number of buyers over 40,000 steps against the binomial mixed over S, rejected at 1e-4."""
    task = replace(CROWD, n_noise=n, n_paths=2000, n_steps=20)
    prices = parties.get(name).prepare(task).call(7).astype(np.float64)
    buyers = np.rint((np.diff(prices) / prices[:, :-1] / task.numbers["rho"] * n + n) / 2).astype(int)
    signal = ndtri((np.arange(2000) + 0.5) / 2000)
    chance = binom.pmf(np.arange(n + 1)[:, None], n, ndtr(signal / 3.0)).mean(axis=1)
    seen = np.bincount(buyers.ravel(), minlength=n + 1)
    assert len(seen) == n + 1
    assert chisquare(*_pooled(seen, chance * buyers.size)).pvalue > 1e-4
    assert chisquare(*_pooled(np.roll(seen, 1), chance * buyers.size)).pvalue < 1e-4  # one buyer more is seen


def _pooled(seen, expected):
    """With cells of fewer than ten expected joined to the first that has more."""
    keep = expected >= 10
    seen, few = seen.copy(), np.flatnonzero(~keep)
    expected, first = expected.copy(), np.flatnonzero(keep)[0]
    seen[first] += seen[few].sum()
    expected[first] += expected[few].sum()
    return seen[keep], expected[keep] * (seen[keep].sum() / expected[keep].sum())


def test_without_a_compiler_c_is_left_out(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(LeftOut, match="no C compiler: install no-such-compiler"):
        parties.get("c").versions()


# -- laws ---------------------------------------------------------------------------------------------


class Liar:
    """fastmas with one thing changed."""

    def __init__(self, theta=None, **config):
        self.theta, self.config = theta or {}, config

    def prepare(self, task):
        market = replace(task.market, **self.config)
        return Prepared(lambda seed: simulate(market, {**task.theta, **self.theta}, n_paths=task.n_paths,
                                              n_steps=task.n_steps, seed=seed))

    def versions(self):
        return {}


@pytest.mark.statistical
def test_a_peer_of_the_same_law_passes():
    """Its seed differs from the reference's, so the distance is that of two samples: below 5 by construction."""
    assert law.check_law(Liar(), MARKET).distance < law.FARTHEST


@pytest.mark.parametrize("liar", [Liar({"kappa": 1.3}), Liar({"gamma": 1.2}), Liar({"sigma_fundamental": 2.0}),
                                  Liar({"rho": 0.11}), Liar(moving_average="literal", windows=((2, 3),) * 5)])
def test_a_peer_of_another_law_is_refused(liar):
    with pytest.raises(LeftOut, match="another law: a moment is .* standard errors away"):
        law.check_law(liar, MARKET)


def test_a_peer_without_paths_is_refused():
    class Short(Liar):
        def prepare(self, task):
            return Prepared(lambda seed: np.full((task.n_paths, 3), 100.0))

    with pytest.raises(LeftOut, match="its paths are"):
        law.check_law(Short(), MARKET)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", [MARKET, CROWD, OWN, tasks.TASKS["aggregate-15"], tasks.TASKS["aggregate-1e6"]],
                         ids=lambda task: task.name)
@pytest.mark.parametrize("name", ["numpy", "pytorch", "jax", "mesa"])
def test_peers_have_the_law(name, kind):
    """Six moments within 5 standard errors: a right peer fails once in 300,000 seeds; the seed is fixed."""
    peer = parties.get(name)
    if reason := missing(peer):
        pytest.skip(reason)
    if name == "mesa" and kind.mode == tasks.AGGREGATE:
        with pytest.raises(LeftOut, match="an object per agent"):
            law.check_law(peer, kind)
        return
    assert law.check_law(peer, kind).distance < law.FARTHEST


def missing(peer):
    """What is not installed, or nothing."""
    try:
        peer.versions()
    except LeftOut as reason:
        return str(reason)
    return ""


# -- tasks, turns, rows -------------------------------------------------------------------------------


def test_turns_are_taken_and_seeds_change():
    heard = []
    seconds = timing.take_turns({"a": lambda seed: heard.append(("a", seed)) or time.sleep(0.02),
                                 "b": lambda seed: heard.append(("b", seed)) or time.sleep(0.02)}, 3, 10)
    assert heard[2:] == [("a", 10), ("b", 10), ("a", 11), ("b", 11), ("a", 12), ("b", 12)]
    assert seconds["a"].shape == (2, 3)
    assert timing.ratio(2 * seconds["a"], seconds["a"], timing.WALL) == 2


def test_a_slow_call_has_fewer_rounds():
    seconds = timing.take_turns({"slow": lambda seed: time.sleep(0.03), "quick": lambda seed: time.sleep(0.001)}, 8, 0,
                                budget=0.1)
    assert seconds["slow"].shape[1] == 3
    assert seconds["quick"].shape[1] >= 4


def test_a_task_gives_figures_and_reasons(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", {"market-1000": TINY})
    known = {"numpy": parties.get("numpy"), "liar": Liar({"kappa": 2.0}), "fastmas": parties.get("fastmas")}
    rows = list(engine.measure_task(TINY, known, studies.Options(2, 1, True), {}, lambda text: None))
    by_name = {row["peer"]: row for row in rows}
    assert "another law" in by_name["liar"]["left_out"]
    assert by_name["fastmas"]["versus"] == 1
    row = by_name["numpy"]
    assert 0 < row["best_ns"] <= row["low_ns"] <= row["median_ns"] <= row["high_ns"]
    assert row["versus"] > 1
    assert row["unit"] == "path-step"
    assert row["mode"] == "agents"
    (table,) = tables.task_tables(rows)
    assert table.names == ["task", "fastmas", "numpy"]
    assert table.rows[0][0] == "market-1000, per path-step"
    assert "(" in table.rows[0][2]
    assert [note for note in tables.notes(rows) if "liar: left out of market-1000: it simulates another law" in note]


def test_a_call_that_would_take_too_long_is_not_made():
    huge = replace(MARKET, n_paths=10**10)

    class Slow(Liar):
        def prepare(self, task):
            assert task != huge
            return super().prepare(task)

    with pytest.raises(LeftOut, match="more than 0.3 s a call"):
        engine.prepare("slow", Slow(), huge, True, {})


def test_modes_have_tables_of_their_own():
    rows = [{"task": "x", "mode": mode, "peer": "fastmas", "unit": "path-step", "median_ns": 1.0, "versus": 1.0}
            for mode in ("agents", "aggregate")]
    assert [table.title.split(",")[0] for table in tables.task_tables(rows)] == ["agents", "aggregate"]


def test_figures_follow_from_rows():
    rows = [{"task": "market-16384", "peer": "c", "cost_ns": 4.0, "versus": 0.8},
            {"task": "market-16384", "peer": "fastmas", "cost_ns": 5.0, "versus": 1.0},
            {"study": "start", "what": "warm", "median_s": 0.9},
            {"study": "scaling", "axis": "threads", "task": "crowd-1e6", "value": 1, "median_ns": 1.9},
            {"study": "scaling", "axis": "threads", "task": "crowd-1e6", "value": 2, "median_ns": 1.0}]
    found = {one.name: one.value for one in figures.figures(rows)}
    assert found == {"market of 15, 16,384 paths: fastmas over C": 1.25,
                     "10^6 like agents: two threads against one": 1.9, "the same, compiled before": 0.9}


def test_the_picture_is_drawn():
    row = {"study": "scaling", "median_ns": 2.0, "low_ns": 1.0, "high_ns": 3.0, "peer": "fastmas", "mode": "agents"}
    rows = [{**row, "axis": axis, "value": value} for axis in ("paths", "steps", "agents") for value in (1, 10)]
    rows += [{**row, "axis": "threads", "value": n, "task": "crowd-1e6"} for n in (1, 2)]
    assert picture.draw_scaling(rows).startswith(b"\x89PNG")
    assert b"<svg" in picture.draw_scaling(rows, "svg")


def test_windows_on_a_device_are_the_statistic():
    torch = pytest.importorskip("torch")
    from fastmas.bench.studies import gpu  # noqa: PLC0415  -- brings torch
    from fastmas.statistics.scaling import Scaling  # noqa: PLC0415
    from fastmas.statistics.windows import windows  # noqa: PLC0415

    paths = simulate(TINY.market, n_paths=8, n_steps=30, seed=1)
    expected = windows(paths)(paths)
    seen = gpu.windows(torch.as_tensor(paths), Scaling.of(paths)).numpy()
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).max() < 1e-3  # a return of 1e-2 in float32, divided by its sd


# -- the command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "said"), [
    (["--tasks", "market-1000,none"], "unknown task 'none'; there are: market-1000"),
    (["--peers", "abacus"], "unknown peer 'abacus'; there are: fastmas, c, c-planes, jax, mesa, numpy, pytorch"),
    (["--tasks", ","], "no task in ','"),
    (["--repeats", "0"], "repeats=0: give a whole number of at least 1"),
    (["--seed", "-1"], "seed=-1: give a whole number in [0, 2**31)"),
    (["--device", "abacus"], "device='abacus' is none of: cpu, cuda"),
    (["--quick", "--plot", "x.png"], "nothing to plot: --plot needs the task scaling"),
    (["--tasks", "scaling", "--plot", "x.tiff"], "cannot draw a .tiff file: use .png, .svg, .pdf"),
    (["--out", "no/such/folder/x.jsonl"], "cannot write no/such/folder/x.jsonl: there is no folder no/such/folder"),
])
def test_a_wrong_option_is_one_line(given, said, capsys):
    assert main(["bench", "engine", *given]) == 2
    seen = capsys.readouterr()
    assert said in seen.err
    assert seen.err.count("\n") == 1
    assert seen.out == ""


def test_an_old_result_is_kept(tmp_path, capsys):
    out = tmp_path / "engine.jsonl"
    out.write_text("old")
    assert main(["bench", "engine", "--out", str(out)]) == 2
    assert "exists already; --overwrite replaces it" in capsys.readouterr().err
    assert out.read_text() == "old"


def test_a_gpu_that_is_not_there_is_told_at_once():
    try:
        devices.check("cuda")
    except DeviceError:
        with pytest.raises(DeviceError, match=r"^[^\n]+$"):
            engine.plan(device="cuda")
        return
    assert engine.plan(device="cuda").studies == ["gpu"]


def test_the_command_prints_and_writes(tmp_path, capfd):
    out = tmp_path / "engine.jsonl"
    assert main(["bench", "engine", "--quick", "--tasks", "market-1000", "--peers", "numpy", "--repeats", "2",
                 "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert "agents, ns (CPU time over fastmas)" in said
    assert "\x1b" not in said
    head, *rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {"cpu", "cores", "load", "python", "fastmas", "numpy"} <= set(head["machine"])
    assert [(row["task"], row["peer"]) for row in rows] == [("market-1000", "fastmas"), ("market-1000", "numpy")]
    assert list(tmp_path.iterdir()) == [out]


def test_interrupted_it_ends_within_a_second_and_writes_nothing(tmp_path):
    out = tmp_path / "engine.jsonl"
    run = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
         "import sys; from fastmas.cli import main; sys.exit(main(sys.argv[1:]))",
         "bench", "engine", "--tasks", "crowd-1e6", "--peers", "numpy", "--repeats", "1000", "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if "numpy" in line:
            break
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert time.monotonic() - began < 3  # a second, on a machine that does nothing else
    assert list(tmp_path.iterdir()) == []


def test_names_without_a_choice_are_all():
    plan = engine.plan()
    assert [task.name for task in plan.tasks] == list(tasks.TASKS)
    assert plan.studies == ["precision", "scaling", "start", "stream"]
    assert plan.peers[0] == "fastmas"
    with pytest.raises(ParameterError, match="unknown task"):
        engine.plan("gpu")
