"""Claim: estimates are never worse than the simple method's, and intervals cover what they say.

Each data set of each task of `calibration_tasks.py` is calibrated by each updater, through `fastmas.calibrate` alone.
A run is one line of the file, written when it is there: an interrupted benchmark goes on where it stopped.
`NAME:DISCRIMINATOR` plays an updater against another discriminator.

In the tables "rms" is the root mean square error over data sets with its standard error (delta method), in logarithms
or in units where the coordinate says so; "of the start" is the same of `fit.start`, beside it the ratio of both on the
same sets, and the ratio to the updater `moments` where that has run on them. Coverage is that of 90% intervals, with a
95% Clopper-Pearson band. CPU seconds are those of the whole call, with compiled kernels at hand.

    python benchmarks/calibration.py [--tasks exact2,fw5] [--sets 0-19] [--updaters cma-es,moments] [--jobs 2]
                                     [--fresh] [--print] [--out FILE]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import lines
import numpy as np
from calibration_tasks import TASKS, Task
from lines import Row
from numpy.typing import ArrayLike
from scipy.stats import binomtest

import fastmas as fm

UPDATERS = ("cma-es", "parameter-score", "moments")
BASELINE = "moments"
NOT_EACH = "not each of them"  # of a warning that two parameters are not told apart
KEPT = ("seconds_by_phase", "rounds", "distance", "degrees", "misfit", "moment_distance", "moment_degrees", "modes",
        "candidates", "estimate_training", "auc_heldout")  # of fit.result, where it has them
LEVEL = 0.05  # of a verdict
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Run(NamedTuple):
    """One calibration."""

    task: str
    number: int
    updater: str
    seed: int

    @classmethod
    def of(cls, row: Row) -> Run:
        return cls(row["task"], row["set"], row["updater"], row["seed"])

    def named(self) -> Row:
        return {"task": self.task, "set": self.number, "updater": self.updater, "seed": self.seed}


# ---- runs
def one(run: Run, n_threads: int) -> Row:
    """The row of a run; one that fails says why."""
    task = TASKS[run.task]
    case = task.make(run.number)
    name, _, discriminator = run.updater.partition(":")
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    try:
        fit = fm.calibrate(case.model, case.data, free=list(case.truth), updater=name, seed=run.seed,
                           discriminator=discriminator or None, n_threads=n_threads, start=case.start,
                           moment_start=case.start is None)
    except Exception as error:  # the other runs are worth having
        return run.named() | {"failed": f"{type(error).__name__}: {error}"}
    spent = {"cpu_seconds": sum(os.times()[:4]) - cpu, "seconds": time.perf_counter() - began}
    return run.named() | found(task, case.truth, fit) | spent | {
        "played": played(fit), "units": {name: case.units.get(name, 1.0) for name in case.truth}}


def played(fit: Any) -> Row:
    """Where the game alone stood in the last half of its last round; nothing if none was played."""
    last = [row for row in fit.history if row["round"] == fit.history[-1]["round"]]
    return {name: float(np.mean([row[name] for row in last[len(last) // 2:]])) for name in fit.estimate if last}


def found(task: Task, truth: Mapping[str, float], fit: Any) -> Row:
    """What a fit says, beside the truth."""
    inside = fit.interval and {n: fit.interval[n][0] <= truth[n] <= fit.interval[n][1] for n in truth}
    draws = getattr(fit, "draws", None)
    means = {"posterior_mean": {n: float(np.mean(draws[n])) for n in truth}} if isinstance(draws, Mapping) else {}
    return {"truth": dict(truth), "estimate": fit.estimate, "start": fit.start, **means,
            "errors": task.errors(truth, fit.estimate), "start_errors": task.errors(truth, fit.start),
            "interval": fit.interval, "covered": inside, "p_value": fit.p_value, "verdict": fit.verdict,
            "warnings": fit.warnings, "paths_simulated": fit.paths_simulated,
            **{key: fit.result[key] for key in KEPT if key in fit.result}}


def perform(runs: Sequence[Run], options: argparse.Namespace) -> int:
    """Do the runs, each a line of the file when it is done; how many failed."""
    os.environ.update(dict.fromkeys(POOLS, str(options.threads)))  # read by processes that are started from here on
    failed = 0
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"), _leave_ctrl_c) as pool:
        try:
            for future in as_completed([pool.submit(one, run, options.threads) for run in runs]):
                row = future.result()
                lines.append(options.out, row)
                failed += "failed" in row
                print(told(row), flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    return failed


def _leave_ctrl_c() -> None:
    """To the process that started this one, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def told(row: Row) -> str:
    said = f"{row['task']} {row['set']:2d} {row['updater']:16s} "
    if "failed" in row:
        return said + row["failed"]
    errors = ", ".join(f"{n} {e / row['units'][n]:+.4f}" for n, e in row["errors"].items())
    return said + f"{errors}; p {row['p_value']:.3f}; {row['cpu_seconds']:.1f} CPU s"


