"""Fixtures that many tests share."""

from __future__ import annotations

import pytest
import small_games

from fastmas.calibration import budget


@pytest.fixture
def small(monkeypatch):
    """Calibrations of this test have a small budget."""
    monkeypatch.setattr(budget, "FULL", small_games.SMALL)
