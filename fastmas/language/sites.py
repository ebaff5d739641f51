"""Where the draws of a method have their numbers, by their place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastmas.language.addresses import Addresses, Place, resolved, size_of
from fastmas.language.following import follow_start, follow_step
from fastmas.language.following.actions import Loop, all_of
from fastmas.language.reading import Graph, read_start, read_step
from fastmas.language.refusals import NotForLanes
from fastmas.language.text import Text


class Sites(NamedTuple):
    """The draws of a method, by keys: the calls around, line, column, turns of unrolled loops.

    `places` says where each draw has its numbers; `counted` are the loops of which a draw inside has the running
    number of their turns in a step: where paths differ in how many there are.
    """

    places: Mapping[Any, Place]
    counted: frozenset[Any]


def sites_of(text: Text, mode: str = "") -> dict[str, Sites]:
    """The sites of `step`, and of `start` if there is one."""
    try:
        graphs, counted = {"start": read_start(text), "step": read_step(text)}, dict[str, frozenset[Any]]()
    except NotForLanes:
        followed = {"start": follow_start(text), "step": follow_step(text)}
        graphs = {name: None if one is None else one.graph for name, one in followed.items()}
        counted = {name: frozenset(a.place for a in all_of(one.actions) if isinstance(a, Loop) and a.counter)
                   for name, one in followed.items() if one is not None}
    known = {name: graph for name, graph in graphs.items() if graph is not None}
    mode = mode or mode_of(*known.values())
    return {name: Sites(_places(graph, mode), counted.get(name, frozenset())) for name, graph in known.items()}


def _places(graph: Graph, mode: str) -> dict[Any, Place]:
    addresses = Addresses(graph, mode)
    return {site.key: addresses.place[site.node] for site in graph.sites}


def mode_of(*graphs: Graph) -> str:
    """How the agents of a text are counted, in its step and its start: as its model asks for, or the cheaper way.

    "" where none are.
    """
    crowds = crowds_of(*graphs)
    return resolved(getattr(graphs[0].text.model, "mode", ""), crowds) if crowds else ""


def crowds_of(*graphs: Graph) -> list[int | None]:
    """How many agents each count has, or None if that differs between paths."""
    return [size_of(one.text, site.node.args[0]) for one in graphs for site in one.sites if site.node.op == "count"]
