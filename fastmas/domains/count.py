"""Whole numbers from 0 on: changes and levels are read as they are, and how many are 0."""

from __future__ import annotations

import numpy as np

from fastmas.domains import Codes, Domain, Trait


def fault(count: float) -> str:
    return f"count {float(count):g} is not a whole number of 0 or more; correct or drop it"


def traits(codes: Codes) -> tuple[Trait, ...]:
    return (Trait(name="zeros", title="share of zeros", of=lambda x: (x == 0).mean(axis=1), is_share=True,
                  say=lambda a, b: f"{a:.1%} of counts are 0, data {b:.1%}"),)


DOMAIN = Domain(change="change", changes="changes", values="counts", is_wrong=lambda x: (x < 0) | (x != np.rint(x)),
                fault=fault, traits=traits)
