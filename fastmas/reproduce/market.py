"""The market of section 4 in the coordinates of its text: b, c and d of either sign, on a linear scale."""

from __future__ import annotations

from fastmas.language import Parameter
from fastmas.models.stock_market import SECTION_4, StockMarket

WIDEST = 8.0  # starts are N(0, 1); the second basin has c near 3


class SignedMarket(StockMarket):
    """The smoothed market whose b, c and d start anywhere, as N(0, 1) does.

    The market of `fastmas.models` has them positive, on a log scale: signs of b and c are not identified.
    """

    name = "stock-market-signed"
    variants = ()  # type: ignore[assignment]  # those of the market it is

    b = Parameter(1.0, -WIDEST, WIDEST, "linear", "", "weight of the public signal; its sign is not identified",
                  "eq. (3)")
    c = Parameter(1.0, -WIDEST, WIDEST, "linear", "", "weight of the individual signal; its sign is not identified",
                  "eq. (3)")
    d = Parameter(0.5, -WIDEST / 2, WIDEST / 2, "linear", "per price unit", "sensitivity of the technical traders",
                  SECTION_4)
