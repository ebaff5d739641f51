"""Where kernels find what they read: columns of theta, entries of `integers`, rows of the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmas.language.reading import Graph
from fastmas.language.text import WRITTEN_OUT, Text

MEAN, PAST = "mean", "past"


class Layout:
    """The places of a text's numbers.

    Real parameters come first, those of which every agent has one behind the others; so do whole ones, with
    options and tables of the configuration behind them. The history holds a ring for each state that is looked
    back at, then the numbers of agents.
    """

    def __init__(self, text: Text, graph: Graph) -> None:
        self.text, self.graph = text, graph
        self.rows: dict[str, str] = {}  # state -> the lane array that holds it, in generated code
        self.reference_rows: dict[str, str] = {}  # state -> what its running sums leave out
        shared = [p for p in text.parameters.values() if p.n_agents is None]
        own = [p for p in text.parameters.values() if p.n_agents is not None]
        self.reals = self._places([p for p in (*shared, *own) if not p.integer])
        self.integers = self._places([p for p in shared if p.integer])
        end = len(self.integers)
        for name in text.at_run_time:
            self.integers[name], end = end, end + 1
        self.n_rows: dict[str, int] = {}
        for name in text.tables:
            self.n_rows[name], end = end, end + 1
        for name, place in self._places([p for p in own if p.integer]).items():
            self.integers[name] = end + place
        end += sum(len(p.entries) for p in own if p.integer)
        for name, table in text.tables.items():
            self.integers[name], end = end, end + table.room * table.width
        self.n_integers = end
        self._lay_out_history()

    @staticmethod
    def _places(parameters: Sequence[Any]) -> dict[str, int]:
        ends = np.cumsum([0, *(len(p.entries) for p in parameters)])
        return {p.name: int(end) for p, end in zip(parameters, ends, strict=False)}

    def _lay_out_history(self) -> None:
        self.ring: dict[tuple[str, str], tuple[int, int]] = {}  # (state, word) -> first row, mask
        self.references: dict[str, int] = {}  # of arrays that are looked back at: what their running sums leave out
        end = 0
        for state, words in self.graph.look_back.items():
            for word, longest in words.items():
                size = 1 << (longest + 1 + (word == MEAN)).bit_length()
                self.ring[state, word] = end, size - 1
                end += size * self.graph.more_agents.get(state, 1)
                if word == MEAN and state in self.graph.more_agents:
                    self.references[state], end = end, end + self.graph.more_agents[state]
        self.agents: dict[str, int] = {}
        sizes = {name: self.text.crowd(one) for name, one in self.text.agents.items()} | self.graph.more_agents
        for name, n in sizes.items():
            self.agents[name] = end
            end += n if n <= WRITTEN_OUT else 1 << (n - 1).bit_length()
        self.n_history = end

    def n_agents(self, name: str) -> int:
        """How many numbers an array of agents has."""
        return self.graph.more_agents.get(name) or self.text.crowd(self.text.agents[name])

    # ---- values as kernels read them
    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of real and of whole values among all values of a theta, in the order of a kernel."""
        start, at = {}, 0
        for p in self.text.parameters.values():
            start[p.name] = at
            at += len(p.entries)

        def of(places: dict[str, int], integer: bool) -> np.ndarray:
            chosen = [p for p in self.text.parameters.values() if p.integer == integer]
            chosen.sort(key=lambda p: places[p.name])
            return np.array([start[p.name] + k for p in chosen for k in range(len(p.entries))], dtype=np.intp)

        return of(self.reals, False), of(self.integers, True)

    def frame(self) -> np.ndarray:
        """The `integers` of a kernel with options and tables filled in, int64 (n_integers,)."""
        out = np.zeros(self.n_integers, dtype=np.int64)
        for name in self.text.at_run_time:
            out[self.integers[name]] = self.text.options[name]
        for name, table in self.text.tables.items():
            flat = [x for row in table.rows for x in row]
            out[self.n_rows[name]] = len(table.rows)
            out[self.integers[name]:self.integers[name] + len(flat)] = flat
        return out

    def whole_places(self) -> np.ndarray:
        """Where the whole values of a theta go in `frame`, in the order of `columns`."""
        chosen = sorted((p for p in self.text.parameters.values() if p.integer), key=lambda p: self.integers[p.name])
        return np.array([self.integers[p.name] + k for p in chosen for k in range(len(p.entries))], dtype=np.intp)
