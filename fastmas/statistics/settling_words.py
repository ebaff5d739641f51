"""What is said of a warm-up, in a user's words."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from fastmas.statistics.settling import AT_REST, BLOCK, LEVEL, LOST, SIZE, Settling

NAMED = 0.005  # share of paths that ran away


def sentence(seen: Settling) -> str:
    """Whether the warm-up is long enough, what differs, and what to do."""
    parts = [_judged(seen), _times(seen), _lost(seen)]
    return " ".join(part for part in parts if part)


def plain(seen: Settling) -> dict[str, Any]:
    """As it is written, with what it says."""
    return {**asdict(seen), "sentence": sentence(seen)}


def warning(seen: Settling) -> str | None:
    """One line for a calibration, None if all is well."""
    if seen.is_long_enough:
        return None
    return " ".join(part for part in (_judged(seen), _lost(seen)) if part)


def _judged(seen: Settling) -> str:
    if seen.lost >= LOST:
        return (f"No warm-up can be judged: {seen.lost:.0%} of the paths leave the finite numbers, or those above 0, by "
                f"t = {seen.late}. Give other parameters.")
    if seen.at_rest >= AT_REST and seen.quantity is None:
        return (f"The model comes to rest: {seen.at_rest:.0%} of the paths do not move any more at t = {seen.late}. No "
                "warm-up makes it stationary: give the one after which your data begin.")
    if not seen.settles:
        return (f"The model does not settle within {seen.late} steps at these parameters: {_what(seen)}. No warm-up "
                "makes it stationary: give the one after which your data begin, or narrower bounds.")
    if seen.is_long_enough:
        return (f"The warm-up of {seen.warmup} steps is long enough: paths at t = {seen.warmup} differ hardly from those "
                f"at t = {seen.late} (energy coefficient {seen.distance:.3f}, p = {seen.p_value:.2g}).")
    return (f"The warm-up of {seen.warmup} steps is too short at these parameters: {_what(seen)} (p = "
            f"{seen.p_value:.2g}). Where data begin long after the model's own start, give --warmup {seen.recommended}.")


def _what(seen: Settling) -> str:
    """Which quantity differs between the end of the warm-up and later, and how."""
    assert seen.early_median is not None and seen.late_median is not None
    assert seen.early_spread is not None and seen.late_spread is not None
    when = f"at t = {seen.warmup}"
    shift = seen.early_median - seen.late_median
    located = _is_located(shift, seen.early_spread, seen.late_spread)
    if seen.quantity == SIZE:
        if located:
            return f"moves {when} are {_times_as(math.exp(shift))} as large as at t = {seen.late}"
        return f"the sizes of moves {when} have another distribution than at t = {seen.late}"
    what = "the level" if seen.quantity == LEVEL else f"the change over {BLOCK} steps"
    early, late = (math.exp(x) if seen.logarithm and seen.quantity == LEVEL else x
                   for x in (seen.early_median, seen.late_median))
    if located and seen.logarithm and seen.quantity != LEVEL:
        return f"{what} is typically {math.expm1(early):+.2%} {when} and {math.expm1(late):+.2%} at t = {seen.late}"
    if located:
        return f"{what} is typically {early:.4g} {when} and {late:.4g} at t = {seen.late}"
    if seen.early_spread == 0 and seen.late_spread > 0:
        return f"{what} is the same in all paths {when}, and spreads by t = {seen.late}"
    if seen.late_spread > 0:
        return f"{what} spreads {_times_as(seen.early_spread / seen.late_spread)} as widely {when} as at t = {seen.late}"
    return f"{what} {when} has another distribution than at t = {seen.late}"


def _is_located(shift: float, early: float, late: float) -> bool:
    """Whether two laws differ in where they lie rather than in how wide they are."""
    if not early > 0 or not late > 0:
        return abs(shift) > late
    return abs(shift) >= late * min(1.0, abs(math.log(early / late)))


def _times_as(ratio: float) -> str:
    return f"{ratio:.2g} times"


def _times(seen: Settling) -> str:
    if not seen.settles:
        return ""
    level = "the level wanders and is left out" if seen.level_wanders else f"of the level: {_time(seen.level_time)}"
    return f"Integrated autocorrelation time of the moves' sizes: {_time(seen.size_time)}; {level}."


def _time(steps: float | None) -> str:
    return "too long to be told from these paths" if steps is None else f"{steps:.1f} steps"


def _lost(seen: Settling) -> str:
    if not NAMED <= seen.lost < LOST:
        return ""
    return f"{seen.lost:.1%} of the paths leave the finite numbers, or those above 0, by t = {seen.late}."
