"""Where the draws of a method have their numbers, by their place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmas.language.addresses import Addresses, Place, resolved
from fastmas.language.graph import Node
from fastmas.language.reading import Graph, read_start, read_step
from fastmas.language.text import Text


def sites_of(text: Text, method: str, mode: str = "") -> Mapping[Any, Place]:
    """Key of each draw (calls around it, line, column, turns of unrolled loops) to its place."""
    graph = read_step(text) if method == "step" else read_start(text)
    assert graph is not None
    addresses = Addresses(graph, mode or mode_of(graph))
    return {site.key: addresses.place[site.node] for site in graph.sites}


def mode_of(graph: Graph) -> str:
    """How the agents of a text are counted: as its model asks for, or the cheaper way; "" where none are."""
    crowds = crowds_of(graph)
    return resolved(getattr(graph.text.model, "mode", ""), crowds) if crowds else ""


def crowds_of(graph: Graph) -> list[int | None]:
    """How many agents each count has, or None if that differs between paths."""
    return [_size(graph.text, site.node.args[0]) for site in graph.sites if site.node.op == "count"]


def _size(text: Text, n: Any) -> int | None:
    if not isinstance(n, Node):
        return int(n)
    return int(text.options[n.args[0]]) if n.op == "option" else None
