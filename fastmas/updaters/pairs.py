"""Antithetic pairs around a mean, and Adam on arrays: what the updaters by scores of a proposal share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmas.updaters import Search, population

BETA_1, BETA_2, EPSILON = 0.5, 0.99, 1e-12
MOST_MEMORY = 1 / 8  # of a game, that a gradient is averaged over


@dataclass(frozen=True, eq=False)
class State:
    """Where the search stands (d,), Adam's moments (d,), and how many generations have been told."""

    search: Search
    mean: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    generation: np.ndarray


def begin(search: Search) -> State:
    """The state before the first generation."""
    zero = np.zeros_like(search.start)
    return State(search, np.array(search.start, dtype=np.float64), zero, zero, np.array(0))


def n_pairs(d: int, wanted: int | None = None) -> int:
    """Pairs of a generation in d dimensions, or as many as the candidates that are wanted give."""
    return (population(d) if wanted is None else wanted) // 2


def offsets(search: Search, generation: int, sigma: np.ndarray, n: int) -> np.ndarray:
    """Normal steps (n, d) of these sds (d,); a whole number must move by one at least to be seen at all."""
    rng = np.random.Generator(np.random.Philox(key=[search.seed, generation]))
    offset = sigma * rng.standard_normal((n, len(sigma)))
    return np.where(search.region.integer, np.sign(offset) * np.maximum(np.abs(offset), 1.0), offset)


def around(search: Search, mean: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Candidates (2 n, d) at steps (n, d) to either side of the mean (d,), inside the region."""
    return search.region.inside(np.vstack([mean + offset, mean - offset]))


def memory(search: Search, n: int) -> float:
    """Adam's beta_1: a mean over as many generations as have a pair for each dimension, n pairs in one of them.

    Of n random directions in d dimensions each coordinate's slope is known to a share sqrt(n / d) of itself only: the
    others disturb it. Averaging over d / n generations makes them one look in all directions.
    """
    most = max(1.0 / (1.0 - BETA_1), MOST_MEMORY * search.n_generations)
    return 1.0 - 1.0 / float(np.clip(len(search.start) / n, 1.0 / (1.0 - BETA_1), most))


def adam(first: np.ndarray, second: np.ndarray, gradient: np.ndarray, told: int, beta_1: float,
         beta_2: float = BETA_2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The moments (d,) after a gradient, `told` before it, and the step of order one (Kingma and Ba 2015, alg. 1)."""
    first = beta_1 * first + (1 - beta_1) * gradient
    second = beta_2 * second + (1 - beta_2) * gradient**2
    step = first / (1 - beta_1 ** (told + 1)) / (np.sqrt(second / (1 - beta_2 ** (told + 1))) + EPSILON)
    return first, second, step


def annealed(search: Search, told: int, since: float = 0.5) -> float:
    """The share of a full step: all of it until the share `since` of the game is played, nothing at its end."""
    return 1.0 if since >= 1.0 else min(1.0, (1.0 - told / search.n_generations) / (1.0 - since))
