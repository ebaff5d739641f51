"""Random numbers with addresses: Philox words, what a kernel makes of them, and float32 functions."""

from fastmas.random.binomial import binomial, draw_binomial
from fastmas.random.binomial_lanes import binomial_below, number_of
from fastmas.random.counting import ROWS, count_agents, count_below, count_drawn
from fastmas.random.functions import exp, log, sigmoid, tanh
from fastmas.random.normal import cdf_thresholds, draw_normals, normal, normal_cdf, threshold, uniform
from fastmas.random.philox import draw_words, philox4x32

__all__ = [
    "ROWS",
    "binomial",
    "binomial_below",
    "cdf_thresholds",
    "count_agents",
    "count_below",
    "count_drawn",
    "draw_binomial",
    "draw_normals",
    "draw_words",
    "exp",
    "log",
    "normal",
    "normal_cdf",
    "number_of",
    "philox4x32",
    "sigmoid",
    "tanh",
    "threshold",
    "uniform",
]