# ---- tables
def root_mean_square(values: ArrayLike) -> tuple[float, float]:
    """Root mean square and its standard error (delta method)."""
    squares = np.square(values)
    rms = float(np.sqrt(squares.mean()))
    return rms, _error_of_mean(squares) / (2 * rms) if rms else float("nan")


def ratio(above: ArrayLike, below: ArrayLike) -> tuple[float, float]:
    """Of two root mean squares over the same data sets, and its standard error (delta method)."""
    a, b = np.square(above), np.square(below)
    if not a.mean() or not b.mean():
        return float("nan"), float("nan")
    value = float(np.sqrt(a.mean() / b.mean()))
    return value, value * _error_of_mean(a / a.mean() - b / b.mean()) / 2


def _error_of_mean(x: np.ndarray) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("nan")


def tables(rows: Sequence[Row]) -> Iterator[str]:
    """One for each task and updater; of a run that was done twice, the last."""
    last = {Run.of(row): row for row in rows}
    for name, task in TASKS.items():
        mine = [row for row in last.values() if row["task"] == name]
        if mine:
            yield f"\n{name}: {task.goal}"
        for updater in dict.fromkeys(row["updater"] for row in mine):
            baseline = {} if updater == BASELINE else {
                (row["set"], row["seed"]): row for row in mine if row["updater"] == BASELINE}
            yield from table(task, [row for row in mine if row["updater"] == updater], baseline)


def table(task: Task, rows: Sequence[Row], baseline: Mapping[tuple[int, int], Row]) -> Iterator[str]:
    """Lines about the rows of one updater."""
    done = sorted((row for row in rows if "failed" not in row), key=lambda row: (row["set"], row["seed"]))
    yield (f"\n{rows[0]['updater']}, {len(done)} runs" + (f" in {task.unit}" if task.unit else "")
           + (f", {len(rows) - len(done)} failed" if len(done) < len(rows) else ""))
    if not done:
        return
    yield (f"  {'coordinate':22s}{'rms':>20s}{'bias':>21s}{'worst':>10s} {'set':>3s}{'of the start':>14s}"
           f"{'ratio':>14s}{'to ' + BASELINE:>14s}   covered")
    for name in done[0]["truth"]:
        yield coordinate(task, name, done, baseline)
    covered = [inside for row in done if row["covered"] for inside in row["covered"].values()]
    if covered:
        yield f"  covered: {sum(covered)} of {len(covered)}, {np.mean(covered):.0%}"
    said = sum(any(NOT_EACH in warning for warning in row["warnings"]) for row in done)
    rejected = sum(row["p_value"] <= LEVEL for row in done)
    yield f"  \"{NOT_EACH}\": {said} of {len(done)} runs; p <= {LEVEL}: {rejected}"
    for what, key in (("CPU seconds", "cpu_seconds"), ("paths", "paths_simulated")):
        values = [row[key] for row in done]
        yield f"  {what}: median {np.median(values):,.0f}, most {max(values):,.0f}"
    yield from (f"  {line}" for line in task.further(done))


