"""How easily told apart: AUC and its error against plain counts and repeated draws, its null, and its words."""

import numpy as np
import pytest
from scipy.stats import chi2, norm
from small_games import make_parts, market_paths, market_series, z_of

from fastmas.calibration import told_apart
from fastmas.calibration.told_apart import ToldApart, area_under_curve, in_words, tell_apart


def judged(parts, kappa=1.0):
    """As the verdict asks for it."""
    simulator, settings = parts
    with simulator.workers.at_work():
        return tell_apart(simulator, z_of(simulator, kappa=kappa, gamma=2.0), settings.budget.told_apart)


# ---------------------------------------------------------------------- area under the curve


def clusters(rng, n, length, shift=0.0, shared=0.0):
    """Clusters of logits; `shared` is the share of variance that a cluster has in common."""
    common = rng.standard_normal((n, 1)) * np.sqrt(shared)
    return list(shift + common + np.sqrt(1.0 - shared) * rng.standard_normal((n, length)))


def test_auc_counts_pairs_and_halves_ties():
    rng = np.random.default_rng(2)
    real = [rng.integers(0, 5, size=n).astype(float) for n in (3, 7, 2)]
    fake = [rng.integers(1, 7, size=n).astype(float) for n in (4, 5)]
    pairs = [(a, b) for a in np.concatenate(real) for b in np.concatenate(fake)]
    expected = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
    assert area_under_curve(real, fake)[0] == pytest.approx(expected, abs=1e-12)
    assert area_under_curve(fake, real)[0] == pytest.approx(1.0 - expected, abs=1e-12)


def test_auc_of_two_normals():
    """Phi(shift / sqrt 2): 40,000 values on each side, whose AUC has an error below 0.0025."""
    rng = np.random.default_rng(3)
    auc, error = area_under_curve(clusters(rng, 400, 100, shift=0.7), clusters(rng, 400, 100))
    assert error < 0.0025
    assert abs(auc - norm.cdf(0.7 / np.sqrt(2.0))) < 5 * error


@pytest.mark.statistical
@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_the_error_counts_clusters(shared):
    """z-scores of 200 data sets: their rms lies in the 99.9% band of chi-square, or a tenth above it.

    Errors that counted logits would be too small by sqrt(1 + 19 x .5) = 3.2 where half of the variance is shared.
    """
    rng, scores = np.random.default_rng(4), []
    for _ in range(200):
        auc, error = area_under_curve(clusters(rng, 30, 20, shared=shared), clusters(rng, 40, 20, shared=shared))
        scores.append((auc - 0.5) / error)
    low, high = np.sqrt(chi2.ppf([0.0005, 0.9995], 200) / 200)
    assert low < np.sqrt(np.mean(np.square(scores))) < 1.1 * high


def test_one_cluster_has_no_error_of_its_own():
    auc, error = area_under_curve([np.arange(5.0)], [np.arange(5.0), np.arange(3.0)])
    assert 0.5 < auc < 1.0
    assert np.isfinite(error)


# ---------------------------------------------------------------------- many paths


def test_at_the_truth_nothing_is_told_apart_and_elsewhere_it_is():
    """250 paths, 50 held out: an AUC has an error of about .03; at kappa = 4 the noise traders are a herd."""
    parts = make_parts(market_paths(250, 51), n_threads=2)
    right, wrong = (judged(parts, kappa) for kappa in (1.0, 4.0))
    assert right.auc_interval[0] < 0.5 < right.auc_interval[1] + 0.03
    assert right.auc_blocked is None
    assert abs(right.value) < 0.1
    assert wrong.auc > 0.6
    assert wrong.auc_interval[0] > right.auc_interval[1]
    assert wrong.value > right.value
    assert "no more than for simulated" in in_words(right, is_rejected=False)
    assert all(0.3 < auc < 0.7 for auc in (*right.auc_null, *wrong.auc_null))  # at its own estimate anything is right


def test_judging_again_gives_the_same_bits(small):
    seen = [judged(make_parts(market_paths(), n_threads=n_threads)) for n_threads in (1, 1, 2)]
    assert seen[0].auc == seen[1].auc == seen[2].auc
    assert seen[0].value == seen[2].value
    assert seen[0].auc_null == seen[2].auc_null


