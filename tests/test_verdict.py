"""The verdict: AUC and its error against plain counts and repeated draws, and what it says about right and wrong."""

import numpy as np
import pytest
import small_games
from scipy.stats import chi2, norm
from small_games import make_setup, market_paths, market_series, z_of

from fastmas.calibration import verdict
from fastmas.calibration.verdict import _sentence, area_under_curve, judge
from fastmas.data import Observations


@pytest.fixture
def small(monkeypatch):
    for module, name, value in small_games.cuts():
        monkeypatch.setattr(module, name, value)


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


def test_at_the_truth_nothing_is_told_apart_and_elsewhere_it_is(monkeypatch):
    """250 paths, 50 held out: an AUC has an error of about .03; at kappa = 4 the noise traders are a herd."""
    monkeypatch.setattr(verdict, "BATCH", 1024)
    setup = make_setup(market_paths(250, 51), n_threads=2)
    with setup.threads():
        right, wrong = (judge(setup, z_of(setup, kappa=kappa, gamma=2.0)) for kappa in (1.0, 4.0))
    assert right.auc_interval[0] < 0.5 < right.auc_interval[1] + 0.03
    assert right.auc_blocked is None
    assert abs(right.value) < 0.1
    assert wrong.auc > 0.6
    assert wrong.auc_interval[0] > right.auc_interval[1]
    assert wrong.value > right.value
    assert "cannot tell" in right.sentence or "barely" in right.sentence
    assert "told apart" in wrong.sentence
    assert not all(fact["reproduced"] for fact in wrong.facts)
    assert right.sample["x_sim"].shape == (500, 51)


def test_judging_again_gives_the_same_bits(small):
    seen = []
    for n_threads in (1, 1, 2):
        setup = make_setup(market_paths(), n_threads=n_threads)
        with setup.threads():
            seen.append(judge(setup, z_of(setup, kappa=1.0, gamma=2.0)))
    assert seen[0].auc == seen[1].auc == seen[2].auc
    assert seen[0].value == seen[2].value
    assert np.array_equal(seen[0].sample["x_sim"], seen[2].sample["x_sim"])


def test_what_it_trains_on_is_not_what_it_is_tested_on(small, monkeypatch):
    """Networks see the training data and fakes of run 0; the AUC comes from held-out data and fakes of run 1."""
    setup = make_setup(market_paths())
    seen = []
    train = verdict._train

    def spy(one, real, fake):
        seen.extend([real.numpy(), fake.numpy()])
        return train(one, real, fake)

    monkeypatch.setattr(verdict, "_train", spy)
    judge(setup, z_of(setup, kappa=1.0, gamma=2.0))
    rows = {tuple(row) for part in seen for row in part.round(4).tolist()}
    held_out = setup.heldout.reshape(-1, setup.heldout.shape[-1]).round(4).tolist()
    assert not rows & {tuple(row) for row in held_out}
    assert {tuple(row) for row in setup.real.reshape(-1, setup.real.shape[-1]).round(4).tolist()} <= rows


def test_paths_that_ran_away_are_not_shown(small, monkeypatch):
    setup = make_setup(market_paths())
    simulate = type(setup).simulate

    def lossy(self, z, n_paths, run, purpose, **options):
        out = simulate(self, z, n_paths, run, purpose, **options)
        out[:, ::3, -1] = np.inf
        out[:, 1::3, 5] = np.nan
        return out

    monkeypatch.setattr(type(setup), "simulate", lossy)
    found = judge(setup, z_of(setup, kappa=1.0, gamma=2.0))
    assert np.isfinite(found.sample["x_sim"]).all()
    assert len(found.sample["x_sim"]) == 500 // 3
    assert found.facts == []
    assert found.auc_interval[0] > 0.5  # two thirds of what it sees are like nothing in the data


# ---------------------------------------------------------------------- one series


def test_a_series_is_judged_over_blocks_too(small):
    setup = make_setup(market_series(1200))
    found = judge(setup, z_of(setup, kappa=1.0, gamma=2.0))
    assert found.auc_blocked[1] <= found.auc_blocked[0] <= found.auc_blocked[2]
    assert found.sample["series_sim"].shape == (20, 1200)
    assert found.sample["x_sim"].shape[1] == 51
    worst = max(found.auc, found.auc_blocked[0])
    assert f"AUC {worst:.3f}" in found.sentence


def test_a_short_series_has_no_blocks_to_leave_out(small):
    setup = make_setup(market_series(150))
    assert judge(setup, z_of(setup, kappa=1.0, gamma=2.0)).auc_blocked is None


def test_blocks_are_judged_by_networks_that_have_not_seen_them(small, monkeypatch):
    """Nor anything that shares a step with them: a gap of one horizon lies on either side."""
    setup = make_setup(market_series(1200))
    seen = []
    train = verdict._train
    monkeypatch.setattr(verdict, "_train", lambda *a: (seen.append(len(a[1])), train(*a))[1])
    judge(setup, z_of(setup, kappa=1.0, gamma=2.0))
    n, gap = len(setup.real[0]), setup.observations.horizon
    assert seen[0] == n
    edges = np.linspace(0, n, 5).astype(int)
    expected = [n - (min(n, b + gap) - max(0, a - gap)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    assert seen[1:] == expected


# ---------------------------------------------------------------------- words


FACTS = [{"title": "heavy tails", "reproduced": False}, {"title": "no drift", "reproduced": True}]


@pytest.mark.parametrize(("auc", "low", "high", "facts", "said"), [
    (0.51, 0.48, 0.54, [], "cannot tell real from simulated"),
    (0.56, 0.53, 0.59, [], "can barely be told apart"),
    (0.62, 0.45, 0.79, [], "the model misses part of the data"),
    (0.70, 0.65, 0.75, [], "the model misses part of the data"),
    (0.90, 0.85, 0.95, [], "the model does not fit these data"),
    (0.51, 0.48, 0.54, FACTS, "not reproduced (1 of 2): heavy tails."),
    (0.51, 0.48, 0.54, FACTS[1:], "All 1 stylised facts tested are reproduced."),
])
def test_sentences(auc, low, high, facts, said):
    text = _sentence(auc, low, high, "held-out data", facts)
    assert said in text
    assert f"AUC {auc:.3f}, 90% interval {low:.3f} to {high:.3f}" in text


def test_data_that_are_no_prices_have_no_facts(small):
    """Levels around zero have no log returns; everything else is said all the same."""
    x = market_paths() - np.float32(100.0)
    seen = Observations(x[:48], x[48:], "paths", "array")
    found = judge(make_setup(seen), z_of(make_setup(seen), kappa=1.0, gamma=2.0))
    assert found.facts == []
    assert 0.0 <= found.auc <= 1.0
