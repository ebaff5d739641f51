"""What the data identify where they do not identify each parameter: means of like agents, products and sums.

Agents of one type are exchangeable, or nearly so: of a parameter that each of them owns data tell little but a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from fastmas.parameters import Parameter, ParameterSpace

TOGETHER = 0.95  # correlation from which two parameters are said to move together
NEGLIGIBLE = 0.01  # standard error in boxes below which a parameter is known by itself
LEAST_SHARE = 0.1  # of a combination's largest part: a smaller one is left out
ALIKE = 0.15  # exponents that differ by less are the same
CROWD = 4  # values of one parameter from which they are looked at as one
EVEN = 0.9  # cosine with what is known, from which a mean is
ONE_SIGN = 0.7  # sum of weights, for a sum of 1 of their sizes, from which they have one sign but for noise
MOST_NAMED = 4  # names in a row


@dataclass(frozen=True)
class Combination:
    """A combination of free parameters, by their places, that is known far better than each of them.

    `weights` are those of search coordinates, `standard_error` is that of the combination near the estimate;
    `n_others` combinations of the same parameters are known as well. `words` say which it is.
    """

    members: tuple[int, ...]
    weights: np.ndarray
    standard_error: float
    words: str
    n_others: int = 0

    def plain(self, names: Sequence[str]) -> dict[str, Any]:
        """For a result's file."""
        return {"parameters": [names[j] for j in self.members], "weights": self.weights.tolist(),
                "standard_error": self.standard_error, "combination": self.words, "others": self.n_others}


def combinations(space: ParameterSpace, covariance: np.ndarray) -> list[Combination]:
    """Of crowds of like agents first, then of what else moves together, for an estimate's covariance (d, d)."""
    width = space.region.width
    found = [one for members in _crowds(space) if (one := _of_crowd(space, members, covariance)) is not None]
    taken = {j for one in found for j in one.members}
    rest = [j for j in range(len(width)) if j not in taken]
    ridges = _ridges(covariance[np.ix_(rest, rest)], width[rest]) if rest else []
    for some, weights in ridges:
        members = [rest[j] for j in some]
        error = float(np.sqrt(weights @ covariance[np.ix_(members, members)] @ weights))
        found.append(Combination(tuple(members), weights, error, _in_words(space, members, weights)))
    return found


def listed(names: Sequence[str]) -> str:
    """Names in a row, the middle of a long row left out."""
    if len(names) == 1:
        return names[0]
    if len(names) <= MOST_NAMED:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{names[0]}, {names[1]}, ... and {names[-1]} ({len(names)} parameters)"


def _crowds(space: ParameterSpace) -> list[list[int]]:
    """Places of the free values of each parameter that many agents own."""
    by_parameter = groupby(range(space.d), key=lambda j: space.free_parameters[j].name)
    return [members for _, group in by_parameter if len(members := list(group)) >= CROWD]


def _of_crowd(space: ParameterSpace, members: list[int], covariance: np.ndarray) -> Combination | None:
    """What is known of a crowd's values far better than each of them: their mean, if it is among what is, or the best.

    Values that are known far better than most of the crowd's are left out.
    """
    width, far = space.region.width, 1.0 - TOGETHER**2
    variances = np.diag(covariance)[members] / width[members] ** 2
    usual = float(np.median(variances))
    members = [j for j, own in zip(members, variances, strict=True) if own > max(NEGLIGIBLE**2, far * usual)]
    if len(members) < CROWD:
        return None
    part, width = covariance[np.ix_(members, members)], width[members]
    values, vectors = np.linalg.eigh(part / np.outer(width, width))
    n_known = int((values < far * usual).sum())
    if not 0 < n_known < len(members):
        return None
    is_mean = np.linalg.norm(width @ vectors[:, :n_known]) > EVEN * np.linalg.norm(width)
    weights = np.ones(len(members)) if is_mean else vectors[:, 0] / width
    weights = weights / np.abs(weights).sum() * np.copysign(1.0, weights.sum())
    error = float(np.sqrt(weights @ part @ weights))
    scale = space.free_parameters[members[0]].scale
    return Combination(tuple(members), weights, error, _mean_in_words(scale, weights, error), n_known - 1)