def coordinate(task: Task, name: str, done: Sequence[Row], baseline: Mapping[tuple[int, int], Row]) -> str:
    """One line of a table."""
    ours, start = (np.array([row[key][name] / row["units"][name] for row in done])
                   for key in ("errors", "start_errors"))
    worst = int(np.argmax(np.abs(ours)))
    beside = [baseline.get((row["set"], row["seed"]), {}) for row in done]
    paired = [(error, row["errors"][name] / row["units"][name]) for error, row in zip(ours, beside, strict=True)
              if "errors" in row]
    to_baseline = with_error(ratio(*zip(*paired, strict=True)), 2) if paired else "-"
    label = f"log {name}" if name in task.logs else name
    return (f"  {label:22s}{with_error(root_mean_square(ours)):>20s}"
            f"{with_error((ours.mean(), _error_of_mean(ours))):>21s}{ours[worst]:>+10.4f} {done[worst]['set']:>3d}"
            f"{root_mean_square(start)[0]:>14.4f}{with_error(ratio(ours, start), 2):>14s}{to_baseline:>14s}   "
            + coverage([row["covered"][name] for row in done if row["covered"]]))


def with_error(pair: tuple[float, float], digits: int = 4) -> str:
    return f"{pair[0]:.{digits}f} +- {pair[1]:.{digits}f}"


def coverage(inside: Sequence[bool]) -> str:
    """How many, and the band of the share."""
    if not inside:
        return "-"
    band = binomtest(sum(inside), len(inside)).proportion_ci()
    return f"{sum(inside)} of {len(inside)} ({band.low:.0%} to {band.high:.0%})"


# ---- the command
def span(text: str) -> range:
    """Of "3" or "0-19"."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def chosen_runs(options: argparse.Namespace) -> list[Run]:
    """Data set by data set, so that updaters have run on the same ones wherever it stops."""
    return [Run(task, number, updater, options.seed) for task in options.tasks.split(",")
            for number in options.sets or range(TASKS[task].n_sets) for updater in options.updaters.split(",")]


def prepared(path: Path, runs: Sequence[Run], options: argparse.Namespace) -> list[Run]:
    """Those not in the file yet; `fresh` takes them out of it. Rows of failed runs give way to new ones."""
    rows = lines.read(path)
    known = {Run.of(row) for row in rows if "task" in row and "failed" not in row and not options.fresh}
    left = [run for run in runs if run not in known]
    kept = [row for row in rows if "machine" in row or ("task" in row and Run.of(row) not in left)]
    if left:
        kept.append(lines.head(jobs=options.jobs, threads=options.threads))
    # a head that no row follows says nothing
    lines.write(path, [row for row, after in zip(kept, [*kept[1:], {}], strict=True)
                       if "machine" not in row or "machine" not in after])
    print(f"{len(left)} of {len(runs)} runs to do", flush=True)
    return left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS), help="all if not given")
    parser.add_argument("--sets", type=span, help="0-19, or one; as many as the task asks for if not given")
    parser.add_argument("--updaters", default=",".join(UPDATERS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--fresh", action="store_true", help="do these runs again; the rows of others stay")
    parser.add_argument("--print", action="store_true", dest="only_print", help="the tables, without a run")
    parser.add_argument("--out", type=Path, default=lines.place_of("calibration"))
    options = parser.parse_args()
    unknown = set(options.tasks.split(",")) - set(TASKS)
    if unknown:
        parser.error(f"no task {min(unknown)!r}; there are: {', '.join(TASKS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the processes of the pool would stay
    failed = 0
    if not options.only_print:
        try:
            failed = perform(prepared(options.out, chosen_runs(options), options), options)
        except KeyboardInterrupt:
            print("stopped: the same command goes on from here", file=sys.stderr)
            return 130
    print("\n".join(tables([row for row in lines.read(options.out) if row.get("task") in options.tasks.split(",")])))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
