"""The program of a model's text: read it, choose how it runs, write its kernels, load them."""

from __future__ import annotations

import hashlib

import numpy as np

from fastmas.caching.cache import load_module
from fastmas.errors import ModelError
from fastmas.language.activity import starting
from fastmas.language.addresses import AGENTS, check_crowd
from fastmas.language.following import follow_start, follow_step
from fastmas.language.reading import Graph, read_start, read_step
from fastmas.language.refusals import NotForLanes
from fastmas.language.sites import crowds_of, mode_of
from fastmas.language.tangents import SCORE, Tangents, tangent_of
from fastmas.language.text import Text
from fastmas.lowering.kernels import LaneKernels
from fastmas.lowering.layout import Layout
from fastmas.lowering.path_kernels import PathKernels
from fastmas.lowering.program import Derivatives, Program, rows_shown
from fastmas.model import Model
from fastmas.parameters import Parameter

MOST_NAMED = 20  # names that a message lists
LANES, PATH_BY_PATH = "lanes", "path by path"


def lower(model: Model, derivatives: Derivatives | None = None, how: str = "") -> Program:
    """The program of a model whose rules are a text.

    Parameters
    ----------
    how : str
        "lanes" or "path by path"; lanes, where they can follow the text, if not given.

    Raises
    ------
    Refused
        Something in it has no meaning.
    ModelError
        Derivatives are asked for that nobody can take.
    """
    text = Text(model)
    if how == PATH_BY_PATH:
        return _path_by_path(text, derivatives, "because it is asked for")
    try:
        step, start = read_step(text), read_start(text)
    except NotForLanes as refused:
        if how == LANES:
            raise
        return _path_by_path(text, derivatives, refused.because)
    mode = _mode(step, start)
    ones = differentiate(step, start, derivatives) if derivatives is not None else {}
    return _program(LaneKernels(text, step, start, mode, ones), derivatives)


def _path_by_path(text: Text, derivatives: Derivatives | None, reason: str) -> Program:
    if derivatives is not None or text.relaxation:
        lacking = "relaxed twin" if text.relaxation else "derivatives"
        raise ModelError(f"model {text.name!r} runs path by path, {reason}, and has no {lacking}: write that line for "
                         "lanes, or take differences of two simulations")
    step, start = follow_step(text), follow_start(text)
    mode = _mode(step.graph, None if start is None else start.graph)
    return _program(PathKernels(text, step, start, mode), None, PATH_BY_PATH, reason)


def _program(kernels: LaneKernels | PathKernels, derivatives: Derivatives | None, lowering: str = LANES,
             reason: str = "") -> Program:
    source, mode = kernels.source(), kernels.mode
    module = load_module("fastmas_text_" + hashlib.sha256(source.text.encode()).hexdigest()[:20], source.text)
    return Program(
        label=kernels.text.name, init=module.init, step=module.step, homes=(module.__name__,), n_state=source.n_state,
        n_words=max(1, source.n_words), n_history=source.n_history, history_dtype="float32",
        n_counted=_most_counted(kernels.step) if mode == AGENTS else 0, split=Split(kernels.layout),
        observed=rows_shown(kernels.text.model) if derivatives is None else (),
        draws_at_start=source.draws_at_start, mode=mode, lowering=lowering, reason=reason, code=source.text,
        layers=_layers(kernels.layout, source.n_state, derivatives))


def differentiate(step: Graph, start: Graph | None, derivatives: Derivatives) -> dict[str, int]:
    """Add tangents and score to the graphs; which numbers of them are 1 at t = 0."""
    text, wanted = step.text, derivatives.parameters
    check_directions(text, wanted)
    ones = {tangent_of(n): wanted.index(s.start.name) for n, s in text.states.items()
            if isinstance(s.start, Parameter) and s.start.name in wanted}
    moving = starting(step, start, wanted)
    if start is not None:
        Tangents(start, wanted, derivatives.score, starting(step, None, wanted))
    Tangents(step, wanted, derivatives.score, moving)
    if start is not None:
        step.more_agents.update(start.more_agents)
    return {array: place for array, place in ones.items() if array in step.more_agents}


def check_directions(text: Text, names: tuple[str, ...]) -> None:
    """Raise ModelError unless these are real numbers of the model that a derivative can be taken by."""
    known = {e: p for p in text.parameters.values() for e in p.entries}
    for name in names:
        if name not in known:
            raise ModelError(f"model {text.name!r} has no value {name!r} to differentiate by; it has: "
                             f"{', '.join(list(known)[:MOST_NAMED])}")
        if known[name].integer:
            raise ModelError(f"parameter {name!r} takes whole numbers: there is no derivative by it")
    if len(set(names)) < len(names) or not names:
        raise ModelError(f"derivatives by {', '.join(names) or 'nothing'}: name each parameter once")


def _layers(layout: Layout, n_state: int, derivatives: Derivatives | None) -> dict[tuple[str, str], int]:
    """The row of each tangent (state, parameter), and of each score ("", parameter)."""
    found = {}
    arrays = {SCORE: ""} | {tangent_of(n): n for n in layout.text.states}
    for array, state in arrays.items():
        for place, name in enumerate(derivatives.parameters if derivatives is not None else ()):
            if array in layout.agents:
                found[state, name] = n_state + layout.agents[array] + place
    return found


class Split:
    """Values (n_theta, n_entries) as the kernels of a layout read them."""

    def __init__(self, layout: Layout) -> None:
        self._reals, self._whole = layout.columns()
        self._frame, self._places = layout.frame(), layout.whole_places()

    def __call__(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = np.repeat(self._frame[None], len(values), axis=0)
        if len(self._places):
            whole[:, self._places] = np.rint(values[:, self._whole])
        return np.ascontiguousarray(values[:, self._reals], dtype=np.float64), whole


def _mode(step: Graph, start: Graph | None) -> str:
    """How agents are counted; there must be words for all of them."""
    graphs = [step] if start is None else [step, start]
    mode = mode_of(*graphs)
    for n in crowds_of(*graphs):
        if n is not None:
            check_crowd("agents of a count", n, mode)
    return mode


def _most_counted(graph: Graph) -> int:
    return max((n or 0 for n in crowds_of(graph)), default=0)
