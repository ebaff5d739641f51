"""What each operation of a graph is in torch: RULES has one entry for every `Node.op`.

Real numbers, counts and decisions of a path are tensors that broadcast to (n_paths,); what all paths share are plain
whole numbers and bools.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from fastmas.language.graph import Node
from fastmas.language.words import WORDS
from fastmas.lowering.torch_twin.decisions import as_number, both, either, odds_against, opposite
from fastmas.lowering.torch_twin.draws import crowd

if TYPE_CHECKING:
    from fastmas.lowering.torch_twin.run import Run

Rule = Callable[["Run", Node], Any]
RULES: dict[str, Rule] = {}


def rule(*ops: str) -> Callable[[Rule], Rule]:
    """Register what these operations are."""
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, function))
        return function
    return register


def of_values(function: Callable[..., Any]) -> Rule:
    """The rule of an operation that looks at its arguments' values alone."""
    return lambda run, node: function(*map(run.of, node.args))


# ---- arithmetic and words
def _root(x: torch.Tensor) -> torch.Tensor:
    """The square root, without a slope at zero, where it would be infinite."""
    flat = x == 0.0
    return torch.where(flat, 0.0, torch.sqrt(torch.where(flat, 1.0, x)))


def _larger(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.where(a >= b, a, b)  # of equals the first has the slope, as in `WORDS`


def _smaller(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.where(b >= a, a, b)


def _size(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0.0, x, -x)


OWN: dict[str, Callable[..., Any]] = {"sqrt": _root, "max": _larger, "min": _smaller, "abs": _size}
OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "neg": operator.neg, "and": both, "or": either, "not": opposite}


def _in_torch(name: str) -> Callable[..., torch.Tensor]:
    """The function of torch that a word names."""
    name = WORDS[name].torch or name
    return getattr(torch, name, None) or getattr(torch.special, name)


RULES |= {op: of_values(function) for op, function in OPERATORS.items()}
RULES |= {name: of_values(OWN.get(name) or _in_torch(name)) for name in WORDS if name != "above"}


@rule("above")
def _above(run: Run, node: Node) -> torch.Tensor:
    x, level = map(run.of, node.args)
    return as_number(run.decisions.decide(x >= level, lambda: x - level), run.dtype)


@rule("!=")
def _differs(run: Run, node: Node) -> Any:
    """Of `above` from 0, which is what `if above(...)` asks, the decision itself."""
    a, b = map(run.of, node.args)
    asks = [getattr(one, "op", "") for one in node.args] == ["above", "const"] and float(b) == 0.0
    return a if run.relaxes and asks else a != b


@rule("select")
def _select(run: Run, node: Node) -> Any:
    test, yes, no = map(run.of, node.args)
    if isinstance(test, torch.Tensor):
        return run.decisions.choose(test, yes, no)
    return yes if test else no


@rule("number")
def _number(run: Run, node: Node) -> torch.Tensor:
    value = run.of(node.args[0])
    return value.to(run.dtype) if isinstance(value, torch.Tensor) else run.constant(value)


# ---- what is known
@rule("const")
def _const(run: Run, node: Node) -> torch.Tensor:
    return run.constant(node.args[0])


@rule("param", "integer")
def _parameter(run: Run, node: Node) -> Any:
    return run.parameters[node.args[0]]


@rule("each")
def _each(run: Run, node: Node) -> Any:
    return run.parameters[node.args[0]][run.of(node.args[1])]


@rule("option")
def _option(run: Run, node: Node) -> int:
    return int(run.text.options[node.args[0]])


@rule("rows")
def _rows(run: Run, node: Node) -> int:
    return len(run.text.tables[node.args[0]].rows)


@rule("entry")
def _entry(run: Run, node: Node) -> int:
    return run.text.tables[node.args[0]].rows[run.of(node.args[1])][node.args[2]]


@rule("t")
def _time(run: Run, node: Node) -> int:
    return run.t


@rule("mark")
def _mark(run: Run, node: Node) -> None:
    """Carries no value."""


# ---- states, their past, agents
@rule("state")
def _state(run: Run, node: Node) -> torch.Tensor:
    return run.state[node.args[0]]


@rule("past")
def _past(run: Run, node: Node) -> torch.Tensor:
    at = run.t - run.of(node.args[1])
    return run.kept[node.args[0]][at] if at >= 0 else run.constant(0.0)


@rule("mean")
def _mean(run: Run, node: Node) -> torch.Tensor:
    return run.kept[node.args[0]][0] + run.mean_above_start(node.args[0], run.of(node.args[1]))


@rule("mean_difference")
def _mean_difference(run: Run, node: Node) -> torch.Tensor:
    name, *lengths = node.args[:3]
    first, second = (run.mean_above_start(name, run.of(n)) for n in lengths)
    return first - second


@rule("load")
def _load(run: Run, node: Node) -> torch.Tensor:
    return run.agents[node.args[0]][run.of(node.args[1])]


@rule("pick")
def _pick(run: Run, node: Node) -> torch.Tensor:
    numbers, index = run.all_agents(node.args[0]), run.row(run.of(node.args[1]))
    index = index.detach().to(torch.int64).clamp(0, len(numbers) - 1)
    return numbers.gather(0, index[None])[0]


# ---- loops
@rule("index")
def _index(run: Run, node: Node) -> int:
    return run.turns[node.args[0]]


@rule("carried", "result")
def _passed_on(run: Run, node: Node) -> Any:
    return run.carried[node.args[0], node.args[1]]


@rule("loop")
def _loop(run: Run, node: Node) -> None:
    """All turns; a branch has one or none."""
    assert node.body is not None
    for one in run.plan[node.body]:
        if one.op == "carried":
            run.carried[node, one.args[1]] = run.of(one.args[2])
    for turn in range(run.of(node.args[0])):
        run.turns[node] = turn
        left = run.compute(node.body)
        run.carried |= {(node, key): value for key, value in left.items()}


# ---- draws
@rule("normal", "uniform")
def _drawn(run: Run, node: Node) -> torch.Tensor:
    return getattr(run.draws, node.op)(node, run.t, run.turn(node))


@rule("gamma")
def _gamma(run: Run, node: Node) -> torch.Tensor:
    return run.draws.gamma(node, run.t, run.turn(node), run.row(run.of(node.args[0])))


@rule("chance")
def _chance(run: Run, node: Node) -> torch.Tensor:
    p, u = run.of(node.args[0]), run.draws.agents(node, run.t, run.turn(node), 1)[:, 0]
    return run.decisions.decide(u < p, lambda: odds_against(p, u))


@rule("count")
def _count(run: Run, node: Node) -> torch.Tensor:
    n, p = run.of(node.args[0]), run.row(run.of(node.args[1]))
    n = run.row(n) if isinstance(n, torch.Tensor) else n
    turn = run.turn(node)
    if not run.relaxes:
        return run.draws.count(node, run.t, turn, n if isinstance(n, int) else n.detach(), p.detach())
    most = crowd(n)
    u = run.draws.agents(node, run.t, turn, most)
    yes = run.decisions.decide(u < p[:, None], lambda: odds_against(p[:, None], u))
    return (yes if isinstance(n, int) else yes * run.decisions.share(n, most)).sum(1)