def _mean_in_words(scale: str, weights: np.ndarray, error: float) -> str:
    mean = {"log": "geometric mean", "linear": "mean"}.get(scale, f"mean {scale}")
    known = f"{np.expm1(error):.1%}" if scale == "log" else f"+- {error:.2g}"
    if np.ptp(weights) == 0.0:
        return f"their {mean} (known to {known})"
    # Agents change places elsewhere, and with them the weights: an error found here was 10 to 14 times too small.
    kind = f"a weighted {mean} of them" if weights.sum() > ONE_SIGN else "a difference between them"
    return f"{kind}, and that near these values alone"


def _ridges(covariance: np.ndarray, width: np.ndarray) -> list[tuple[list[int], np.ndarray]]:
    """Groups of parameters of which a combination is known far better than each, with its weights.

    A group holds those that the others predict with a correlation above TOGETHER, though the data leave each of them
    vague; the combination is the one that varies least.
    """
    boxes = covariance / np.outer(width, width)
    vague = [int(j) for j in np.flatnonzero(np.sqrt(np.diag(boxes)) > NEGLIGIBLE)]
    found = []
    while len(vague) > 1:
        part = boxes[np.ix_(vague, vague)]
        predicted = 1.0 - 1.0 / np.maximum(np.diag(part) * np.diag(np.linalg.pinv(part)), 1.0)
        vague = [j for j, share in zip(vague, predicted, strict=True) if share > TOGETHER**2]
        if len(vague) < 2:
            break
        part = boxes[np.ix_(vague, vague)]
        weights = np.linalg.eigh(part)[1][:, 0]
        share = np.abs(weights) * np.sqrt(np.diag(part))
        kept = share > LEAST_SHARE * share.max()
        members = [j for j, one in zip(vague, kept, strict=True) if one]
        if len(members) > 1:
            found.append((members, weights[kept] / width[members]))
        vague = [j for j in vague if j not in members]
    return found


def _in_words(space: ParameterSpace, members: list[int], weights: np.ndarray) -> str:
    """The best determined combination of parameters, in words."""
    parameters, names = [space.free_parameters[j] for j in members], [space.free[j] for j in members]
    weights = weights / weights[np.argmax(np.abs(weights))]
    if len(members) > MOST_NAMED + 2:
        return "a combination of them"
    weights = np.where(np.abs(np.abs(weights) - 1.0) < ALIKE, np.sign(weights), weights)
    if all(p.scale == "log" for p in parameters):
        if len(members) == 2 and (weights == [-1.0, 1.0]).all():
            weights = -weights
        above = " * ".join(_power(x, w) for x, w in zip(names, weights, strict=True) if w != -1.0)
        return " / ".join([above or "1", *(x for x, w in zip(names, weights, strict=True) if w == -1.0)])
    terms = [(float(w), _coordinate(p, x)) for w, p, x in zip(weights, parameters, names, strict=True)]
    if terms[0][0] < 0.0 and any(w == 1.0 for w, _ in terms):
        terms.sort(key=lambda term: term[0] != 1.0)  # a sum begins with what is added
    return " ".join(_term(w, x) for w, x in terms).removeprefix("+ ")


def _term(weight: float, name: str) -> str:
    """Of a sum, with its sign before it."""
    sign, size = "-" if weight < 0.0 else "+", abs(weight)
    return f"{sign} {name}" if size == 1.0 else f"{sign} {size:.2g} {name}"


def _power(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:.2g}"


def _coordinate(parameter: Parameter, name: str) -> str:
    return name if parameter.scale == "linear" else f"{parameter.scale}({name})"
