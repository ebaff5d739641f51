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
    late, here = f"t = {seen.late}", f"t = {seen.warmup}"
    if seen.lost >= LOST:
        return (f"No warm-up can be judged: {seen.lost:.0%} of the paths leave the finite numbers, or those above 0, "
                f"by {late}. Give other parameters.")
    if seen.at_rest >= AT_REST and seen.quantity is None:
        return (f"The model comes to rest: {seen.at_rest:.0%} of the paths do not move any more at {late}. No warm-up "
                "makes it stationary: give the one after which your data begin.")
    if not seen.settles:
        return (f"The model does not settle within {seen.late} steps at these parameters: {_what(seen)}. No warm-up up "
                "to there makes it stationary: give the one after which your data begin, or other parameters.")
    if seen.is_long_enough:
        return (f"The warm-up of {seen.warmup} steps is long enough: paths at {here} hardly differ from those at "
                f"{late} (energy coefficient {seen.distance:.3f}, p = {seen.p_value:.2g}).")
    return (f"The warm-up of {seen.warmup} steps is too short at these parameters: {_what(seen)} (p = "
            f"{seen.p_value:.2g}). Where data begin long after the model's own start, give --warmup "
            f"{seen.recommended}.")


def _what(seen: Settling) -> str:
    """Which quantity differs between the end of the warm-up and later, and how."""
    figures = (seen.early_median, seen.late_median, seen.early_spread, seen.late_spread)
    early, late, early_spread, late_spread = (math.nan if x is None else x for x in figures)
    is_located = _is_located(early - late, early_spread, late_spread)
    if seen.quantity == SIZE and is_located:
        return (f"moves at t = {seen.warmup} are {math.exp(early - late):.2g} times as large as at t = {seen.late}")
    what = {SIZE: "the size of moves", LEVEL: "the level"}.get(str(seen.quantity), f"the change over {BLOCK} steps")
    if is_located:
        return (f"{what} is typically {_value(seen, early)} at t = {seen.warmup} and {_value(seen, late)} at t = "
                f"{seen.late}")
    if early_spread == 0 or late_spread == 0:
        first, second = (seen.warmup, seen.late) if early_spread == 0 else (seen.late, seen.warmup)
        return f"{what} is the same in all paths at t = {first} and not at t = {second}"
    return (f"{what} spreads {early_spread / late_spread:.2g} times as widely at t = {seen.warmup} as at t = "
            f"{seen.late}")


def _value(seen: Settling, x: float) -> str:
    """A level or a change in natural units, a change of logarithms in per cent."""
    if not seen.logarithm:
        return f"{x:.4g}"
    return f"{math.exp(x):.4g}" if seen.quantity == LEVEL else f"{math.expm1(x):+.2%}"


def _is_located(shift: float, early: float, late: float) -> bool:
    """Whether two laws differ in where they lie rather than in how wide they are."""
    if not early > 0 or not late > 0:
        return abs(shift) > late
    return abs(shift) >= late * min(1.0, abs(math.log(early / late)))


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
