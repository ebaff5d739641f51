"""Simulators outside fastmas, for tests: one that is sound, and those that fail in each way that there is."""

from __future__ import annotations

import os
import time

import numpy as np

import fastmas as fm

PARAMETERS = {"slope": fm.Parameter(0.0, -0.9, 0.95), "sd": fm.Parameter(3.0, 0.1, 5.0, scale="log")}
TRUTH = {"slope": 0.7, "sd": 1.0}


def ar1(theta, seed, n_steps):
    """An AR(1) around 100."""
    x, path = 0.0, [100.0]
    slope = theta["slope"]
    for shock in np.random.default_rng(seed).normal(0.0, theta["sd"], n_steps).tolist():
        x = slope * x + shock
        path.append(100.0 + x)
    return path


def pair(theta, seed, n_steps):
    """An AR(1) and its square."""
    path = np.array(ar1(theta, seed, n_steps))
    return np.stack([path, path**2], axis=1)


def one_length(theta, seed):
    return ar1(theta, seed, 120)


def raises(theta, seed):
    raise ZeroDivisionError("no agents left")


def returns_text(theta, seed):
    return "a path"


def too_wide(theta, seed):
    return np.zeros((30, 2))


def too_short(theta, seed, n_steps):
    return np.zeros(n_steps - 3)


def not_a_number(theta, seed):
    return np.full(200, np.nan)


def dies(theta, seed):
    os._exit(3)


def crashes(theta, seed):
    os.kill(os.getpid(), 11)


def hangs(theta, seed):
    time.sleep(1000)


def leaves(theta, seed):
    raise SystemExit(4)


def careless(theta, seed, n_steps):
    return 100.0 + np.random.default_rng().normal(size=n_steps + 1)


def now_and_then(theta, seed, n_steps):
    """Each fault in some paths, which the seed alone decides."""
    fault = seed % 40
    if fault == 0:
        os._exit(3)
    if fault == 1:
        raise ValueError("bad luck")
    if fault == 2:
        return np.zeros(3)
    if fault == 3:
        return np.full(n_steps + 1, np.nan)
    return ar1(theta, seed, n_steps)


def unlucky(theta, seed, n_steps):
    """An AR(1) of which one path in a hundred is lost."""
    if seed % 100 == 0:
        raise ValueError("bad luck")
    return ar1(theta, seed, n_steps)


def sleeps(theta, seed, n_steps):
    time.sleep(0.05)
    return ar1(theta, seed, n_steps)


AR1 = fm.BlackBox(ar1, PARAMETERS, observables="price")
UNLUCKY = fm.BlackBox(unlucky, PARAMETERS)