def test_what_it_trains_on_is_not_what_it_is_tested_on(small, monkeypatch):
    """Networks see the training data and fakes of run 0; the AUC is of held-out data and fakes of run 1."""
    parts = make_parts(market_paths())
    seen = []
    train = told_apart._train

    def spy(simulator, effort, real, fake):
        seen.extend([real.numpy(), fake.numpy()])
        return train(simulator, effort, real, fake)

    def rows(samples):
        return {tuple(row) for row in samples.reshape(-1, samples.shape[-1]).round(4).tolist()}

    monkeypatch.setattr(told_apart, "_train", spy)
    judged(parts)
    trained_on, observed = set().union(*map(rows, seen)), parts.simulator.observed
    assert not trained_on & rows(observed.heldout)
    assert rows(observed.real) <= trained_on


@pytest.mark.parametrize("regime", ["paths", "series"])
def test_no_network_judges_what_it_was_trained_on(small, monkeypatch, regime):
    """Neither data nor fakes, and those of the null's data sets no more than the others."""
    parts = make_parts(market_paths() if regime == "paths" else market_series(1200))
    train, clusters, trained = told_apart._train, told_apart._clusters, {}

    def rows(samples):
        return {row.tobytes() for row in np.asarray(samples).reshape(-1, samples.shape[-1])}

    def training(simulator, effort, real, fake):
        network = train(simulator, effort, real, fake)
        trained[network] = rows(real) | rows(fake)
        return network

    def judging(observed, network, samples):
        assert not trained[network] & rows(samples)
        return clusters(observed, network, samples)

    monkeypatch.setattr(told_apart, "_train", training)
    monkeypatch.setattr(told_apart, "_clusters", judging)
    judged(parts)
    n_null = parts.settings.budget.told_apart.n_null
    assert len(trained) == 1 + n_null + (told_apart.N_BLOCKS if regime == "series" else 0)


# ---------------------------------------------------------------------- one series


def test_a_series_is_judged_over_blocks_too(small):
    found = judged(make_parts(market_series(1200)))
    assert found.auc_blocked[1] <= found.auc_blocked[0] <= found.auc_blocked[2]
    assert f"{found.auc_blocked[0]:.3f} over blocks" in in_words(found, is_rejected=False)


def test_a_short_series_has_no_blocks_to_leave_out(small):
    assert judged(make_parts(market_series(150))).auc_blocked is None


def test_blocks_are_judged_by_networks_that_have_not_seen_them(small, monkeypatch):
    """Nor anything that shares a step with them: a gap of one horizon lies on either side."""
    parts = make_parts(market_series(1200))
    seen = []
    train = told_apart._train

    def spy(simulator, effort, real, fake):
        seen.append(len(real))
        return train(simulator, effort, real, fake)

    monkeypatch.setattr(told_apart, "_train", spy)
    judged(parts)
    observed = parts.simulator.observed
    n, gap = len(observed.real[0]), observed.observations.horizon
    assert seen[0] == n
    edges = np.linspace(0, n, 5).astype(int)
    expected = [n - (min(n, b + gap) - max(0, a - gap)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    assert seen[1:5] == expected


# ---------------------------------------------------------------------- words


def told(auc, low, high, blocked=None, null=(0.47, 0.52, 0.5, 0.49)):
    return ToldApart(auc, (low, high), blocked, null, 0.0, "a whole path")


@pytest.mark.parametrize(("auc", "is_rejected", "said"), [
    (0.51, False, "no more than for simulated data sets"),
    (0.51, True, "the misfit does not show, which is no sign of a good fit"),
    (0.60, False, "told apart more easily than simulated data sets"),
    (0.60, True, "told apart more easily than simulated data sets"),
    (0.90, True, "are easily told apart"),
])
def test_sentences(auc, is_rejected, said):
    text = in_words(told(auc, auc - 0.03, auc + 0.03), is_rejected=is_rejected)
    assert text.endswith(f"{said}.")
    assert f"AUC {auc:.3f}, 90% interval {auc - 0.03:.3f} to {auc + 0.03:.3f}; 0.470 to 0.520" in text
    assert "A piece is a whole path." in text


def test_an_auc_is_held_against_those_of_simulated_data_sets():
    """The limit of one more of four normal numbers: mean + 2.353 x sd x sqrt(1 + 1/4)."""
    null = (0.40, 0.60, 0.45, 0.55)
    assert told_apart._bar(null) == pytest.approx(0.5 + 2.3534 * np.std(null, ddof=1) * np.sqrt(1.25), abs=1e-4)
    assert "no more than" in in_words(told(0.6, 0.57, 0.63, null=null), is_rejected=False)


@pytest.mark.parametrize(("statistic", "said"), [
    ("windows", "a window of 11 returns"), ("prices", "a whole path"),
    (lambda paths: paths[:, :3], "3 numbers of the statistic <lambda>")])
def test_what_a_piece_is(small, statistic, said):
    assert said in judged(make_parts(market_paths(), statistic=statistic)).piece
