"""Random numbers with addresses: Philox words, and what a kernel makes of them."""

from fastmas.random.normal import draw_normals, normal, normal_cdf, threshold, uniform
from fastmas.random.philox import count_below, draw_words, philox4x32

__all__ = [
    "count_below",
    "draw_normals",
    "draw_words",
    "normal",
    "normal_cdf",
    "philox4x32",
    "threshold",
    "uniform",
]
