"""The graph of a text at work: blocks computed node by node, for all paths at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from fastmas.language.graph import Block, Node, inner_blocks, needed
from fastmas.language.reading import Graph
from fastmas.language.text import Text
from fastmas.lowering.torch_twin.decisions import Exact
from fastmas.lowering.torch_twin.draws import Draws
from fastmas.lowering.torch_twin.rules import RULES
from fastmas.parameters import Parameter

Plan = dict[Block, list[Node]]


def plan_of(graph: Graph) -> Plan:
    """The nodes of each block that its ends depend on, in an order in which they can be computed: their own."""
    alive = needed(graph.step.ends)
    return {b: [n for n in b.nodes if n in alive] for b in (graph.once, graph.step, *inner_blocks(graph.step))}


@dataclass(eq=False)
class Run:
    """One simulation.

    `parameters` has tensors that broadcast to (n_paths,), whole numbers, and lists of them with an entry for each
    agent; `like` is a tensor (n_paths,) of the run's dtype on its device.
    """

    text: Text
    parameters: Mapping[str, Any]
    draws: Draws
    decisions: Exact
    like: torch.Tensor
    t: int = 0
    plan: Plan = field(default_factory=dict)
    value: dict[Node, Any] = field(default_factory=dict)
    state: dict[str, torch.Tensor] = field(default_factory=dict)
    kept: dict[str, list[torch.Tensor]] = field(default_factory=dict)  # states, t = 0, 1, ...
    agents: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    turns: dict[Node, int] = field(default_factory=dict)  # of the loops around what is computed
    carried: dict[Any, Any] = field(default_factory=dict)  # (loop, what) -> what it hands on
    _sums: dict[str, list[torch.Tensor]] = field(default_factory=dict)  # of a state above its start
    _stacked: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dtype, self.relaxes = self.like.dtype, type(self.decisions) is not Exact

    # ---- the course of a simulation
    def start(self, graph: Graph | None) -> None:
        """t = 0."""
        for name, one in self.text.states.items():
            begin = self.parameters[one.start.name] if isinstance(one.start, Parameter) else float(one.start)
            self.state[name] = self.row(begin)
        for name, group in self.text.agents.items():
            self.agents[name] = [self.constant(group.start)] * self.text.crowd(group)
        if graph is not None:
            self.enter(graph)
            self.state = {name: self.row(v) for name, v in self.compute(graph.step).items()}
        self.kept = {name: [value] for name, value in self.state.items()}

    def enter(self, graph: Graph) -> None:
        """Compute what does not change from step to step."""
        self.plan = plan_of(graph)
        self.compute(graph.once)
        self._sums = {name: [torch.zeros_like(self.like, dtype=torch.float64)]
                      for name, words in graph.look_back.items() if "mean" in words}

    def advance(self, graph: Graph) -> None:
        """One step."""
        self.t += 1
        self.state = {name: self.row(v) for name, v in self.compute(graph.step).items()}
        for name, value in self.state.items():
            self.kept[name].append(value)
        for name, sums in self._sums.items():
            sums.append(sums[-1] + (self.state[name] - self.kept[name][0]))

    def compute(self, block: Block) -> dict[Any, Any]:
        """What a block leaves; numbers of agents are set when all is computed."""
        for node in self.plan[block]:
            self.value[node] = RULES[node.op](self, node)
        left = {name: self.of(v) for name, v in block.outputs.items()}
        stores = [(name, self.of(index), self.of(v)) for (name, index), v in block.stores.items()]
        for name, index, v in stores:
            self.agents[name][index] = v
            self._stacked.pop(name, None)
        return left

    # ---- what rules ask for
    def of(self, node: Any) -> Any:
        """The value of a node, or of what is known."""
        return self.value[node] if isinstance(node, Node) else node

    def constant(self, value: float) -> torch.Tensor:
        """A real number of all paths."""
        return torch.tensor(float(value), dtype=self.dtype, device=self.like.device)

    def row(self, value: Any) -> torch.Tensor:
        """A value of each path."""
        return (value if isinstance(value, torch.Tensor) else self.constant(value)).expand(self.like.shape)

    def all_agents(self, name: str) -> torch.Tensor:
        """The numbers of all agents, (n_agents, n_paths)."""
        if name not in self._stacked:
            self._stacked[name] = torch.stack([self.row(one) for one in self.agents[name]])
        return self._stacked[name]

    def mean_above_start(self, name: str, length: int) -> torch.Tensor:
        """The mean of the last values of a state, less its value at t = 0, which it also had before."""
        sums = self._sums[name]
        before = self.t - 1 - length
        total = sums[self.t - 1] - sums[before] if before > 0 else sums[self.t - 1]
        return (total / length).to(self.dtype)

    def turn(self, node: Node) -> int:
        """The number of this turn among all turns of the loops around a draw."""
        loops = [b.loop for b in node.block.outwards() if b.loop is not None and b.loop.args[1].name]
        turn = 0
        for loop in reversed(loops):
            turn = turn * self.of(loop.args[0]) + self.turns[loop]
        return turn
