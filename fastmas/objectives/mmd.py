"""Maximum mean discrepancy: the critic is the best function in the unit ball of a Gaussian kernel's space.

MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y) (Gretton et al. 2012, eq. 3; Li, Swersky and Zemel 2015 for the game);
the discriminator's part is this maximum and the parameters minimise it. The kernel is a mean of four Gaussians around
the median distance, written as the product of random Fourier features (Rahimi and Recht 2007): all windows count, at a
cost that grows with their number and not with its square. x and x' are of different paths, since windows of one path
are not independent, and the estimate is then unbiased. It may be negative.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WIDTHS = (0.5, 1.0, 2.0, 4.0)  # of the Gaussians, in medians of the distance of two samples
N_FREQUENCIES = 64  # of each width
N_MEDIAN = 1000  # samples whose distances have the median


class MMD:
    """Squared, over paths."""

    discriminator = "closed-form"

    def distance_to(self, real: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        frequencies = frequencies_of(real, generator)
        ours = path_means(real, frequencies)
        within = mean_product(ours)

        def distance(fake: Tensor) -> Tensor:
            theirs = path_means(fake, frequencies)
            return within + mean_product(theirs) - 2.0 * ours.mean(dim=0) @ theirs.mean(dim=0)

        return distance


def frequencies_of(real: Tensor, generator: torch.Generator) -> Tensor:
    """Of the four Gaussians, (k, len(WIDTHS) * N_FREQUENCIES)."""
    k = real.shape[-1]
    rows = real.reshape(-1, k)
    some = rows[:: max(1, len(rows) // N_MEDIAN)]
    median = torch.pdist(some).median() if len(some) > 1 else torch.tensor(1.0)
    drawn = torch.randn((len(WIDTHS), N_FREQUENCIES, k), generator=generator).to(real.device)
    widths = torch.tensor(WIDTHS, device=real.device) * median.to(real.device).clamp(min=1e-6)
    return (drawn / widths[:, None, None]).reshape(-1, k).T.contiguous()


def path_means(samples: Tensor, frequencies: Tensor) -> Tensor:
    """Mean features of each path (n_paths, m): the product of two is the mean kernel of their samples. In float64."""
    phase = samples @ frequencies
    means = [part.mean(dim=1, dtype=torch.float64) for part in (phase.cos(), phase.sin())]
    return torch.cat(means, dim=1) / frequencies.shape[1] ** 0.5


def mean_product(means: Tensor) -> Tensor:
    """Mean product of two different paths' features; of a lone path with itself."""
    n, total = len(means), means.sum(dim=0)
    return total @ total if n == 1 else (total @ total - (means**2).sum()) / (n * (n - 1))


OBJECTIVE = MMD()
