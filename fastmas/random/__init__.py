"""Random numbers with addresses: Philox words, what a kernel makes of them, and functions without libm."""

from fastmas.random.at import (
    binomial_at,
    chance_at,
    chance_word,
    count_each_at,
    count_few_at,
    count_many_at,
    gamma_at,
    half_at,
    half_below,
    normal_at,
    pick_half,
    uniform_at,
    word_at,
)
from fastmas.random.binomial import binomial, draw_binomial
from fastmas.random.binomial_lanes import binomial_below, number_of
from fastmas.random.counting import ROWS, count_agents, count_below, count_drawn
from fastmas.random.crowds import binomial_each, count_each
from fastmas.random.functions import exp, log, sigmoid, tanh
from fastmas.random.gamma import draw_gammas, finish_gamma, gamma_of
from fastmas.random.halves import clear_row, decide_halves, decide_pool
from fastmas.random.normal import (
    cdf_thresholds,
    draw_normals,
    normal,
    normal_cdf,
    normal_of,
    threshold,
    uniform,
    uniform_of,
)
from fastmas.random.philox import draw_words, lane_words, philox4x32, pick
from fastmas.random.sums import remember_mean, remember_past

__all__ = [
    "ROWS",
    "binomial",
    "binomial_at",
    "binomial_below",
    "binomial_each",
    "cdf_thresholds",
    "chance_at",
    "chance_word",
    "clear_row",
    "count_agents",
    "count_below",
    "count_drawn",
    "count_each",
    "count_each_at",
    "count_few_at",
    "count_many_at",
    "decide_halves",
    "decide_pool",
    "draw_binomial",
    "draw_gammas",
    "draw_normals",
    "draw_words",
    "exp",
    "finish_gamma",
    "gamma_at",
    "gamma_of",
    "half_at",
    "half_below",
    "lane_words",
    "log",
    "normal",
    "normal_at",
    "normal_cdf",
    "normal_of",
    "number_of",
    "philox4x32",
    "pick",
    "pick_half",
    "remember_mean",
    "remember_past",
    "sigmoid",
    "tanh",
    "threshold",
    "uniform",
    "uniform_at",
    "uniform_of",
    "word_at",
]
