"""The twin of a model in torch: the graph of its text over all paths at once, with gradients by autograd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from fastmas.errors import ModelError, ParameterError
from fastmas.language.reading import read_start, read_step
from fastmas.language.relaxed import COUNTS, TEMPERATURE, relaxed
from fastmas.language.text import Text
from fastmas.lowering.torch_twin.decisions import Concrete, Exact, StraightThrough
from fastmas.lowering.torch_twin.draws import Draws, Generated
from fastmas.lowering.torch_twin.run import Run
from fastmas.lowering.torch_twin.values import Values
from fastmas.model import Model
from fastmas.parameters import is_whole, shown

__all__ = ["Draws", "TorchTwin"]

CONCRETE = "concrete"


def text_of(model: Model, relaxed_by: str, through: bool, temperature: float | None) -> Text:
    """The text to read, with the width of its relaxed decisions among its parameters if it has any."""
    if not model.sources:
        raise ModelError(f"model {model.name!r} has {model.rules}: only the rules of a text have a twin in torch")
    if model.relaxation and (relaxed_by or through):
        raise ModelError(f"model {model.name!r} is relaxed already: leave relaxed= and through= out")
    text = Text(relaxed(model, relaxed_by) if relaxed_by in COUNTS else model)
    if text.relaxation or relaxed_by or through:
        text.parameters.pop(TEMPERATURE.name, None)
        width = TEMPERATURE.default if temperature is None else float(temperature)
        text.parameters[TEMPERATURE.name] = replace(TEMPERATURE, default=width)
    elif temperature is not None:
        raise ParameterError(f"temperature={shown(temperature)}: an exact twin relaxes nothing; "
                             "give relaxed= or through=True")
    return text


class TorchTwin:
    """A model's text in torch.

    Parameters
    ----------
    model : Model
        Whose rules are a text; it may be a `fastmas.language.relaxed.relaxed` one.
    relaxed : str
        What becomes of decisions: "" leaves them as they are, without a slope. Otherwise `above` is a logistic
        step and `chance` a concrete number, and counts are Gaussian numbers of the same mean and variance
        ("normal"), their means ("mean") or sums of concrete decisions ("concrete").
    through : bool
        Values of the exact model, with slopes of "concrete".
    temperature : float, optional
        Width of relaxed decisions where `theta` does not name it, 0.25 by default: in units of what `above` compares,
        and of log odds. It takes the place of a parameter of this name that the model may have.

    Raises
    ------
    ParameterError
        A mode or a temperature that cannot be.
    ModelError
        The model has no text, one that lanes cannot run, or is relaxed already.
    """

    def __init__(self, model: Model, relaxed: str = "", through: bool = False,
                 temperature: float | None = None) -> None:
        if relaxed not in ("", CONCRETE, *COUNTS):
            raise ParameterError(f"relaxed={shown(relaxed)}: give one of {', '.join(COUNTS)}, {CONCRETE}, or ''")
        if through and relaxed in COUNTS:
            raise ParameterError(f"through=True with relaxed={relaxed!r}: exact values have the slopes of "
                                 "'concrete'; leave one of them out")
        self.model, self.relaxed, self.through = model, relaxed, through
        self.text = text_of(model, relaxed, through, temperature)
        self.graph, self.begin = read_step(self.text), read_start(self.text)
        self._values = Values(tuple(self.text.parameters.values()))

    def simulate(self, theta: Mapping[str, Any] | None = None, *, n_paths: int, n_steps: int,
                 generator: torch.Generator | None = None, draws: Draws | None = None,
                 dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
        """Simulate paths; what is computed of them has gradients along every tensor of `theta` that asks for it.

        Parameters
        ----------
        theta : mapping of str to float or tensor, optional
            Values by name, in natural units; what is not named keeps its default. A tensor has shape () or, a value
            for each path, (n_paths,); of a parameter with a value for each agent (n_agents,) or (n_agents, n_paths).
            The model's `check` sees the values of the first path.
        generator : torch.Generator, optional
            The paths are on its device.
        draws : Draws, optional
            Whose numbers are taken in place of a generator's.

        Returns
        -------
        Every state by name, (n_paths, n_steps + 1) of `dtype`, t = 0..n_steps; values that are not finite stay

        Raises
        ------
        ParameterError
            A name, value, shape or size that cannot be.
        """
        _check_sizes(n_paths, n_steps)
        if generator is not None and draws is not None:
            raise ParameterError("generator and draws are given: random numbers come from one of them")
        like = torch.zeros(n_paths, dtype=dtype, device="cpu" if generator is None else generator.device)
        values, numbers = self._values.of(theta or {}, like)
        self.model.check(numbers)
        run = Run(self.text, values, draws or Generated(generator, like), self._decisions(values), like)
        run.start(self.begin)
        run.enter(self.graph)
        for _ in range(n_steps):
            run.advance(self.graph)
        return {name: torch.stack(kept, 1) for name, kept in run.kept.items()}

    def _decisions(self, values: Mapping[str, Any]) -> Exact:
        if self.through:
            return StraightThrough(values[TEMPERATURE.name])
        return Concrete(values[TEMPERATURE.name]) if self.relaxed == CONCRETE else Exact()


def _check_sizes(n_paths: Any, n_steps: Any) -> None:
    for name, value, least in (("n_paths", n_paths, 1), ("n_steps", n_steps, 0)):
        if not is_whole(value) or value < least:
            raise ParameterError(f"{name}={shown(value)}: give a whole number, {least} or more")
