"""The program of a model's text: read it, choose how it runs, write its kernels, load them."""

from __future__ import annotations

import hashlib

import numpy as np

from fastmas.caching.cache import load_module
from fastmas.language.addresses import AGENTS, check_crowd
from fastmas.language.following import follow_start, follow_step
from fastmas.language.reading import Graph, read_start, read_step
from fastmas.language.refusals import NotForLanes
from fastmas.language.sites import crowds_of, mode_of
from fastmas.language.text import Text
from fastmas.lowering.kernels import LaneKernels
from fastmas.lowering.layout import Layout
from fastmas.lowering.path_kernels import PathKernels
from fastmas.lowering.program import Derivatives, Program
from fastmas.model import Model

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
    """
    text = Text(model)
    if how == PATH_BY_PATH:
        return _path_by_path(text, "because it is asked for")
    try:
        step, start = read_step(text), read_start(text)
    except NotForLanes as refused:
        if how == LANES:
            raise
        return _path_by_path(text, refused.because)
    return _program(LaneKernels(text, step, start, _mode(step)), LANES, "")


def _path_by_path(text: Text, reason: str) -> Program:
    step, start = follow_step(text), follow_start(text)
    return _program(PathKernels(text, step, start, _mode(step.graph)), PATH_BY_PATH, reason)


def _program(kernels: LaneKernels | PathKernels, lowering: str, reason: str) -> Program:
    source, mode = kernels.source(), kernels.mode
    module = load_module("fastmas_text_" + hashlib.sha256(source.text.encode()).hexdigest()[:20], source.text)
    return Program(
        label=kernels.text.name, init=module.init, step=module.step, homes=(module.__name__,), n_state=source.n_state,
        n_words=max(1, source.n_words), n_history=source.n_history, history_dtype="float32",
        n_counted=_most_counted(kernels.step) if mode == AGENTS else 0, split=Split(kernels.layout),
        draws_at_start=source.draws_at_start, mode=mode, lowering=lowering,
        reason=reason, code=source.text)


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


def _mode(graph: Graph) -> str:
    """How agents are counted; there must be words for all of them."""
    mode = mode_of(graph)
    for n in crowds_of(graph):
        if n is not None:
            check_crowd("agents of a count", n, mode)
    return mode


def _most_counted(graph: Graph) -> int:
    return max((n or 0 for n in crowds_of(graph)), default=0)
