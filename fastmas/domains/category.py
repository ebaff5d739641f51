"""A few whole codes: how often each occurs, and what follows it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmas.domains import Codes, Domain, Trait


def fault(code: float) -> str:
    return f"{float(code):g} is no code of a category; give whole numbers such as 0 and 1"


def traits(codes: Codes) -> tuple[Trait, ...]:
    """Shares and transitions, without those that the others leave no choice."""
    return (*(_share(code) for code in codes[1:]), *_transitions(codes[1:]))


def _share(code: float) -> Trait:
    return Trait(name=f"share of {code:g}", title=f"share of times with {code:g}", is_hard=True,
                 of=lambda x: (x == code).mean(axis=1), is_share=True,
                 say=lambda a, b: f"{code:g} in {a:.1%} of times, data {b:.1%}")


def _transitions(codes: Codes) -> Iterator[Trait]:
    for one in codes:
        for other in codes:
            yield _followed(one, other)


def _followed(one: float, other: float) -> Trait:
    return Trait(name=f"{one:g} then {other:g}", title=f"share of steps from {one:g} to {other:g}", is_share=True,
                 is_hard=True,
                 of=lambda x: ((x[:, :-1] == one) & (x[:, 1:] == other)).mean(axis=1),
                 say=lambda a, b: f"{one:g} is followed by {other:g} in {a:.1%} of steps, data {b:.1%}")


DOMAIN = Domain(change="change", changes="changes", values="codes", is_wrong=lambda x: x != np.rint(x), fault=fault,
                keeps_level=False, is_coded=True, traits=traits)
