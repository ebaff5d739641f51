"""Shares between 0 and 1: changes and levels are read, and how often either end is reached."""

from __future__ import annotations

from fastmas.domains import Codes, Domain, Trait

EDGE = 1e-6  # of an end: rounding


def fault(share: float) -> str:
    return f"share {float(share):g} is outside 0 to 1; give shares, not per cent, and correct or drop this one"


def traits(codes: Codes) -> tuple[Trait, ...]:
    return (Trait(name="at 0", title="share of times at 0", of=lambda x: (x <= EDGE).mean(axis=1), is_share=True,
                  say=lambda a, b: f"at 0 in {a:.1%} of times, data {b:.1%}"),
            Trait(name="at 1", title="share of times at 1", of=lambda x: (x >= 1 - EDGE).mean(axis=1), is_share=True,
                  say=lambda a, b: f"at 1 in {a:.1%} of times, data {b:.1%}"))


DOMAIN = Domain(change="change", changes="changes", values="shares", is_wrong=lambda x: (x < 0) | (x > 1),
                fault=fault, traits=traits)
