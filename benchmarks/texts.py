"""Claim: a model's text costs no more than kernels written by hand, and its derivatives little more than its paths.

Sections, each by its name; all but `against` if none is named:

- `against`: the market beside another state of the project, a checkout in DIR. Child processes take turns; a turn is
  the best of calls in some tenths of a second, a figure the median of the rounds' ratios. Windows are integer
  parameters in both.
- `lanes`: every built-in text, nanoseconds per path-step, and path by path.
- `calculus`: scores, tangents and relaxed twins of the market beside the exact market.
- `cold`: seconds of whole processes with empty caches, with full ones, and of a second model.
- `gradient`: d/d theta of 10^4 E[mean r^2] by score and tangents beside differences with common random numbers.
- `oracle`: every text in float64 beside the text run by Python.

Times are CPU time of one thread, and best ones: other work on the machine slows all of it down.

    python benchmarks/texts.py [SECTION ...] [--against DIR] [--quick] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import lines
import numpy as np
from numpy import float32, uint32

import fastmas as fm
from fastmas.conformance.text import relative_gap
from fastmas.differentiate import differentiate
from fastmas.engine import cpu
from fastmas.engine.job import Job, Sink
from fastmas.errors import FastmasError
from fastmas.language.activity import blind
from fastmas.language.oracle import oracle
from fastmas.language.reading import read_step
from fastmas.language.relaxed import relaxed
from fastmas.language.text import Text
from fastmas.lowering.program import Derivatives, Program, program_of
from fastmas.lowering.text_program import PATH_BY_PATH, lower
from fastmas.model import Observable, State, declared
from fastmas.random.address import Address
from fastmas.random.philox import draw_words
from fastmas.simulate import simulate, simulate_job, values_of

Row = dict[str, Any]

# ---- beside another state: name -> options of the market, paths, steps, dtype
TASKS: dict[str, tuple[dict[str, Any], int, int, str]] = {
    "market, 16,384 paths": ({}, 16384, 100, "float32"),
    "market, 1,000 paths": ({}, 1000, 100, "float32"),
    "market, float64": ({}, 4096, 100, "float64"),
    "aggregate, 2 x 1,000 traders": ({"n_noise": 1000, "n_fundamental": 1000, "mode": "aggregate"}, 1000, 100,
                                     "float32"),
    "2,000,000 agents": ({"n_noise": 10**6, "n_fundamental": 10**6, "mode": "agents"}, 64, 2, "float32"),
    "own kappas, 10,000 traders": ({"n_noise": 10**4, "per_agent": ("kappa",)}, 256, 10, "float32"),
}
# What both states understand. Each line it reads is a task and a number of seconds; it answers with the CPU seconds
# of the best call.
CHILD = """
import json, sys, time
import fastmas as fm
models = {}
for line in sys.stdin:
    (config, n_paths, n_steps, dtype), seconds = json.loads(line)
    key = json.dumps(config)
    if key not in models:
        models[key] = fm.models.stock_market(**config)
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds or best == float("inf"):
        at = time.process_time()
        fm.simulate(models[key], n_paths=n_paths, n_steps=n_steps, dtype=dtype, n_threads=1)
        best = min(best, time.process_time() - at)
    print(best, flush=True)
