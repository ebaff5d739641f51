"""A herd: the more traders bought in the last step, the likelier each buys in this one."""

from dataclasses import dataclass
from typing import ClassVar

from numpy import float32

import fastmas as fm
from fastmas.random import ROWS, count_below, threshold

PRICE, MOOD, BUYERS = range(3)  # rows of the state
FOLLOW, RHO = range(2)  # rows of theta, in the order of `parameters`
N_TRADERS = 20
ZERO, HALF, ONE, TWO, N = float32(0), float32(0.5), float32(1), float32(2), float32(N_TRADERS)


@fm.kernel
def init(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[PRICE][w] = float32(100)


@fm.kernel
def step(t, lanes, state, words, history, address, theta, integers):
    mood, buyers, limit = state[MOOD], state[BUYERS], words[ROWS]
    for w in range(lanes):
        limit[w] = threshold(HALF + HALF * theta[FOLLOW, w] * mood[w])  # the probability to buy
        buyers[w] = ZERO
    count_below(lanes, address, t, 0, N_TRADERS, limit, words, buyers)  # one random word for each trader
    for w in range(lanes):
        mood[w] = TWO * buyers[w] / N - ONE
        state[PRICE][w] *= ONE + theta[RHO, w] * mood[w]


@dataclass(frozen=True, kw_only=True)
class Herd(fm.Model):
    name: ClassVar = "herd"
    n_state: ClassVar = 3
    n_words: ClassVar = ROWS + 1  # count_below works in ROWS of them
    kernels: ClassVar = fm.Kernels(init, step)
    observables: ClassVar = (fm.Observable("price", PRICE, "price units"),)
    parameters: ClassVar = (
        fm.Parameter(name="follow", default=0.5, low=0.0, high=0.95, doc="how much a trader follows"),
        fm.Parameter(name="rho", default=0.05, low=0.001, high=0.5, scale="log", doc="price impact"))


MODEL = Herd

if __name__ == "__main__":  # with [PATHS UPDATER]
    import sys

    n_paths, updater = sys.argv[1:] or ["1000", "cma-es"]
    truth = {"follow": 0.6, "rho": 0.03}
    x_obs = fm.simulate(Herd(), truth, n_paths=int(n_paths), n_steps=100, warmup=50, seed=1)
    fit = fm.calibrate(Herd(), x_obs, updater=updater, seed=1)
    for name, (low, high) in fit.interval.items():
        print(f"{name}: truth {truth[name]}, estimate {fit.estimate[name]:.4f}, 90% interval {low:.4f} to {high:.4f}")
    print(fit.verdict)
