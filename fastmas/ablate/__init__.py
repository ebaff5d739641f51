"""Exact rules beside smoothed ones on the same data: what smoothing does to estimates, gradients and the verdict."""

from __future__ import annotations

from fastmas.ablate.design import Design
from fastmas.ablate.study import design_of, smoothing

__all__ = ["Design", "design_of", "smoothing"]
