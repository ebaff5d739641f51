"""Random numbers of all paths for the torch twin: from a generator, or from whoever has them already."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from fastmas.language.graph import Node


def crowd(n: torch.Tensor | int) -> int:
    """How many agents the largest crowd has: n of every path, or (n_paths,)."""
    return max(0, int(n.detach().max().ceil())) if isinstance(n, torch.Tensor) else n


class Draws(ABC):
    """The numbers that `node` draws at step `t`; `turn` numbers the turns of the loops around it."""

    @abstractmethod
    def normal(self, node: Node, t: int, turn: int) -> torch.Tensor:
        """Standard normal numbers, (n_paths,)."""

    @abstractmethod
    def uniform(self, node: Node, t: int, turn: int) -> torch.Tensor:
        """Uniform numbers inside (0, 1), (n_paths,)."""

    @abstractmethod
    def agents(self, node: Node, t: int, turn: int, n: int) -> torch.Tensor:
        """A uniform number inside (0, 1) of each agent, (n_paths, n): below p he says yes."""

    @abstractmethod
    def gamma(self, node: Node, t: int, turn: int, shape: torch.Tensor) -> torch.Tensor:
        """Gamma numbers of scale 1, (n_paths,), of shapes (n_paths,)."""

    def count(self, node: Node, t: int, turn: int, n: torch.Tensor | int, p: torch.Tensor) -> torch.Tensor:
        """How many of n agents say yes, (n_paths,), each with probability p (n_paths,)."""
        most = crowd(n)
        yes = self.agents(node, t, turn, most) < p[:, None]
        if isinstance(n, torch.Tensor):
            yes = yes & (torch.arange(most, device=p.device) < n.trunc()[:, None])
        return yes.sum(1).to(p.dtype)


class Generated(Draws):
    """New numbers of a torch generator, as many as `like` (n_paths,) has, of its dtype and device."""

    def __init__(self, generator: torch.Generator | None, like: torch.Tensor) -> None:
        self.generator, self.like = generator, like

    def normal(self, node: Node, t: int, turn: int) -> torch.Tensor:
        like = self.like
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype, device=like.device)

    def uniform(self, node: Node, t: int, turn: int) -> torch.Tensor:
        return self.agents(node, t, turn, 1)[:, 0]

    def agents(self, node: Node, t: int, turn: int, n: int) -> torch.Tensor:
        like, edge = self.like, torch.finfo(self.like.dtype).eps / 2
        u = torch.rand((len(like), n), generator=self.generator, dtype=like.dtype, device=like.device)
        return u.clamp_(edge, 1 - edge)

    def gamma(self, node: Node, t: int, turn: int, shape: torch.Tensor) -> torch.Tensor:
        return torch._standard_gamma(shape.contiguous(), generator=self.generator)  # with a slope along the shape

    def count(self, node: Node, t: int, turn: int, n: torch.Tensor | int, p: torch.Tensor) -> torch.Tensor:
        sizes = torch.as_tensor(n, dtype=torch.float64, device=p.device).trunc().clamp(min=0).expand(p.shape)
        p_double = p.nan_to_num(0.0).clamp(0.0, 1.0).double()
        return torch.binomial(sizes.contiguous(), p_double, generator=self.generator).to(p.dtype)
