"""The two kernels of a text that runs path by path, as a module's source."""

from __future__ import annotations

from fastmas.language.following import Follower
from fastmas.language.text import Text
from fastmas.lowering.kernels import Source, TextKernels
from fastmas.lowering.path_code import PathCode


class PathKernels(TextKernels):
    """Kernels of a step and, if there is one, of a start, in which one path follows the other."""

    how = ", path by path"

    def __init__(self, text: Text, step: Follower, start: Follower | None, mode: str) -> None:
        super().__init__(text, step.graph, None if start is None else start.graph, mode)
        self.words.names.clear()
        self._step, self._start = step, start

    def source(self) -> Source:
        """The module."""
        code = self._code(self._step)
        step_lines = [*code.write(), *self.remember(lambda: self.state.new("scratch"))]
        init_lines, draws = self.begin(), False
        if self._start is not None:
            draws = bool(self._start.graph.sites)
            init_lines += [*(["    t = 0"] if draws else []), *self._code(self._start).write()]
        return self.module([*init_lines, *self.first_pasts()], step_lines, draws)

    def _code(self, follower: Follower) -> PathCode:
        return PathCode(follower, self.addresses[follower.graph], self.layout)
