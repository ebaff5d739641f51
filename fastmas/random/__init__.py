"""Random numbers with addresses: Philox words, what a kernel makes of them, and float32 functions."""

from fastmas.random.binomial import binomial, draw_binomial
from fastmas.random.functions import exp, log, sigmoid, tanh
from fastmas.random.normal import cdf_thresholds, draw_normals, normal, normal_cdf, threshold, uniform
from fastmas.random.philox import count_below, draw_words, philox4x32

__all__ = [
    "binomial",
    "cdf_thresholds",
    "count_below",
    "draw_binomial",
    "draw_normals",
    "draw_words",
    "exp",
    "log",
    "normal",
    "normal_cdf",
    "philox4x32",
    "sigmoid",
    "tanh",
    "threshold",
    "uniform",
]
