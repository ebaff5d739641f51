"""Prices, above 0: logarithms are taken, and returns are read; the level of one series wanders."""

from __future__ import annotations

from fastmas.domains import Domain


def fault(price: float) -> str:
    return f"price {float(price)} is not positive; give prices, not returns, and correct or drop this one"


DOMAIN = Domain(change="return", changes="returns", values="prices", is_wrong=lambda x: ~(x > 0), fault=fault,
                logarithm=True, keeps_level=False)
