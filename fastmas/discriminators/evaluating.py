"""Candidates' losses, and their gradients where the updater wants them: what all discriminators on samples share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastmas.discriminators import Table
from fastmas.estimators import View
from fastmas.evaluation import Evaluation
from fastmas.random.address import Purpose

N_GROUPS = 32  # of paths, whose part in a loss is seen by leaving them out

LossAt = Callable[[Tensor, np.ndarray], Tensor]  # samples (n_paths, n_samples, k) and z (d,) to a scalar


def evaluate(table: Table, generation: int, z: np.ndarray, loss: LossAt, credit: LossAt | None = None) -> Evaluation:
    """The losses of candidates z (n, d), and their gradients if the table has rollouts.

    `credit` gives each sample's part (n_paths, n_samples) in a loss that is a mean over samples. Of any other loss
    the part of a group of paths is what it changes when it is left out.
    """
    if table.rollout is None:
        samples = table.sample(z, table.n_paths, table.first_run + generation, Purpose.CANDIDATES)
        pairs = list(zip(samples, z, strict=True))
        return Evaluation(np.array(list(table.map(lambda pair: _value(loss, pair[0], pair[1], table.device), pairs))))
    seen = [_with_gradient(table, generation, one, loss, credit or _left_out(loss)) for one in z]
    return Evaluation(np.array([value for value, _ in seen]), np.stack([gradient for _, gradient in seen]))


def _with_gradient(table: Table, generation: int, z: np.ndarray, loss: LossAt,
                   credit: LossAt) -> tuple[float, np.ndarray]:
    assert table.rollout is not None
    rollout = table.rollout(z, generation)
    samples = _there(rollout.samples, table.device)
    smooth = _there(rollout.smooth, table.device).requires_grad_(True)
    (slope,) = torch.autograd.grad(loss(smooth, z), smooth)
    with torch.no_grad():
        blame = credit(samples, z)
    view = View(lambda moved: _value(loss, moved, z, table.device), torch.nan_to_num(slope).cpu().numpy(),
                np.broadcast_to(blame.cpu().numpy(), samples.shape[:2]))
    return _value(loss, samples, z, table.device), rollout.gradient(view)


def _left_out(loss: LossAt) -> LossAt:
    """n / G times what the loss falls by without a path's group, a jackknife: (n_paths, 1)."""
    def credit(samples: Tensor, z: np.ndarray) -> Tensor:
        n = len(samples)
        n_groups = min(N_GROUPS, n)
        group = torch.arange(n, device=samples.device) % n_groups
        whole = loss(samples, z)
        parts = torch.stack([(n_groups - 1) * (whole - loss(samples[group != g], z)) for g in range(n_groups)])
        return parts[group][:, None] * (n / n_groups)

    return credit


def _value(loss: LossAt, samples: Any, z: np.ndarray, device: str) -> float:
    with torch.no_grad():
        return float(loss(_there(samples, device), z))


def _there(samples: Any, device: str) -> Tensor:
    return torch.as_tensor(samples).to(device)
