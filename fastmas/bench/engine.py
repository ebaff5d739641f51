"""The benchmark of the engine: rows of figures, one after another, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastmas.bench import peers as parties
from fastmas.bench import studies
from fastmas.bench.law import Law, check_law
from fastmas.bench.machine import machine
from fastmas.bench.peers import REFERENCE, LeftOut, Peer, Prepared
from fastmas.bench.peers.fastmas import Fastmas
from fastmas.bench.studies import Options
from fastmas.bench.tasks import TASKS, Task, chosen
from fastmas.bench.timing import CPU, WALL, ratio, summary, take_turns
from fastmas.engine import devices
from fastmas.errors import ParameterError
from fastmas.parameters import is_whole

REPEATS, QUICK_REPEATS = 31, 5
LIMIT, QUICK_LIMIT = 20.0, 0.3  # seconds of a call, above which a peer is left out of a task
BUDGET, QUICK_BUDGET = 40.0, 2.0  # seconds of all calls of a peer in a task, but for three of them
QUICK = ("market-1000", "crowd-1e3", "aggregate-1e9")
PICTURES = (".png", ".svg", ".pdf")

Row = dict[str, Any]
Tell = Callable[[str], None]
Laws = dict[tuple[str, Task], Law | LeftOut]


@dataclass(frozen=True)
class Plan:
    """What will be measured: checked before anything runs."""

    tasks: list[Task]
    studies: list[str]
    peers: list[str]
    options: Options


def plan(tasks: str | None = None, peers: str | None = None, *, device: str = "cpu", quick: bool = False,
         repeats: int | None = None, seed: int = 1) -> Plan:
    """Check what is asked for.

    Parameters
    ----------
    tasks, peers : str, optional
        Names with commas between them; everything by default, of which a few tasks if `quick`. fastmas is
        always a peer.
    repeats : int, optional
        Rounds; 31, or 5 if `quick`.

    Raises
    ------
    ParameterError, DeviceError
        An unknown name, a number that cannot be, a device that is not there.
    """
    known = [*TASKS, *studies.names(device)]
    asked = list(QUICK) if quick and tasks is None else chosen(tasks, known, "task")
    others = chosen(peers, parties.names(), "peer")
    rounds = (QUICK_REPEATS if quick else REPEATS) if repeats is None else repeats
    if not is_whole(rounds) or rounds < 1:
        raise ParameterError(f"repeats={repeats}: give a whole number of at least 1")
    if not is_whole(seed) or not 0 <= seed < 2**31:
        raise ParameterError(f"seed={seed}: give a whole number in [0, 2**31)")
    devices.check(device)
    return Plan([TASKS[name] for name in asked if name in TASKS], [name for name in asked if name not in TASKS],
                [REFERENCE, *(name for name in others if name != REFERENCE)],
                Options(int(rounds), int(seed), quick, device))


def check_plot(what: Plan, suffix: str) -> None:
    """Raise ParameterError unless there will be something to draw, in a format that exists."""
    if "scaling" not in what.studies:
        raise ParameterError("nothing to plot: --plot needs the task scaling, which --quick leaves out unless --tasks "
                             "names it")
    if suffix not in PICTURES:
        raise ParameterError(f"cannot draw a {suffix or 'nameless'} file: use {', '.join(PICTURES)}")


def measure(what: Plan, tell: Tell = lambda text: None) -> Iterator[Row]:
    """Rows: the machine, peers that are left out, tasks, studies.

    `tell` hears what is going on.
    """
    available, versions, absent = {}, {}, []
    for name in what.peers if what.tasks else [REFERENCE]:
        peer = Fastmas(what.options.device) if name == REFERENCE else parties.get(name)
        try:
            versions.update(peer.versions())
            available[name] = peer
        except LeftOut as reason:
            absent.append({"peer": name, "left_out": str(reason)})
    yield {"machine": machine(versions), "repeats": what.options.repeats, "seed": what.options.seed,
           "quick": what.options.quick, "device": what.options.device}
    yield from absent
    laws: Laws = {}
    for task in what.tasks:
        yield from measure_task(task, available, what.options, laws, tell)
    for name in what.studies:
        tell(name)
        yield from studies.get(name)(what.options)


def measure_task(task: Task, available: dict[str, Peer], options: Options,
                 laws: Laws, tell: Tell) -> Iterator[Row]:
    """A row for each peer: its figures, or why there are none."""
    ready: dict[str, Prepared] = {}
    distance = {}
    for name, peer in available.items():
        tell(f"{task.name}: {name}")
        try:
            distance[name], ready[name] = prepare(name, peer, task, options.quick, laws)
        except LeftOut as reason:
            yield {**_head(task, name), "left_out": str(reason)}
    tell(f"{task.name}: {options.repeats} rounds")
    found = take_turns({name: one.call for name, one in ready.items()}, options.repeats, options.seed,
                       QUICK_BUDGET if options.quick else BUDGET)
    for name, seconds in found.items():
        row = {**_head(task, name), "threads": ready[name].n_threads, **summary(seconds, task.units),
               "same_law_errors": distance[name]}
        if REFERENCE in found:
            clock = CPU if options.device == "cpu" else WALL  # a GPU's work is no time of the CPU
            row |= {"versus": ratio(seconds, found[REFERENCE], clock), "ratio": ratio(seconds, found[REFERENCE], WALL),
                    "cost_ns": row["cpu_ns" if options.device == "cpu" else "median_ns"]}
        yield row


def prepare(name: str, peer: Peer, task: Task, quick: bool, laws: Laws) -> tuple[float, Prepared]:
    """Check a peer's law and call it once.

    Raises
    ------
    LeftOut
        If it cannot do the task, has another law, or would take too long.
    """
    limit = QUICK_LIMIT if quick else LIMIT
    key = (name, task.small())
    if key not in laws:
        try:
            laws[key] = check_law(peer, task)
        except LeftOut as reason:
            laws[key] = reason
    law = laws[key]
    if isinstance(law, LeftOut):
        raise law
    if law.seconds_per_draw * task.draws > limit:
        raise LeftOut(f"more than {limit:g} s a call")
    prepared = peer.prepare(task)
    prepared.call(0)
    return law.distance, prepared


def _head(task: Task, name: str) -> Row:
    return {"task": task.name, "what": task.what, "mode": task.mode, "peer": name, "unit": task.unit,
            "paths": task.n_paths, "steps": task.n_steps, "agents": task.n_agents}
