"""Values of parameters as tensors that keep their gradients, checked as those of any simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from fastmas.errors import ParameterError
from fastmas.parameters import Parameter, ParameterSpace, shown

Entry = tuple[Parameter, range]  # which agents a name speaks of


class Values:
    """What names of parameters and of entries stand for."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.space = ParameterSpace(tuple(parameters))
        self._entry: dict[str, Entry] = {p.name: (p, range(p.n_values)) for p in parameters}
        self._entry |= {p.entry(i): (p, range(i, i + 1)) for p in parameters if p.n_agents for i in range(p.n_agents)}

    def of(self, theta: Mapping[str, Any], like: torch.Tensor) -> tuple[dict[str, Any], Mapping[str, float]]:
        """Values by parameter, in lists where every agent has one; and those of the first path by entry, as numbers.

        Reals are tensors () or (n_paths,) of the dtype and device of `like` (n_paths,), whole ones are int.

        Raises
        ------
        ParameterError
            An unknown name, a value outside the bounds, or a shape that does not fit.
        """
        rows = {name: self._rows(name, value, like) for name, value in theta.items() if name in self._entry}
        first = {name: [float(x.detach().ravel()[0]) for x in rows[name]] if name in rows else value
                 for name, value in theta.items()}
        numbers = self.space.changed((), first).values  # refuses unknown names
        found = {p.name: [like.new_tensor(numbers[entry]) for entry in p.entries] for p in self.space.parameters}
        for name, given in rows.items():
            parameter, agents = self._entry[name]
            found[parameter.name][agents.start:agents.stop] = given
        return {p.name: _as_read(p, found[p.name]) for p in self.space.parameters}, numbers

    def _rows(self, name: str, value: Any, like: torch.Tensor) -> list[torch.Tensor]:
        """A tensor for each agent that a name speaks of."""
        parameter, agents = self._entry[name]
        x = _tensor(name, value).to(like)
        owned, shape = name == parameter.name and parameter.n_agents is not None, tuple(x.shape)
        for agent, row in zip(agents, x if owned and x.ndim else [x], strict=False):
            parameter.check_all(row.detach().double().cpu().numpy().ravel(), agent if parameter.n_agents else None)
        if not shape:
            return [x] * len(agents)
        allowed = [(), (len(agents),), (len(agents), len(like))] if owned else [(), (len(like),)]
        if shape not in allowed or (parameter.integer and len(shape) > int(owned)):
            allowed = allowed[:1 + int(owned)] if parameter.integer else allowed
            raise ParameterError(f"parameter {name!r}: values of shape {shape}; give "
                                 f"{' or '.join(map(str, allowed))}, for {len(like)} paths")
        return list(x.unbind()) if owned else [x]


def _tensor(name: str, value: Any) -> torch.Tensor:
    try:
        if isinstance(value, torch.Tensor):
            return value
        if isinstance(value, (list, tuple)) and any(isinstance(one, torch.Tensor) for one in value):
            return torch.stack([torch.as_tensor(one, dtype=torch.float64) for one in value])
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ParameterError(f"parameter {name!r}: {shown(value)} is not a number, give one") from None


def _as_read(parameter: Parameter, rows: list[torch.Tensor]) -> Any:
    found = [round(float(x)) for x in rows] if parameter.integer else rows
    return found if parameter.n_agents is not None else found[0]
