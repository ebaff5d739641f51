"""The two kernels of a model's text as a module's source: what `init` leaves, what a step does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from fastmas.language.addresses import HALF, OWN, Addresses
from fastmas.language.graph import Node
from fastmas.language.reading import Graph
from fastmas.language.text import Text
from fastmas.lowering.formulas import real_constant
from fastmas.lowering.lanes import Lanes
from fastmas.lowering.layout import MEAN, Layout
from fastmas.lowering.rows import Rows
from fastmas.parameters import Parameter
from fastmas.random.counting import ROWS

STEP = "def step(t, lanes, state, words, history, address, theta, integers):"
INIT = "def init(lanes, state, history, theta, integers):"
INIT_WITH_DRAWS = "def init(lanes, state, words, history, address, theta, integers):"
# What generated code may call, by its home.
HOMES = {
    "fastmas.kernel": "product",
    "fastmas.random.philox": "draw_words lane_words pick",
    "fastmas.random.normal": "cdf_thresholds draw_normals normal_cdf normal_of threshold uniform uniform_of",
    "fastmas.random.functions": "exp log sigmoid tanh",
    "fastmas.random.counting": "HALF LOW_HALF NONE NO_HALF UPPER_HALF below_bound count_agents half_of",
    "fastmas.random.halves": "clear_row decide_halves decide_pool",
    "fastmas.random.sums": "remember_mean remember_past",
    "fastmas.random.binomial_lanes": "binomial_below get_bits number_of put_bits",
    "fastmas.random.crowds": "binomial_each count_each",
    "fastmas.random.gamma": "draw_gammas",
    "fastmas.random.at": "binomial_at count_each_at count_few_at count_many_at gamma_at half_below",
}
HEAD = '''"""Generated from the text of {label}{how}. Safe to delete."""

import math

from numpy import floor, int32, int64, uint16, uint32

from fastmas.kernel import kernel
{imports}

BIT = uint32(1)
NO_WORDS = (uint32(0), uint32(0), uint32(0), uint32(0))
sqrt = math.sqrt
'''


class Source(NamedTuple):
    """A module's source with what an engine must know of it."""

    text: str
    n_state: int
    n_words: int
    n_history: int
    draws_at_start: bool


def imports_of(code: str) -> str:
    """The import lines of what a code uses."""
    used = set(re.findall(r"\w+", code))
    found = {home: sorted(used & set(names.split())) for home, names in HOMES.items()}
    return "\n".join(f"from {home} import {', '.join(names)}" for home, names in found.items() if names)


