"""Where each draw of a step has its random number.

A step has a pool of words in the first slots: whole words to what is drawn once (normal, uniform, chance), in the
order of the text, then half-words to counts of few agents, if all that the step draws fits into two slots. Draws in
loops, and counts of more agents, have a range of slots each. A draw with a name has slots that the name stands for, so
that it keeps its numbers when the text is written in another order.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastmas.errors import ModelError, ParameterError
from fastmas.language.graph import REAL, Node
from fastmas.language.refusals import REASONS
from fastmas.language.text import WRITTEN_OUT, Text

if TYPE_CHECKING:
    from fastmas.language.reading import Graph, Site

AGENTS, AGGREGATE = "agents", "aggregate"
PER_SLOT = 4  # words
HALVES = 8  # half-words of a slot
SHARED_SLOTS = 2  # that few agents may share with what is drawn once
RANGES, END = 0x10000000, 0xD0000000  # slots of ranges; draws with a name lie below and above
RANGE = 0x30000000  # slots of a range, if there are not more than four
TRY, CLEAR = 0x04000000, 0x01000000  # further tries of a binomial are TRY apart, and ranges stay CLEAR of them
NAMED, NAMES = 0x01001000, 0x1FFC00  # first slot of named draws drawn once, and for how many names there is room
NAMED_SLOTS = 8  # of a name
NAMED_RANGES = 16  # for draws in loops
NAMED_FROM = 0xD4000000
NAMED_RANGE = 0x02C00000
MOST_NAMED = NAMED_RANGE * PER_SLOT  # agents of a count with a name
MOST = {AGENTS: 2**31 - 1, AGGREGATE: 10**12}  # agents of a type
WORTH_AGGREGATING = 100  # agents of a type cost what its one number does, or a little more
# Kinds of places.
WORD, HALF, OWN, RANGED, ONE, EACH = "word", "half", "own", "range", "one", "each"
ONE_TURNS = 20  # bits: turns of loops around a count that takes one slot a turn


class Place(NamedTuple):
    """Where a site's numbers are: `how` says what `at` counts.

    "word": word `at` of the pool; "half": half-words from `at` on of the pool; "own": half-words of the slots
    from `at` on; "range": slots from `at` on, shared out among turns or agents; "one": slot `at`, and one more for
    each turn; "each": half-words of slots from `at` on, for a crowd that differs between paths.
    """

    how: str
    at: int


class Addresses:
    """The places of all sites of a graph.

    Parameters
    ----------
    graph : Graph
    mode : str
        "agents" or "aggregate": how agents are counted.

    Raises
    ------
    ModelError
        Two names stand for one address.
    """

    def __init__(self, graph: Graph, mode: str = AGENTS) -> None:
        self.graph, self.mode = graph, mode
        self.place: dict[Node, Place] = {}
        unnamed = [s for s in graph.sites if not s.name]
        once = [s for s in unnamed if s.node.block is graph.step]
        whole = [s for s in once if s.node.op in ("normal", "uniform", "chance")]
        few = [s for s in once if self._is_few(s)]
        agents = sum(s.node.args[0] for s in few)
        n_halves = 2 * len(whole) + agents
        shared = n_halves <= SHARED_SLOTS * HALVES and len(whole) + len(few) == len(unnamed)
        for k, site in enumerate(whole):
            self.place[site.node] = Place(WORD, k)
        at = 2 * len(whole)
        for site in few if shared else []:
            self.place[site.node] = Place(HALF, at)
            at += site.node.args[0]
        self.n_slots = -(-at // HALVES)  # of the pool
        self._place_others([s for s in unnamed if s.node not in self.place])
        self._place_named([s for s in graph.sites if s.name])

    def _is_few(self, site: Site) -> bool:
        return self.mode == AGENTS and is_few(site.node)

    def _place_others(self, sites: Sequence[Site]) -> None:
        """Ranges of their own, and single slots behind the pool."""
        ones = [s for s in sites if self._takes_one(s.node)]
        for k, site in enumerate(s for s in ones if s.node.block is self.graph.step):
            self.place[site.node] = Place(ONE, self.n_slots + k)
        for k, site in enumerate(s for s in ones if s.node.block is not self.graph.step):
            self.place[site.node] = Place(ONE, (k + 1) << ONE_TURNS)
        ranged = [s for s in sites if s.node not in self.place]
        room = min(RANGE, (END - RANGES) // max(1, len(ranged)))
        first, apart = (RANGES + CLEAR, TRY) if any(p.how == ONE for p in self.place.values()) else (RANGES, room)
        for k, site in enumerate(ranged):
            self.place[site.node] = Place(self._how(site), first + k * apart)
        if ranged and first + len(ranged) * apart > END:
            reason, remedy = REASONS["too many draws"]
            raise ModelError(f"model {self.graph.text.name!r}: {reason}; {remedy}")

    def _how(self, site: Site) -> str:
        once, n = site.node.block is self.graph.step, site.node.args[0] if site.node.args else None
        if site.node.op == "count" and isinstance(n, Node) and (n.kind == REAL or n.block.loop is not None):
            if not once:
                reason, remedy = REASONS["crowd in a loop"]
                raise ModelError(f"model {self.graph.text.name!r}, line {site.node.line}: {reason}; {remedy}")
            return EACH
        return OWN if once and self._is_few(site) else RANGED

    def _takes_one(self, node: Node) -> bool:
        return node.op == "count" and self.mode == AGGREGATE

    def _place_named(self, sites: Sequence[Site]) -> None:
        taken: dict[int, str] = {}
        for site in sites:
            in_loop = site.node.block is not self.graph.step or (site.node.op == "gamma")
            many = site.node.op == "count" and not is_few(site.node) and self.mode == AGENTS
            code = zlib.crc32(site.name.encode())
            at = (NAMED_FROM + NAMED_RANGE * (code % NAMED_RANGES) if in_loop or many
                  else NAMED + NAMED_SLOTS * (code % NAMES))
            if at in taken:
                reason, remedy = (text.format(taken[at], site.name) for text in REASONS["names meet"])
                raise ModelError(f"model {self.graph.text.name!r}: {reason}; {remedy}")
            taken[at] = site.name
            if many:
                self._check_named(site)
            how = ONE if self._takes_one(site.node) else RANGED if in_loop or many else OWN
            self.place[site.node] = Place(how, at)

    def _check_named(self, site: Site) -> None:
        n = size_of(self.graph.text, site.node.args[0])
        if n is not None and n > MOST_NAMED:
            raise ParameterError(f"draw {site.name!r}: a count with a name has words for at most {MOST_NAMED} agents, "
                                 f"and there are {n}; leave the name away, or use mode='aggregate'")


def is_few(node: Node) -> bool:
    """Whether a node counts agents who are few, and as many in every run of a kernel."""
    return node.op == "count" and isinstance(node.args[0], int) and node.args[0] <= WRITTEN_OUT


def resolved(mode: str, crowds: Sequence[int | None]) -> str:
    """How these crowds are counted: as asked for, or the cheaper way; None is one that differs between paths."""
    if mode in (AGENTS, AGGREGATE):
        return mode
    known = [n for n in crowds if n is not None]
    many = sum(known) > WORTH_AGGREGATING * sum(n > 0 for n in known)
    return AGGREGATE if many or None in crowds else AGENTS


def size_of(text: Text, n: Any) -> int | None:
    """How many agents a count has, or None if that differs between paths."""
    if not isinstance(n, Node):
        return int(n)
    return int(text.options[n.args[0]]) if n.op == "option" else None


def check_crowd(name: str, n: int, mode: str) -> None:
    """Raise ParameterError unless so many agents have random words."""
    most = MOST[mode]
    if n > most:
        remedy = "; use mode='aggregate'" if mode == AGENTS and n <= MOST[AGGREGATE] else ""
        raise ParameterError(f"{name}={n}: mode={mode!r} has words for at most {most} agents of a type{remedy}")
