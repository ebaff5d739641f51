"""What a decision is in the torch twin: exact, relaxed, or exact with the relaxed slope.

A decision of a path is a bool tensor (n_paths,), or, where it is relaxed, a real one: `is_soft` tells. A decision
that all paths share is a plain bool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

LEAST = 1e-6  # of a probability whose odds have a finite slope


def is_soft(test: Any) -> bool:
    """Whether a decision has a slope."""
    return isinstance(test, torch.Tensor) and test.dtype != torch.bool


def as_number(test: Any, dtype: torch.dtype) -> Any:
    """A decision as 1 or 0."""
    return test.to(dtype) if isinstance(test, torch.Tensor) else float(test)


def opposite(a: Any) -> Any:
    """not a."""
    if not isinstance(a, torch.Tensor):
        return not a
    return 1.0 - a if is_soft(a) else ~a


def both(a: Any, b: Any) -> Any:
    """a and b: of relaxed decisions the product."""
    for soft in (a, b):
        if is_soft(soft):
            return as_number(a, soft.dtype) * as_number(b, soft.dtype)
    return a & b


def either(a: Any, b: Any) -> Any:
    """a or b, by De Morgan."""
    return opposite(both(opposite(a), opposite(b)))


def odds_against(p: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Log odds of probabilities less those of uniforms: positive where u < p (Maddison et al. 2017)."""
    return torch.logit(p.clamp(LEAST, 1.0 - LEAST)) - torch.logit(u)


class Exact:
    """Yes or no, without a slope."""

    def decide(self, hard: torch.Tensor, score: Callable[[], torch.Tensor]) -> torch.Tensor:
        """A decision that is yes where `hard` holds, which is where the score is not below zero."""
        return hard

    def choose(self, test: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        """The first where a decision is yes, else the second."""
        return torch.where(test, yes, no)

    def share(self, n: torch.Tensor, most: int) -> torch.Tensor:
        """How much of each of `most` agents belongs to crowds of n (n_paths,): 1 or 0; (n_paths, most)."""
        return (torch.arange(most, device=n.device) < n.detach().trunc()[:, None]).to(n.dtype)


class Concrete(Exact):
    """A logistic step of this width."""

    def __init__(self, width: torch.Tensor) -> None:
        self.width = width

    def decide(self, hard: torch.Tensor, score: Callable[[], torch.Tensor]) -> torch.Tensor:
        return torch.sigmoid(score() / self.width)

    def choose(self, test: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        return no + test * (yes - no) if is_soft(test) else torch.where(test, yes, no)

    def share(self, n: torch.Tensor, most: int) -> torch.Tensor:
        """Of the last one the fraction that makes n whole."""
        left = n[:, None] - torch.arange(most, device=n.device)
        return torch.where((left > 0) & (left <= 1), left, (left > 1).to(n.dtype))


class StraightThrough(Concrete):
    """Yes or no, with the slope of the logistic step (Bengio et al. 2013)."""

    def decide(self, hard: torch.Tensor, score: Callable[[], torch.Tensor]) -> torch.Tensor:
        soft = super().decide(hard, score)
        return hard.to(soft.dtype) + (soft - soft.detach())  # in this order the value is exact

    def choose(self, test: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        if not is_soft(test):
            return torch.where(test, yes, no)
        difference = (yes - no).detach().nan_to_num(0.0, 0.0, 0.0)
        return torch.where(test.detach() > 0.5, yes, no) + (test - test.detach()) * difference

    def share(self, n: torch.Tensor, most: int) -> torch.Tensor:
        soft = super().share(n, most)
        return Exact.share(self, n, most) + (soft - soft.detach())