class TextKernels:
    """What the kernels of a step and, if there is one, of a start have in common, however they run."""

    how = ""

    def __init__(self, text: Text, step: Graph, start: Graph | None, mode: str,
                 ones: Mapping[str, int] | None = None) -> None:
        self.text, self.step, self.start, self.mode = text, step, start, mode
        self.ones = ones or {}  # array of tangents -> which of its numbers is 1 at t = 0
        self.layout = Layout(text, step)
        self.addresses = {graph: Addresses(graph, mode) for graph in (step, start) if graph is not None}
        taken = {name for names in HOMES.values() for name in names.split()}
        self.state = Rows("state", taken)
        self.words = Rows("words", taken, ROWS if self._works_in_words() else 0)
        self.layout.rows = {name: self.state.new(name) for name in text.states}
        for name, words in step.look_back.items():
            if MEAN in words and name not in step.more_agents:
                self.layout.reference_rows[name] = self.state.new(f"reference_{name}")

    def _works_in_words(self) -> bool:
        places = [(node.op, place) for one in self.addresses.values() for node, place in one.place.items()]
        return any(op == "gamma" or op == "count" and place.how not in (HALF, OWN) for op, place in places)

    def module(self, init_lines: list[str], step_lines: list[str], draws: bool) -> Source:
        """The module; `draws` says whether the start does."""
        head = INIT_WITH_DRAWS if draws else INIT
        code = "\n\n\n".join([self._function(head, init_lines, draws), self._function(STEP, step_lines, True)])
        label = ascii(self.text.name)[1:-1].replace('"', "'")
        text = HEAD.format(label=label, how=self.how, imports=imports_of(code))
        return Source(f"{text}\n\n{code}\n", len(self.state.names), len(self.words.names), self.layout.n_history, draws)

    def _function(self, head: str, lines: list[str], with_words: bool) -> str:
        body = "\n".join(lines) or "    pass"
        words = self.words.bindings(body) if with_words else []
        used = set(re.findall(r"\w+", body))
        numbers = [f"    {name} = theta.dtype.type({k})" for k, name in enumerate(("ZERO", "ONE")) if name in used]
        return "\n".join(["@kernel", head, *numbers, *self.state.bindings(body), *words, body])

    # ---- before the first step, and after each
    def begin(self) -> list[str]:
        """The values that states and agents have before the first step."""
        lines = ["    for w in range(lanes):"]
        starts = {n: self._begin(s.start) for n, s in self.text.states.items()}
        lines += [f"        {self.layout.rows[name]}[w] = {value}" for name, value in starts.items()]
        for name, one in self.text.agents.items():
            base = self.layout.agents[name]
            if one.start:
                lines += [f"    for i in range({self.text.crowd(one)}):", "        for w in range(lanes):",
                          f"            history[{base} + i, w] = {real_constant(one.start)}"]
        for array, place in self.ones.items():
            lines += ["    for w in range(lanes):", f"        history[{self.layout.agents[array] + place}, w] = ONE"]
        return lines

    def first_pasts(self) -> list[str]:
        """What may be looked back at in the first step."""
        pasts = [(name, word) for name, words in self.step.look_back.items() for word in words]
        return [line for one in pasts for line in self._first_past(*one)]

    def remember(self, scratch: Callable[[], str]) -> list[str]:
        """What a step leaves for later ones to look back at."""
        lines = []
        for (name, word), (base, mask) in self.layout.ring.items():
            if name in self.step.more_agents:
                row, first = f"history[{self.layout.agents[name]} + k]", f"{base} + {mask + 1} * k"
                more = f", history[{self.layout.references[name]} + k], {scratch()}" if word == MEAN else ""
                lines.append(f"    for k in range({self.step.more_agents[name]}):")
                lines.append(f"        remember_{word}(t, lanes, history, int64({first}), int64({mask}), {row}{more})")
                continue
            more = f", {self.layout.reference_rows[name]}, {scratch()}" if word == MEAN else ""
            row = self.layout.rows[name]
            lines.append(f"    remember_{word}(t, lanes, history, int64({base}), int64({mask}), {row}{more})")
        return lines

    def _first_past(self, name: str, word: str) -> list[str]:
        base, mask = self.layout.ring[name, word]
        if name in self.step.more_agents:
            place = f"{self.layout.references[name]} + k" if word == MEAN else f"{base} + {mask + 1} * k"
            return [f"    for k in range({self.step.more_agents[name]}):", "        for w in range(lanes):",
                    f"            history[{place}, w] = history[{self.layout.agents[name]} + k, w]"]
        place = f"{self.layout.reference_rows[name]}[w]" if word == MEAN else f"history[{base}, w]"
        return ["    for w in range(lanes):", f"        {place} = {self.layout.rows[name]}[w]"]

    def _begin(self, start: object) -> str:
        if not isinstance(start, Parameter):
            return real_constant(float(start))  # type: ignore[arg-type]
        if start.integer:
            return f"theta.dtype.type(integers[{self.layout.integers[start.name]}])"
        return f"theta[{self.layout.reals[start.name]}, w]"


class LaneKernels(TextKernels):
    """Lane kernels of a step and, if there is one, of a start."""

    def source(self) -> Source:
        """The module."""
        held: dict[Node, str] = {}
        lanes = self._lanes(self.step, held)
        lanes.write_step()
        step_lines = [*lanes.lines, *self.remember(lanes.scratch)]
        lanes.lines = []
        lanes.write_once()
        init_lines, draws = self._init(lanes.lines)
        return self.module(init_lines, step_lines, draws)

    def _lanes(self, graph: Graph, held: dict[Node, str] | None) -> Lanes:
        return Lanes(graph, self.addresses[graph], self.layout, (self.state, self.words), held)

    # ---- the start
    def _init(self, once: list[str]) -> tuple[list[str], bool]:
        lines, draws = [*self.begin(), *once], False
        if self.start is not None:
            draws = bool(self.start.sites)
            lanes = self._lanes(self.start, None)
            if draws:
                lines.append("    t = 0")
                lanes.draw_pool()
            lanes.write(self.start.once)
            lanes.write(self.start.step)
            lines += lanes.lines
        return [*lines, *self.first_pasts()], draws
