"""Deterministic training: fixed shards, seeded batches, an optimiser whose state is plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fastmas.seeding import seeded

N_SHARDS = 2  # gradients are summed over this many parts in a fixed order, whatever the threads


def initialise(network: nn.Module, *key: int) -> nn.Module:
    """Draw the weights as torch does by default (He-uniform), from a seed of our own."""
    generator = seeded(*key)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            bound = module.in_features ** -0.5
            with torch.no_grad():
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.uniform_(-bound, bound, generator=generator)
    return network


def flat(samples: np.ndarray | Tensor, device: str | torch.device = "cpu") -> Tensor:
    """Samples (..., n_samples, k) as a tensor (n, k) on this device."""
    rows = samples.reshape(-1, samples.shape[-1])
    return (rows if isinstance(rows, Tensor) else torch.from_numpy(np.ascontiguousarray(rows))).to(device)


class Trainer:
    """Adam on a network, with the gradient of a loss summed over shards of the batch."""

    def __init__(self, network: nn.Module, rate: float, betas: tuple[float, float], apply: Callable[..., Any]) -> None:
        self.network = network
        self.parameters = list(network.parameters())
        self.optimiser = torch.optim.Adam(self.parameters, lr=rate, betas=betas)
        self._map = apply

    def step(self, loss: Callable[..., Tensor], *batch: Tensor) -> float:
        """One step on mean loss(*shard) over N_SHARDS equal shards of the batch's first axis."""
        shards = list(zip(*(torch.chunk(b, N_SHARDS) for b in batch), strict=True))
        results = list(self._map(lambda shard: self._gradient(loss, shard), shards))
        for j, parameter in enumerate(self.parameters):
            parameter.grad = sum((g[1][j] for g in results[1:]), start=results[0][1][j]) / len(results)
        self.optimiser.step()
        return sum(r[0] for r in results) / len(results)

    def rate(self, value: float) -> None:
        """Set the learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = value

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and Adam's moments."""
        named = {f"network.{k}": v.detach().cpu().numpy().copy() for k, v in self.network.state_dict().items()}
        for i, state in self.optimiser.state_dict()["state"].items():
            named.update({f"adam.{i}.{k}": np.asarray(torch.as_tensor(v).cpu()) for k, v in state.items()})
        return named

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Undo `arrays`."""
        weights = {k.removeprefix("network."): torch.from_numpy(np.array(v))
                   for k, v in arrays.items() if k.startswith("network.")}
        self.network.load_state_dict(weights)
        whole = self.optimiser.state_dict()
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in arrays.items():
            if name.startswith("adam."):
                _, i, key = name.split(".")
                states.setdefault(int(i), {})[key] = torch.from_numpy(np.array(value))
        whole["state"] = states
        self.optimiser.load_state_dict(whole)

    def _gradient(self, loss: Callable[..., Tensor], shard: tuple[Tensor, ...]) -> tuple[float, tuple[Tensor, ...]]:
        value = loss(*shard)
        return float(value.detach()), torch.autograd.grad(value, self.parameters, allow_unused=False)


class Unregularised:
    """What `fastmas.objectives.regularisers` describes, and nothing of it."""

    def penalty(self, logit: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
        return real.new_zeros(())

    def after_step(self, parameters: Iterable[nn.Parameter]) -> None:
        """Nothing."""


def gradient_penalty(logits: Tensor, samples: Tensor) -> Tensor:
    """R1: half the mean squared gradient at real samples (Mescheder, Geiger and Nowozin 2018, eq. 9)."""
    (slope,) = torch.autograd.grad(logits.sum(), samples, create_graph=True)
    return 0.5 * (slope**2).sum(dim=-1).mean()
