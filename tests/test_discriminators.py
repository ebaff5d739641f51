"""Discriminators: one contract for every one at a toy table, then networks, replay and training apart."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import small_games
import torch
from small_games import SMALL, TOY_REGION, TOY_TRUTH, toy_samples, toy_table

from fastmas import discriminators
from fastmas.discriminators import amortised
from fastmas.discriminators.networks import QuadraticInTheta, perceptron
from fastmas.discriminators.replay import N_SHARES, N_THETA, Replay
from fastmas.discriminators.training import Trainer, flat, gradient_penalty, initialise
from fastmas.errors import ParameterError
from fastmas.files import pack_tensors, unpack_tensors
from fastmas.random.address import Purpose
from fastmas.registry import parts
from fastmas.seeding import seeded

NAMES = sorted(parts("fastmas.discriminators", "DISCRIMINATOR"))
FAR = np.array([-1.5, 0.8])

pytestmark = pytest.mark.usefixtures("one_thread")


def threads():
    """Two, of which each knows that torch has one."""
    return ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,))


def seat(name, table, objective=None, training=None):
    """A discriminator with the training of the small budget, or with its own but for these changes."""
    _, objective = discriminators.match(name, objective, name)
    trained = SMALL.training_of(name) if training is None else replace(discriminators.get(name).training, **training)
    return discriminators.seat(name, replace(table, training=trained), objective)


def centre(generation):
    """Where the search stands: on its way from FAR to the truth."""
    return TOY_TRUTH + (FAR - TOY_TRUTH) * 0.8**generation


def play(judge, generations):
    """Losses, reports and arrays of these generations."""
    seen = []
    for generation in generations:
        here = centre(generation)
        judge.play(generation, here)
        candidates = here + np.array([[0.0, 0.0], [0.1, 0.1], [-0.1, 0.05]])
        seen.append((judge.evaluate(generation, candidates, here).loss, judge.report(), judge.arrays()))
    return seen


def assert_same(first, second):
    for (loss, report, arrays), (other_loss, other_report, other_arrays) in zip(first, second, strict=True):
        assert np.array_equal(loss, other_loss)
        assert report.keys() == other_report.keys()
        np.testing.assert_equal(report, other_report)
        assert arrays.keys() == other_arrays.keys()
        assert all(np.array_equal(arrays[k], other_arrays[k], equal_nan=True) for k in arrays)


# ---------------------------------------------------------------------- contract


@pytest.mark.parametrize("name", NAMES)
def test_what_a_class_says(name):
    kind = discriminators.get(name)
    assert len(kind.statistics) == 2
    assert isinstance(kind.local, bool)
    assert kind.n_generations > 0
    assert kind.own_objective is None or isinstance(kind.own_objective, str)
    assert kind.own_objective or discriminators.can_play(name, kind.usual_objective)


@pytest.mark.parametrize("name", NAMES)
def test_losses_and_report(name):
    judge = seat(name, toy_table())
    judge.begin()
    (loss, report, _), = play(judge, [0])
    assert loss.shape == (3,)
    assert np.isfinite(loss).all()
    assert {"loss", *report} == {curve.column for curve in judge.curves}
    assert np.isfinite(list(report.values())).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_changes_nothing(name):
    judge = seat(name, toy_table())
    judge.begin()
    play(judge, range(2))
    z = np.array([[0.1, 0.1], [0.5, -0.2]])
    first = judge.evaluate(1, z, centre(1)).loss
    assert np.array_equal(judge.evaluate(1, z, centre(1)).loss, first)
    alone = judge.evaluate(1, z[:1], centre(1)).loss
    np.testing.assert_allclose(alone, first[:1], rtol=1e-9)  # a solve of one column rounds unlike one of two


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("generation", [1, 3, N_SHARES + 2])
def test_restored_it_goes_on_bit_for_bit(name, generation):
    """Through the bytes of a checkpoint, with a pool that has been renewed in part, and more than once over."""
    judge = seat(name, toy_table())
    judge.begin()
    play(judge, range(generation))
    arrays, _ = unpack_tensors(pack_tensors(judge.arrays(), {}))
    going_on = play(judge, range(generation, generation + 3))
    again = seat(name, toy_table())
    again.restore(arrays, generation)
    np.testing.assert_equal(again.arrays(), arrays)
    assert_same(going_on, play(again, range(generation, generation + 3)))


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_no_bit(name):
    one = seat(name, toy_table())
    one.begin()
    with threads() as pool:
        two = seat(name, toy_table(map=pool.map))
        two.begin()
        assert_same(play(one, range(2)), play(two, range(2)))


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bits_and_other_seed_other_bits(name):
    seen = []
    for seed in (3, 3, 4):
        judge = seat(name, toy_table(seed=seed))
        judge.begin()
        seen.append(play(judge, range(2)))
    assert_same(seen[0], seen[1])
    assert not np.array_equal(seen[0][1][0], seen[2][1][0])


@pytest.mark.parametrize("name", NAMES)
def test_global_random_states_are_left_alone(name):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state().tolist(), np.random.get_state()[2]  # noqa: NPY002
    judge = seat(name, toy_table())
    judge.begin()
    play(judge, [0])
    assert before == (torch.get_rng_state().tolist(), np.random.get_state()[2])  # noqa: NPY002


ENOUGH = {"amortised": {"steps": 150}, "closed-form": {}, "conditional": {"warmup": 150},
          "windowed": {"batch": 500, "warmup": 90}, "path": {"batch": 500, "warmup": 90}}


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_loses_least(name):
    """A loss must fall on the way from FAR to the truth, here where the discriminator is trained in full at FAR.

    FAR is 2 sds off in the mean and has an sd 2.7 times too large; a hundred paths of six windows show either with
    tens of standard errors, so that no chance is involved.
    """
    judge = seat(name, toy_table(start=FAR), training=ENOUGH[name])
    judge.begin()
    judge.play(0, FAR)
    way = np.array([FAR, (FAR + TOY_TRUTH) / 2, TOY_TRUTH])
    losses = judge.evaluate(0, way, FAR).loss
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("name", discriminators.players("saturating"))
def test_the_objective_is_the_one_that_is_played(name):
    losses = []
    for objective in ("non-saturating", "saturating"):
        judge = seat(name, toy_table(), objective)
        judge.begin()
        losses.append(play(judge, [0])[0][0])
    if discriminators.get(name).local:  # the value of eq. (1), the same for both
        assert np.array_equal(*losses)
    else:
        assert (losses[0] > 0).all()
        assert (losses[1] < 0).all()


@pytest.mark.parametrize("name", ["conditional", "windowed", "path"])
def test_memorising_is_seen(name):
    """Four paths are learned by heart: the logits of the data rise above those of what is held out."""
    table = toy_table()
    few = replace(table, real=table.real[:4], heldout=toy_samples(TOY_TRUTH[None], 400, 1, 99)[0], start=TOY_TRUTH)
    judge = seat(name, few, training={"batch": 256} | ({} if name == "conditional" else {"steps": 200, "penalty": 0.0}))
    if name == "conditional":
        for step in range(200):
            judge._step(step)
    else:
        judge.play(0, TOY_TRUTH)
    report = judge.report()
    assert report["logit_real"] > report["logit_heldout"] + 0.2


def test_an_unknown_discriminator_is_named_with_those_there_are():
    with pytest.raises(ParameterError, match="unknown discriminator 'oracle'; there are: " + ", ".join(NAMES)):
        discriminators.get("oracle")


# ---------------------------------------------------------------------- amortised


@pytest.mark.statistical
def test_the_learned_score_is_that_of_the_toy():
    """Its mean over windows at theta is nearly linear in the true score of theta, at which it must point.

    The score of a window of three normals is (sum e / sd, sum (e^2 - 1)). A learned one that were exact would correlate
    with it perfectly; errors of the network cost efficiency, of which correlations of .8 leave 64%.
    """
    judge, replay = seat("amortised", toy_table(), training={"steps": 200}), Replay(toy_table())
    judge.begin()
    w = toy_samples(TOY_TRUTH[None], 2000, 5, 98)[0].reshape(-1, 3)
    learned = judge.network.slopes(torch.from_numpy(w), replay.to_u(TOY_TRUTH)).detach().numpy()
    e = (w - TOY_TRUTH[0]) / np.exp(TOY_TRUTH[1])
    exact = np.stack([e.sum(axis=1) / np.exp(TOY_TRUTH[1]), (e**2 - 1.0).sum(axis=1)], axis=1)
    for j in range(2):
        assert np.corrcoef(learned[:, j], exact[:, j])[0, 1] > 0.8


def test_the_distance_is_the_one_of_its_formula():
    """The gap of moments and of what was learned, by the covariance of paths at the start, for data and simulation."""
    table = toy_table()
    judge = seat("amortised", table)
    judge.begin()
    z = np.array([[0.4, -0.1]])

    def features(samples, moments):
        return np.hstack([moments, amortised.learned_features(judge.network, samples)])

    samples, moments = small_games.toy_look(z, 100, table.first_run + 2, Purpose.CANDIDATES)
    at_start = [x[0] for x in small_games.toy_look(table.start[None], table.n_weigh, table.first_run, Purpose.WARMUP)]
    gap = features(samples[0], moments[0]).mean(axis=0) - features(table.real, table.moments).mean(axis=0)
    covariance = np.cov(features(*at_start).T) * (1 / 250 + 1 / 100)
    assert judge.evaluate(2, z, centre(0)).loss == pytest.approx([gap @ np.linalg.inv(covariance) @ gap], rel=1e-4)


def test_the_game_sees_what_moments_see():
    """An untrained network is blind, and still the loss rises as it does for the moments alone, and not less."""
    table = toy_table()
    judge = seat("amortised", table, training={"steps": 0})
    judge.begin()
    way = TOY_TRUTH + np.array([[0.0, 0.0], [0.3, 0.0], [0.6, 0.0]])
    loss = judge.evaluate(0, way, TOY_TRUTH).loss
    _, moments = small_games.toy_look(way, 100, table.first_run, Purpose.CANDIDATES)
    _, at_start = small_games.toy_look(table.start[None], table.n_weigh, table.first_run, Purpose.WARMUP)
    variance = at_start[0].var(ddof=1) * (1 / 250 + 1 / 100)
    alone = (moments.mean(axis=1)[:, 0] - table.moments.mean()) ** 2 / variance
    assert loss[0] < loss[1] < loss[2]
    assert (loss > 0.99 * alone).all()


@pytest.mark.parametrize("shape", [(1, 1500), (1, 300), (1, 8), (3, 40), (7, 30)])
def test_few_paths_are_cut_into_blocks_that_have_a_covariance(shape):
    """Few blocks of few windows must still be more than the parameters, or their covariance has no inverse."""
    rng = np.random.default_rng(4)
    real = rng.standard_normal((*shape, 3)).astype(np.float32)
    judge = seat("amortised", toy_table(real=real))
    judge.begin()
    loss = judge.evaluate(0, np.array([[0.4, -0.1], [1.0, 0.5]]), TOY_TRUTH).loss
    assert np.isfinite(loss).all()
    assert (loss > 0).all()


@pytest.mark.parametrize("d", [1, 2, 4])
def test_slopes_are_the_derivative_of_the_logit(d):
    """Against autograd, and against central differences, which are exact for a quadratic."""
    network = initialise(QuadraticInTheta(5, d, 16), 1, d).double()
    w = torch.randn(9, 5, generator=seeded(2), dtype=torch.float64)
    u = torch.randn(d, generator=seeded(3), dtype=torch.float64).requires_grad_()

    def logit(at):
        return (network.trunk(w) * network.monomials(at)).sum(dim=-1)

    jacobian = torch.autograd.functional.jacobian(logit, u).numpy()
    h = 0.25
    differences = np.stack([((logit(u + h * e) - logit(u - h * e)) / (2 * h)).detach().numpy()
                            for e in torch.eye(d, dtype=torch.float64)], axis=-1)
    found = network.float().slopes(w.float(), u.detach().float()).detach().numpy()
    assert found == pytest.approx(jacobian, abs=1e-5)
    assert found == pytest.approx(differences, abs=1e-5)


def test_monomials():
    network = QuadraticInTheta(2, 2, 4)
    assert network.monomials(torch.tensor([2.0, 3.0])).tolist() == [1.0, 2.0, 3.0, 4.0, 6.0, 9.0]
    assert network.monomials(torch.zeros(5, 2)).shape == (5, 6)


# ---------------------------------------------------------------------- replay


@pytest.mark.parametrize("generation", [0, 1, 5, N_SHARES, 2 * N_SHARES + 3])
def test_restore_rebuilds_the_pool(generation):
    played = Replay(toy_table())
    begun = played.samples.clone()
    for past in range(generation):
        played.renew(past)
    again = Replay(toy_table())
    again.restore(generation)
    assert torch.equal(played.samples, again.samples)
    assert torch.equal(played.u, again.u)
    changed = (played.samples != begun).any(dim=2).any(dim=1).float().mean()
    assert changed == min(1.0, generation / N_SHARES)


def test_the_pool_covers_the_region_and_its_paths_are_those_of_its_thetas():
    replay = Replay(toy_table())
    assert replay.samples.shape == (N_THETA, 4 * 6, 3)
    assert replay.u.abs().max() <= 1.0
    counts = np.histogram2d(*replay.u.numpy().T, bins=4, range=[[-1, 1], [-1, 1]])[0]
    assert counts.min() > 0.5 * N_THETA / 16  # scrambled nets of 32 points put two in every sixteenth
    mean = replay.samples.mean(dim=(1, 2)).numpy()
    z = TOY_REGION.middle + replay.u.numpy() * TOY_REGION.width / 2
    # 72 values each: the mean is off by exp(z[1]) / sqrt(72), five sds of it at most
    assert (np.abs(mean - z[:, 0]) < 5.0 * np.exp(z[:, 1]) / np.sqrt(72)).all()
    assert np.unique(replay.samples[:, 0, 0]).size == N_THETA  # no common random numbers


def test_runs_of_the_pool_never_repeat():
    runs = []

    def sample(z, n_paths, run, purpose, *, common=True, n_times=None):
        runs.append((run, purpose))
        return toy_samples(z, n_paths, run, purpose)

    replay = Replay(toy_table(sample=sample))
    for generation in range(40):
        replay.renew(generation)
    assert len(set(runs)) == len(runs) == N_SHARES + 40


# ---------------------------------------------------------------------- training


def batch():
    x = torch.randn(64, 3, generator=seeded(1))
    return x, x.sum(dim=1, keepdim=True) + 0.1 * torch.randn(64, 1, generator=seeded(2))


def network(seed=1):
    return initialise(perceptron([3, 8, 1], torch.nn.SiLU), seed)


def squares(model):
    return lambda x, y: ((model(x) - y) ** 2).mean()


def test_the_gradient_of_the_shards_is_the_gradient_of_the_batch():
    whole, parts_of_it = network(), network()
    squares(whole)(*batch()).backward()
    trainer = Trainer(parts_of_it, 0.0, (0.9, 0.99), map)
    value = trainer.step(squares(parts_of_it), *batch())
    assert value == pytest.approx(squares(whole)(*batch()).item(), rel=1e-6)
    for one, other in zip(whole.parameters(), parts_of_it.parameters(), strict=True):
        assert other.grad.numpy() == pytest.approx(one.grad.numpy(), abs=1e-6)


def test_threads_change_no_bit_of_a_step():
    states = []
    with threads() as pool:
        for apply in (map, pool.map):
            model = network()
            trainer = Trainer(model, 1e-2, (0.9, 0.99), apply)
            for _ in range(5):
                trainer.step(squares(model), *batch())
            states.append(trainer.arrays())
    assert all(np.array_equal(states[0][k], states[1][k]) for k in states[0])


def test_a_restored_trainer_goes_on_bit_for_bit():
    model = network()
    trainer = Trainer(model, 1e-2, (0.9, 0.99), map)
    for _ in range(3):
        trainer.step(squares(model), *batch())
    arrays, _ = unpack_tensors(pack_tensors(trainer.arrays(), {}))
    trainer.rate(5e-3)
    trainer.step(squares(model), *batch())
    fresh = network(seed=9)
    again = Trainer(fresh, 1e-2, (0.9, 0.99), map)
    again.restore(arrays)
    again.rate(5e-3)
    again.step(squares(fresh), *batch())
    assert all(np.array_equal(v, again.arrays()[k]) for k, v in trainer.arrays().items())


def test_adam_is_the_one_of_its_paper():
    """First step of Kingma and Ba (2015): each weight moves by the rate against the sign of its gradient."""
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    Trainer(model, 1e-3, (0.9, 0.99), map).step(squares(model), *batch())
    for old, new in zip(before, model.parameters(), strict=True):
        assert (new - old).detach().numpy() == pytest.approx(-1e-3 * new.grad.sign().numpy(), rel=1e-3)


def test_initial_weights_are_torchs_by_default():
    model = initialise(perceptron([100, 200, 1], torch.nn.SiLU), 4)
    weights = model[0].weight.detach()
    assert weights.abs().max() <= 0.1
    assert weights.std().item() == pytest.approx(0.1 / np.sqrt(3.0), rel=0.03)  # 20,000 values: 0.3% is one sd
    assert torch.equal(weights, initialise(perceptron([100, 200, 1], torch.nn.SiLU), 4)[0].weight)
    assert not torch.equal(weights, initialise(perceptron([100, 200, 1], torch.nn.SiLU), 5)[0].weight)


def test_seeded_depends_on_its_key_alone():
    draws = [torch.rand(3, generator=seeded(*key)).tolist() for key in ((1, 2), (1, 2), (2, 1), (1, 2, 1))]
    assert draws[0] == draws[1]
    assert draws[0] not in draws[2:]


def test_gradient_penalty_of_a_linear_logit_is_half_its_squared_slope():
    samples = torch.randn(11, 2, generator=seeded(1)).requires_grad_()
    logits = samples @ torch.tensor([3.0, -4.0])
    assert gradient_penalty(logits, samples).item() == pytest.approx(12.5)


def test_flat():
    samples = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert flat(samples).shape == (6, 4)
    assert flat(samples)[3].tolist() == [12.0, 13.0, 14.0, 15.0]
