"""Fixtures that many tests share."""

from __future__ import annotations

import pytest
import small_games
import torch

from fastmas.calibration import budget


@pytest.fixture
def small(monkeypatch):
    """Calibrations of this test have a small budget."""
    monkeypatch.setattr(budget, "FULL", small_games.SMALL)


@pytest.fixture
def one_thread():
    """Torch works on one: tensors this small only lose by threads, and a game has no more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
