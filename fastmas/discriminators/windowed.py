"""On sliding windows, every window a sample: the default of the score estimators on many paths."""

from __future__ import annotations

from torch import nn

from fastmas.discriminators import Table
from fastmas.discriminators.unconditional import Recipe, Unconditional
from fastmas.objectives import Objective

RECIPE = Recipe(nn.SiLU, penalty=0.1, rate=2e-3, betas=(0.5, 0.9), batch=8192, steps=3, warmup=150)


class Windowed(Unconditional):
    """MLP 2x32 SiLU with R1 = 0.1."""

    def __init__(self, table: Table, objective: Objective) -> None:
        super().__init__(table, objective, RECIPE)


DISCRIMINATOR = Windowed
