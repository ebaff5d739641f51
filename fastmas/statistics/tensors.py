"""What statistics do to NumPy arrays, done to torch tensors as well: on a GPU paths are read where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def is_tensor(values: Any) -> bool:
    return hasattr(values, "detach")


def in_float64(values: Any) -> Any:
    return values.double() if is_tensor(values) else np.asarray(values, dtype=np.float64)


def as_numbers(truths: Any) -> Any:
    """1 where it is true and 0 elsewhere."""
    return truths.double() if is_tensor(truths) else truths.astype(np.float64)


def no_samples(paths: Any, k: int) -> Any:
    """Samples (n_paths, 0, k) of paths that are too short for one."""
    shape = (len(paths), 0, k)
    return paths.new_empty(shape).float() if is_tensor(paths) else np.empty(shape, dtype=np.float32)


def log(values: Any) -> Any:
    return values.log() if is_tensor(values) else np.log(values)


def asinh(values: Any) -> Any:
    return values.asinh() if is_tensor(values) else np.arcsinh(values)


def differences(values: Any) -> Any:
    """Between neighbours of the last axis."""
    return values.diff(dim=-1) if is_tensor(values) else np.diff(values, axis=-1)


def running_sums(values: Any) -> Any:
    """Along the last axis in float64, from 0 on: one more than there are values."""
    if is_tensor(values):
        sums = values.double().cumsum(dim=-1)
        return join([sums.new_zeros((*sums.shape[:-1], 1)), sums])
    sums = np.cumsum(values, axis=-1, dtype=np.float64)
    return np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)


def sliding_windows(values: Any, width: int) -> Any:
    """All stretches of the last axis, (..., n) to (..., n - width + 1, width), without a copy."""
    return values.unfold(-1, width, 1) if is_tensor(values) else sliding_window_view(values, width, axis=-1)


def join(parts: Sequence[Any]) -> Any:
    """Side by side along the last axis."""
    if is_tensor(parts[0]):
        import torch  # noqa: PLC0415  -- whoever has a tensor has paid for it

        return torch.cat(list(parts), dim=-1)
    return np.concatenate(parts, axis=-1)


def in_float32(values: Any) -> Any:
    return values.float() if is_tensor(values) else values.astype(np.float32, copy=False)