"""
# ---- texts: options, paths, steps; steps of the oracle's options are `ORACLE_STEPS`
LANES: dict[str, tuple[dict[str, Any], int, int]] = {
    "stock-market": ({}, 16384, 100), "herd": ({}, 16384, 100), "franke-westerhoff": ({}, 16384, 100),
    "otc-market": ({}, 8192, 50), "cont": ({"n": 200}, 1024, 50), "sir": ({}, 8192, 50), "sir-groups": ({}, 2048, 50),
    "supply-chain": ({}, 4096, 50), "garch": ({}, 16384, 100), "brock-hommes": ({}, 16384, 100),
    "kirman": ({}, 1024, 20), "lux-marchesi": ({}, 512, 10), "alfi": ({}, 256, 10),
}
ORACLE = {"cont": {"n": 20}, "lux-marchesi": {"n": 60, "micro_steps": 5}, "alfi": {"n": 40, "memory": 20},
          "kirman": {"meetings": 5}}
ORACLE_PATHS, ORACLE_STEPS = 6, 100
# ---- derivatives
FOUR = ("kappa", "gamma", "rho", "sigma_fundamental")
EIGHT = (*FOUR, "v1", "sigma_public", "sigma_individual", "mu1")
MARKET: dict[str, Any] = {}
MORE = {"n_technical": 0}
GRADIENTS = (("kappa", MARKET, 0.05), ("sigma_fundamental", MARKET, 0.05), ("rho", MARKET, 0.05), ("rho", MORE, 0.01),
             ("gamma", MARKET, 0.05))
HORIZON, SEED = 50, 7


class Child:
    """A process that imports fastmas from a folder."""

    def __init__(self, folder: Path, cache: Path) -> None:
        env = {**os.environ, "PYTHONPATH": str(folder), "FASTMAS_CACHE_DIR": str(cache)}
        self._process = subprocess.Popen([sys.executable, "-c", CHILD], env=env, text=True, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, cwd=cache)

    def seconds(self, task: str, budget: float) -> float:
        """CPU seconds of the best call within so many seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([TASKS[task], budget]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that measures {task!r} has died")
        return float(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def against(options: argparse.Namespace) -> Iterator[Row]:
    here = Path(__file__).resolve().parents[1]
    rounds, budget = (3, 0.1) if options.quick else (options.rounds, 0.4)
    with tempfile.TemporaryDirectory() as folder:
        children = []
        for name, root in (("this", here), ("other", options.against.resolve())):
            cache = Path(folder) / name
            cache.mkdir()
            children.append(Child(root, cache))
        try:
            for task, (_, n_paths, n_steps, _) in TASKS.items():
                for child in children:
                    child.seconds(task, budget)  # compiles
                found = np.array([[c.seconds(task, budget) for c in (children if r % 2 else children[::-1])][::
                                  1 if r % 2 else -1] for r in range(rounds)])
                ratios = found[:, 0] / found[:, 1]
                low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
                yield {"section": "against", "what": task, "ratio": middle, "low": low, "high": high,
                       "ns": 1e9 * found[:, 0].min() / (n_paths * n_steps),
                       "other_ns": 1e9 * found[:, 1].min() / (n_paths * n_steps), "rounds": rounds}
        finally:
            for child in children:
                child.close()


# ---- times of calls in this process
def best(calls: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """CPU seconds of the best call of each, after a first; they take turns."""
    found = [[np.inf] for _ in calls]
    for call in calls:
        call()
    for _ in range(rounds):
        for call, times in zip(calls, found, strict=True):
            began = time.process_time()
            call()
            times.append(time.process_time() - began)
    return [min(times) for times in found]


def run(job: Job, program: Program | None = None) -> Callable[[], None]:
    def call() -> None:
        out = np.empty((len(job.observables), job.total, job.n_times), dtype=job.dtype)
        cpu.simulate(job, Sink(out), program=program)
    return call


@fm.kernel
def draw_alone(t, lanes, state, words, history, address, theta, integers):
    for k in range(3):
        draw_words(lanes, address, t, k, words[4 * k], words[4 * k + 1], words[4 * k + 2], words[4 * k + 3])
    for w in range(lanes):
        drawn = words[0][w]
        for k in range(1, 12):
            drawn = uint32(drawn ^ words[k][w])
        state[0][w] = float32(drawn)


@fm.kernel
def nothing(lanes, state, history, theta, integers):
    pass


@dataclass(frozen=True, kw_only=True)
class WordsAlone(fm.Model):
    """The random words of the herd and nothing else: what no herd of 20 can be faster than."""

    name: ClassVar[str] = "words of the herd alone"
    n_state: ClassVar[int] = 1
    n_words: ClassVar[int] = 12
    kernels: ClassVar[fm.Kernels] = fm.Kernels(nothing, draw_alone)
    observables: ClassVar[tuple[Observable, ...]] = (Observable("drawn", 0, ""),)
    parameters: ClassVar[tuple[fm.Parameter, ...]] = (fm.Parameter(0.5, 0.0, 1.0, name="unread"),)


def lanes(options: argparse.Namespace) -> Iterator[Row]:
    alone = Job(model=WordsAlone(), values=values_of(WordsAlone(), None), n_paths=16384, n_steps=100, n_threads=1)
    yield {"section": "lanes", "what": WordsAlone.name,
           "ns": 1e9 * best([run(alone)], options.rounds)[0] / (16384 * 100)}
    for name, (config, n_paths, n_steps) in LANES.items():
        model = fm.models.get(name, **config)
        values = values_of(model, None)
        sizes: Row = {"values": values, "n_steps": n_steps, "n_threads": 1}
        wide = Job(model=model, n_paths=n_paths, **sizes)
        narrow = Job(model=model, n_paths=max(64, n_paths // 16), **sizes)
        row: Row = {"section": "lanes", "what": name, "config": config, "lowering": program_of(model).lowering}
        (fast,) = best([run(wide)], options.rounds)
        row["ns"] = 1e9 * fast / (n_paths * n_steps)
        try:
            slow = best([run(narrow, lower(model, how=PATH_BY_PATH))], 1 if options.quick else 3)[0]
            row["path_by_path_ns"] = 1e9 * slow / (narrow.n_paths * n_steps)
            row["ratio"] = row["path_by_path_ns"] / row["ns"]
        except FastmasError as refused:
            row["refused"] = str(refused)
        yield row


def calculus(options: argparse.Namespace) -> Iterator[Row]:
    """With the prices alone written out, and with all rows of derivatives at every time."""
    exact, smooth = fm.models.stock_market(), relaxed(fm.models.stock_market())
    cases = [("exact", exact, None), ("exact, score of 1", exact, Derivatives(FOUR[:1], True)),
             ("exact, score and tangents of 4", exact, Derivatives(FOUR, True)), ("relaxed", smooth, None)]
    cases += [(f"relaxed, tangents of {d}", smooth, Derivatives(EIGHT[:d])) for d in (1, 2, 4, 8)]
    calls = []
    for _, model, derivatives in cases:
        more = [Observable("|".join(key), row) for key, row in program_of(model, derivatives).layers.items()
                if key[0] in ("price", "")]
        for shown in ((model.observables[0],), (model.observables[0], *more)):
            calls.append(run(Job(model=model, values=values_of(model, None), n_paths=8192, n_steps=50, n_threads=1,
                                 derivatives=derivatives, observables=shown)))
    seconds = np.array(best(calls, options.rounds)).reshape(-1, 2)
    for (what, _, _), (alone, everything) in zip(cases, seconds, strict=True):
        yield {"section": "calculus", "what": what, "ns": 1e9 * alone / (8192 * 50), "ratio": alone / seconds[0, 0],
               "all_ns": 1e9 * everything / (8192 * 50), "all_ratio": everything / seconds[0, 0]}


# ---- whole processes
def spent(code: str, cache: Path) -> tuple[float, float]:
    """Seconds of a process on the wall and of CPU."""
    env = {**os.environ, "FASTMAS_CACHE_DIR": str(cache)}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(fm.__file__).resolve().parents[1]), env.get("PYTHONPATH", "")])
    began, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", code], check=True, env=env, cwd=cache)
    after = os.times()
    return time.perf_counter() - began, (after.children_user + after.children_system
                                         - before.children_user - before.children_system)


def cold(options: argparse.Namespace) -> Iterator[Row]:
    simulating = "import fastmas as fm; fm.simulate(fm.models.get({!r}), n_paths=1000, n_steps=100)"
    slopes = ("import fastmas as fm; from fastmas.differentiate import differentiate; "
              "differentiate(fm.models.stock_market(), wrt={!r}, n_paths=64, n_steps=20)")
    cases = {name: [simulating.format(name)] for name in ("stock-market", "franke-westerhoff", "herd")}
    cases |= {"herd, after the market": [simulating.format("stock-market"), simulating.format("herd")],
              "stock-market, warm": [simulating.format("stock-market")] * 2}
    cases |= {f"stock-market, score and tangents of {d}": [slopes.format(EIGHT[:d])] for d in (1, 4, 8)}
    for what, codes in cases.items():
        found = []
        for _ in range(1 if options.quick else options.cold):
            with tempfile.TemporaryDirectory() as folder:
                found.append([spent(code, Path(folder)) for code in codes][-1])
        wall, cpu_s = np.min(found, axis=0)
        yield {"section": "cold", "what": what, "wall_s": wall, "cpu_s": cpu_s, "repeats": len(found)}


# ---- derivatives beside differences
def mean_squares(prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """10^4 r^2 / T at each time, (n_paths, T), and returns r(t)."""
    returns = np.diff(np.log(prices), axis=1)
    return 1e4 * returns**2 / returns.shape[1], returns


def by_score(model: Any, name: str, chunk: int, seed: int) -> np.ndarray:
    """Of each path: pathwise, and score with reward to go and the mean over these paths as its baseline."""
    found = differentiate(model, wrt=[name], n_paths=chunk, n_steps=HORIZON, seed=seed, dtype="float64", n_threads=1)
    f, returns = mean_squares(found.paths)
    relative = np.diff(found.tangents[0] / found.paths, axis=1)
    pathwise = (2e4 / HORIZON * returns * relative).sum(axis=1)
    to_go = np.cumsum(f[:, ::-1], axis=1)[:, ::-1]
    return pathwise + (np.diff(found.scores[0], axis=1) * (to_go - to_go.mean(axis=0))).sum(axis=1)


def by_differences(model: Any, name: str, width: float, chunk: int, seed: int) -> np.ndarray:
    """Of each pair of paths."""
    centre = next(p.default for p in model.parameters if p.name == name)
    h = width * centre
    up, down = (mean_squares(simulate(model, {name: centre + sign * h}, n_paths=chunk, n_steps=HORIZON, seed=seed,
                                         dtype="float64", n_threads=1))[0].sum(axis=1) for sign in (1, -1))
    return (up - down) / (2 * h)


def is_blind(model: Any, name: str) -> bool:
    return bool(blind(read_step(Text(model)), name))


def gradient(options: argparse.Namespace) -> Iterator[Row]:
    chunk, n = (2000, 4000) if options.quick else (20_000, options.paths)
    for name, config, width in GRADIENTS:
        model = fm.models.stock_market(**config)
        seeds = [SEED + k for k in range(-(-n // chunk))]
        slopes = np.concatenate([by_score(model, name, chunk, seed) for seed in seeds])
        pairs = np.concatenate([by_differences(model, name, width, chunk, 1000 + seed) for seed in seeds])
        row: Row = {"section": "gradient", "what": name, "config": config, "blind": is_blind(model, name),
                    "n": len(slopes)}
        for label, x in (("together", slopes), ("differences", pairs)):
            row |= {label: x.mean(), f"{label}_se": x.std() / np.sqrt(len(x)), f"{label}_sd": x.std()}
        row["apart"] = (row["together"] - row["differences"]) / np.hypot(row["together_se"], row["differences_se"])
        yield row


def agreement(options: argparse.Namespace) -> Iterator[Row]:
    for name in fm.models.names():
        model = fm.models.get(name, **ORACLE.get(name, {}))
        states = tuple(Observable(state, row) for row, state in enumerate(declared(type(model), State)))
        n_steps = 10 if options.quick else ORACLE_STEPS
        job = Job(model=model, values=values_of(model, None), n_paths=ORACLE_PATHS, n_steps=n_steps, address=Address(1),
                  observables=states, dtype="float64", n_threads=1)
        truth = oracle(model, n_paths=ORACLE_PATHS, n_steps=n_steps, address=Address(1))
        found = simulate_job(job, check=False)[:, 0]
        gaps = {state: float(relative_gap(paths, truth[state]).max()) for state, paths in
                zip(truth, found, strict=True)}
        yield {"section": "oracle", "what": name, "config": ORACLE.get(name, {}), "largest": max(gaps.values()),
               "state": max(gaps, key=lambda state: gaps[state]), "steps": n_steps}


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "against": against, "lanes": lanes, "calculus": calculus, "cold": cold, "gradient": gradient, "oracle": agreement}


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2e}" if value and abs(value) < 1e-3 else f"{value:.3f}"
    return str(value)


def table(rows: list[Row]) -> str:
    """Rows of one section, aligned."""
    keys = [k for k in dict.fromkeys(k for row in rows for k in row) if k != "section"]
    cells = [keys, *([shown(row.get(k, "")) for k in keys] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(keys))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], metavar="SECTION")
    parser.add_argument("--against", type=Path, metavar="DIR", help="a checkout of another state")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cold", type=int, default=3, help="processes of each case")
    parser.add_argument("--paths", type=int, default=200_000, help="of the gradients")
    parser.add_argument("--quick", action="store_true", help="small: to see that it works")
    parser.add_argument("--out", type=Path, default=lines.place_of("texts"))
    options = parser.parse_args()
    chosen = options.sections or [name for name in SECTIONS if name != "against" or options.against]
    if "against" in chosen and options.against is None:
        parser.error("against: give --against DIR, a checkout of another state")
    if options.quick:
        options.rounds = 3
    every: list[Row] = [lines.head()]
    for name in chosen:
        rows = []
        for row in SECTIONS[name](options):
            rows.append(json.loads(json.dumps(row, default=float)))
            print(f"{name}: {row['what']}", file=sys.stderr)
        print(f"\n{name} (load {os.getloadavg()[0]:.1f})\n{table(rows)}", flush=True)
        every += [*rows, {"section": name, "load": os.getloadavg()}]
    lines.write(options.out, every)


if __name__ == "__main__":
    main()
