"""On the whole path: the paper's MLP, with the R1 that cures most of its memorising."""

from __future__ import annotations

from torch import nn

from fastmas.discriminators.unconditional import Recipe, Unconditional


class Path(Unconditional):
    """MLP 2x32 ReLU on standardised prices (paper, section 4)."""

    statistics = ("prices", "log-returns")

    training = Recipe(nn.ReLU, penalty=1.0, rate=2e-3, betas=(0.5, 0.9), batch=1000, steps=3, warmup=150)


DISCRIMINATOR = Path
