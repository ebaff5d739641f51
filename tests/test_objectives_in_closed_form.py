"""Objectives in closed form: distances of samples against plain formulas, and what they are at equal laws."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from fastmas import objectives
from fastmas.objectives import cramer, mmd, quantile, relaxed_wasserstein, sig_w1, slices
from fastmas.registry import parts

CLOSED = sorted(name for name, one in parts("fastmas.objectives", "OBJECTIVE").items() if hasattr(one, "distance_to"))


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def normal(n_paths, n_samples=4, k=3, *, seed, mean=0.0, level=0.5):
    """Samples whose paths have a level of their own: those of one path are not independent."""
    rng = np.random.default_rng(seed)
    own = level * rng.standard_normal((n_paths, 1, k))
    return torch.from_numpy((mean + own + rng.standard_normal((n_paths, n_samples, k))).astype(np.float32))


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("n_paths", [1, 200])
def test_the_distance_grows_with_the_gap(name, n_paths):
    """Of means 0, .5 and 1 from the data, by common random numbers; the same bits for the same generator."""
    real = normal(n_paths, 40, seed=1, level=0.0)
    distance = objectives.get(name).distance_to(real, seeded())
    far = [distance(normal(200, 40, seed=2, mean=mean, level=0.0)) for mean in (0.0, 0.5, 1.0)]
    assert far[0] < far[1] < far[2]
    assert far[0].shape == ()
    assert far[1] == objectives.get(name).distance_to(real, seeded())(normal(200, 40, seed=2, mean=0.5, level=0.0))


@pytest.mark.parametrize("name", ["quantile", "relaxed-wasserstein", "relaxed-wasserstein-square", "sig-w1"])
def test_the_data_are_at_no_distance_from_themselves(name):
    real = normal(60, seed=1)
    assert objectives.get(name).distance_to(real, seeded())(real).item() == pytest.approx(0.0, abs=1e-7)


@pytest.mark.statistical
@pytest.mark.parametrize("name", ["mmd", "cramer"])
def test_without_bias_it_is_0_on_average_at_equal_laws(name):
    """Paths have levels of their own, so that pairs within a path would show: 200 data sets, three standard errors."""
    def distance(i):
        return float(objectives.get(name).distance_to(normal(8, seed=2 * i), seeded(i))(normal(12, seed=2 * i + 1)))

    seen = np.array([distance(i) for i in range(200)])
    assert abs(seen.mean()) < 3.0 * seen.std() / math.sqrt(len(seen))
    assert seen.min() < 0 < seen.max()


# ---------------------------------------------------------------------- MMD


def test_the_features_give_the_mean_of_four_gaussians():
    """Widths of 1/2, 1, 2 and 4 median distances; 20,000 random frequencies of each err by .004."""
    real = normal(30, 1, seed=3)
    x, frequencies = real[:, 0].numpy().astype(float), None
    many, mmd.N_FREQUENCIES = mmd.N_FREQUENCIES, 20_000
    try:
        frequencies = mmd.frequencies_of(real, seeded())
    finally:
        mmd.N_FREQUENCIES = many
    features = mmd.path_means(real, frequencies).numpy()
    apart = cdist(x, x)
    median = np.median(apart[np.triu_indices(30, 1)])
    kernel = np.mean([np.exp(-(apart**2) / (2 * (s * median) ** 2)) for s in (0.5, 1.0, 2.0, 4.0)], axis=0)
    assert features @ features.T == pytest.approx(kernel, abs=0.02)


def test_mmd_is_the_mean_over_pairs_of_different_paths():
    real, fake = normal(5, seed=4), normal(7, seed=5, mean=0.3)
    frequencies = mmd.frequencies_of(real, seeded())
    ours, theirs = (mmd.path_means(x, frequencies).numpy() for x in (real, fake))

    def off_diagonal(a):
        gram = a @ a.T
        return gram[~np.eye(len(a), dtype=bool)].mean()

    expected = off_diagonal(ours) + off_diagonal(theirs) - 2 * (ours @ theirs.T).mean()
    assert objectives.get("mmd").distance_to(real, seeded())(fake).item() == pytest.approx(expected, rel=1e-6)


# ---------------------------------------------------------------------- Cramer


def test_sums_of_distances_are_those_of_all_pairs():
    values = torch.tensor([[3.0, -1.0, 0.5, 2.0]])
    assert cramer.sum_of_distances(values).item() == pytest.approx(4 + 2.5 + 1 + 1.5 + 3 + 1.5)


def test_cramer_is_the_mean_over_pairs_of_different_paths():
    """Along 4,000 directions, against Euclidean distances of all pairs."""
    real, fake = normal(6, seed=6), normal(5, seed=7, mean=0.8)
    directions = slices.random_directions(3, seeded(), 4000)
    ours, theirs = (torch.einsum("mk,psk->mps", directions, x) for x in (real, fake))
    found = (cramer.between_laws(ours, theirs) - (cramer.within_laws(ours) + cramer.within_laws(theirs)) / 2).mean()

    def apart(a, b):
        return cdist(a.reshape(-1, 3).numpy(), b.reshape(-1, 3).numpy())

    def other_paths(a):
        path = np.repeat(np.arange(len(a)), a.shape[1])
        return apart(a, a)[path[:, None] != path].mean()

    expected = apart(real, fake).mean() - (other_paths(real) + other_paths(fake)) / 2
    assert found.item() / cramer.length_of_a_shadow(3) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("k", "expected"), [(1, 1.0), (2, 2 / math.pi), (3, 0.5)])
def test_shadows(k, expected):
    """Of a unit vector on a line, in the plane and in space."""
    assert cramer.length_of_a_shadow(k) == pytest.approx(expected)


# ---------------------------------------------------------------------- quantile, relaxed Wasserstein


def test_the_quantile_divergence_is_half_the_cramer_distance_on_the_line():
    """Half the integral of (F - G)^2, here of 400 and 700 values; its levels leave out what is between two of them."""
    rng = np.random.default_rng(8)
    x, y = np.sort(rng.standard_normal(400)), np.sort(0.5 + 1.3 * rng.standard_normal(700))
    ours, theirs = (torch.from_numpy(v)[None] for v in (x, y))
    found = quantile.pinball(ours, slices.quantiles(theirs)) - quantile.pinball(ours, slices.quantiles(ours))
    points = np.sort(np.concatenate([x, y]))
    gap = np.searchsorted(x, points[:-1], "right") / 400 - np.searchsorted(y, points[:-1], "right") / 700
    assert found.item() == pytest.approx(0.5 * (gap**2 * np.diff(points)).sum(), rel=0.02)


def test_pinball_is_its_definition():
    x, q = torch.tensor([[-1.0, 0.5, 2.0]]), torch.linspace(-2.0, 2.5, slices.N_LEVELS, dtype=torch.float64)[None]
    tau, u = slices.levels(x.device)[:, None], x.double() - q.T
    expected = ((tau - (u < 0).double()) * u).mean()
    assert quantile.pinball(x, q).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("name", ["relaxed-wasserstein", "relaxed-wasserstein-square"])
def test_equal_quantiles_are_the_best_coupling(name):
    """Against the assignment that a solver finds for as many values as there are levels."""
    rng = np.random.default_rng(9)
    x, y = rng.standard_normal(slices.N_LEVELS), 0.4 + 1.5 * rng.standard_normal(slices.N_LEVELS)
    cost = objectives.get(name).cost
    matrix = cost(torch.from_numpy(x)[:, None], torch.from_numpy(y)[None]).numpy()
    best = matrix[linear_sum_assignment(matrix)].mean()
    ours, theirs = (slices.quantiles(torch.from_numpy(np.sort(v))[None]) for v in (x, y))
    assert cost(ours, theirs).mean().item() == pytest.approx(best, rel=1e-9)


def test_the_bregman_cost_is_that_of_x_log_x():
    x, y = torch.tensor(1.2, dtype=torch.float64), torch.tensor(-0.4, dtype=torch.float64)
    u, v = math.exp(0.6), math.exp(-0.2)
    expected = u * math.log(u) - v * math.log(v) - (1 + math.log(v)) * (u - v)
    assert relaxed_wasserstein.kullback_leibler(x, y).item() == pytest.approx(expected)


def test_a_direction_weighs_as_many_values_as_a_path_has():
    """A level that a path keeps counts once, noise that is new in each of 16 samples sixteen times."""
    rng = np.random.default_rng(10)
    level = np.repeat(rng.standard_normal((4000, 1, 1)), 16, axis=1)
    real = torch.from_numpy(np.concatenate([level, rng.standard_normal((4000, 16, 1))], axis=2))
    weight = slices.weights(real, torch.eye(2, dtype=torch.float64))
    assert (weight[1] / weight[0]).item() == pytest.approx(16.0, rel=0.1)  # 4,000 paths: the sd of the ratio is 3%
    assert weight.sum().item() == pytest.approx(1.0)
    assert slices.weights(real[:1], torch.eye(2, dtype=torch.float64)).tolist() == [0.5, 0.5]


# ---------------------------------------------------------------------- signatures


def test_the_signature_of_a_straight_line_is_its_powers_over_factorials():
    line = torch.tensor([[[0.5, -2.0]] * 4], dtype=torch.float64)
    whole, expected = np.array([2.0, -8.0]), []
    power = np.ones(1)
    for m in range(1, 5):
        power = np.outer(power, whole).ravel()
        expected.extend(power / math.factorial(m))
    assert sig_w1.signature(line)[0].numpy() == pytest.approx(np.array(expected))


def test_the_second_order_is_the_area_and_the_products():
    """S_ij + S_ji = S_i S_j, and S_01 - S_10 is twice the area that a path sweeps: one square to the right and up."""
    corner = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    x, y, xx, xy, yx, yy = sig_w1.signature(corner, depth=2)[0].tolist()
    assert [x, y, xx, xy, yx, yy] == pytest.approx([1.0, 1.0, 0.5, 1.0, 0.0, 0.5])


def test_a_sample_is_a_path_beside_time():
    """The last value, and its mean over time by the trapezoids of a path from 0: S(time, x)."""
    samples = torch.tensor([[[2.0, 4.0]]])
    signature = sig_w1.path_signatures(samples)[0]
    assert signature[:2].tolist() == pytest.approx([1.0, 4.0])
    by_time = signature[2 + 2].item()  # dx dt: x of before, summed over time
    assert by_time == pytest.approx(0.5 * (0 + 2) / 2 + 0.5 * (2 + 4) / 2)
