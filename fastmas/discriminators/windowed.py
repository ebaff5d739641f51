"""On sliding windows, every window a sample: the default of the score estimators on many paths."""

from __future__ import annotations

from torch import nn

from fastmas.discriminators.unconditional import Recipe, Unconditional


class Windowed(Unconditional):
    """MLP 2x32 SiLU with R1 = 0.1."""

    training = Recipe(nn.SiLU, penalty=0.1, rate=2e-3, betas=(0.5, 0.9), batch=8192, steps=3, warmup=150)


DISCRIMINATOR = Windowed
