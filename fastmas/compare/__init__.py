"""Which market? Every market calibrated to the same data, judged in the same way, beside walks without agents."""

from __future__ import annotations

from fastmas.compare.ranking import Comparison
from fastmas.compare.runs import compare_runs
from fastmas.compare.study import compare

__all__ = ["Comparison", "compare", "compare_runs"]
