"""How the cost of a path-step depends on the numbers of paths, steps, agents and threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fastmas.bench.peers import LeftOut, get
from fastmas.bench.studies import Options, Row
from fastmas.bench.tasks import AGENTS, AGGREGATE, TASKS, Task
from fastmas.bench.timing import Call, summary, take_turns
from fastmas.engine.threads import count_threads
from fastmas.simulate import simulate

MARKET, CROWD, CROWD_TOGETHER = TASKS["market-1000"], TASKS["crowd-1e3"], TASKS["aggregate-1e3"]
SHARED = (TASKS["market-16384"], replace(TASKS["crowd-1e6"], n_paths=256))  # a block of paths is never shared
MOST_DRAWS = 2e8  # of a call: a fraction of a second


def sizes(quick: bool) -> Iterator[tuple[str, int, list[Task]]]:
    """Axis, value on it, and the tasks of that size."""
    every = 3 if quick else 1
    for n in [2**k for k in range(4, 17)][::every]:
        yield "paths", n, [replace(MARKET, n_paths=n)]
    for n in [10, 30, 100, 300, 1000, 3000][::every]:
        yield "steps", n, [replace(MARKET, n_steps=n, n_paths=max(64, min(1000, 1_000_000 // n)))]
    for k in range(1, 10, 2 if quick else 1):
        n = 10**k
        tasks = [replace(CROWD_TOGETHER, n_noise=n, n_paths=1024, n_steps=20)]
        one_by_one = replace(CROWD, n_noise=n, n_paths=64, n_steps=max(1, min(100, int(MOST_DRAWS / 64 / n))))
        yield "agents", n, tasks + [one_by_one] * (one_by_one.draws <= MOST_DRAWS)


def study(options: Options) -> Iterator[Row]:
    """Rows with "axis", "value", "mode", "peer" and nanoseconds per path-step; threads last."""
    repeats = max(3, options.repeats // 3)
    for axis, value, tasks in sizes(options.quick):
        for task in tasks:
            units = task.n_paths * task.n_steps
            for name, seconds in take_turns(_calls(task), repeats, options.seed, budget=5.0).items():
                yield {"study": "scaling", "axis": axis, "value": value, "mode": task.mode, "peer": name,
                       "paths": task.n_paths, "steps": task.n_steps, "agents": task.n_agents, **summary(seconds, units)}
    for task in SHARED:
        calls = {str(n): threaded(task, n) for n in range(1, count_threads() + 1)}
        for call in calls.values():
            call(options.seed)
        units = task.n_paths * task.n_steps
        for n, seconds in take_turns(calls, options.repeats, options.seed).items():
            yield {"study": "scaling", "axis": "threads", "value": int(n), "mode": AGENTS, "peer": "fastmas",
                   "task": task.name, **summary(seconds, units)}


def threaded(task: Task, n_threads: int) -> Call:
    return lambda seed: simulate(task.market, task.theta, n_paths=task.n_paths, n_steps=task.n_steps, seed=seed,
                                 n_threads=n_threads)


def _calls(task: Task) -> dict[str, Call]:
    """fastmas, and the C kernel where it can, each called once."""
    calls = {}
    for name in ("fastmas",) if task.mode == AGGREGATE else ("fastmas", "c"):
        try:
            calls[name] = get(name).prepare(task).call
        except LeftOut:
            continue
        calls[name](0)
    return calls


STUDY = study
