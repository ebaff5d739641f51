"""What every model and the engine around it must do: the built-in models, and two that are no market."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles.plain_python import paths as state_paths
from oracles.plain_python import stray_writes

from fastmas import models
from fastmas.engine import threads
from fastmas.engine.job import Job
from fastmas.errors import ModelError, ParameterError
from fastmas.model import Kernels, Model
from fastmas.random.address import Address
from fastmas.simulate import simulate, simulate_job

simulate_module = sys.modules["fastmas.simulate"]  # `fastmas.simulate` is the function
HERE = Path(__file__).parent
SMALL = {  # crowds that plain Python can wait for
    "alfi": {"n": 20, "memory": 10}, "cont": {"n": 12}, "kirman": {"n_ants": 12, "meetings": 5},
    "lux-marchesi": {"n": 20, "micro_steps": 2}, "sir": {"n_people": 30},
    "sir-groups": {"n_children": 6, "n_adults": 9}}
CASES = {name: (name, SMALL.get(name, {})) for name in models.names()} | {
    "stock-market, smoothed": ("stock-market", {"rule": "smoothed"}),
    "stock-market, relaxed": ("stock-market", {"rule": "relaxed"}),
    "stock-market, aggregate": ("stock-market", {"mode": "aggregate", "n_noise": 101}),
    "stock-market, owners": (
        "stock-market", {"per_agent": ["kappa", "gamma"], "n_noise": 2, "n_technical": 2}),
    "sir by hand": (str(HERE / "models" / "sir.py"), {"n_people": 23}),
    "rfq": (str(HERE / "models" / "rfq.py"), {}),
    "rfq, normal": (str(HERE / "models" / "rfq.py"), {"law": "normal"}),
}
SIZES = {"n_paths": 40, "n_steps": 30}


@pytest.fixture(params=list(CASES))
def case(request) -> str:
    return request.param


@pytest.fixture
def model(case) -> Model:
    return build(case)


def build(case: str) -> Model:
    name, config = CASES[case]
    return models.get(name, **config)


def two_thetas(model: Model) -> list[dict[str, float]]:
    """The defaults, and every real value a tenth of the way to its upper bound in its own coordinate."""
    space = model.space(free=[p.name for p in model.parameters if not p.integer])
    z = space.to_z(space.start)
    moved = space.to_theta(z + 0.1 * (space.z_bounds[:, 1] - z))
    return [{}, dict(zip(space.free, (float(x) for x in moved), strict=True))]


def bits(paths: np.ndarray) -> bytes:
    return np.ascontiguousarray(paths).tobytes()


# -- what comes back ----------------------------------------------------------------------------------


def test_every_observable_is_finite_float32_of_the_promised_shape(model):
    names = [observable.name for observable in model.observables]
    seen = simulate(model, two_thetas(model), n_paths=17, n_steps=30, warmup=7, observable=names)
    assert seen.dtype == np.float32
    assert seen.shape == (2, 17, 24, *([len(names)] if len(names) > 1 else []))
    for observable, paths in zip(model.observables, np.moveaxis(seen.reshape(2, 17, 24, -1), 3, 0), strict=True):
        assert np.isfinite(paths[..., 1:]).all()
        assert observable.transform is not None or np.isfinite(paths[..., 0]).all()
    last = simulate(model, two_thetas(model), n_paths=17, n_steps=30, warmup=7, observable=names[-1])
    assert np.array_equal(last, seen.reshape(2, 17, 24, -1)[..., -1], equal_nan=True)


def test_one_theta_loses_its_axis_and_the_first_observable_is_the_default(model):
    one = simulate(model, {}, **SIZES)
    assert one.shape == (40, 31)
    assert bits(one) == bits(simulate(model, **SIZES))
    assert bits(one) == bits(simulate(model, [{}], **SIZES)[0])
    assert bits(one) == bits(simulate(model, observable=model.observables[0].name, **SIZES))


@pytest.mark.parametrize("lanes", [50, 1000])
def test_observables_together_are_what_each_is_alone(model, monkeypatch, lanes):
    """In any order and twice: some share a state row, of which others are computed."""
    monkeypatch.setattr(simulate_module, "CHUNK_LANES", lanes)
    chosen = [model.observables[0], *reversed(model.observables)]
    values = np.stack([model.space(fixed=theta).base for theta in two_thetas(model)])
    together = simulate_job(Job(model=model, values=values, n_paths=70, n_steps=20, warmup=3, address=Address(4),
                                observables=tuple(chosen), common=False))
    for one, paths in zip(chosen, together, strict=True):
        alone = simulate(model, two_thetas(model), n_paths=70, n_steps=20, warmup=3, seed=4,
                         observable=one.name)
        assert bits(paths) == bits(alone)


def test_paths_move_and_differ(model):
    paths = simulate(model, **SIZES)
    assert (np.ptp(paths, axis=1) > 0).all()
    assert len({bits(p) for p in paths}) == len(paths)


def test_an_unknown_observable_is_refused_with_the_known_ones(model):
    with pytest.raises(ModelError, match=model.observables[0].name):
        simulate(model, observable="weather", **SIZES)


# -- the same bits ------------------------------------------------------------------------------------


def test_threads_do_not_change_a_bit(model, monkeypatch):
    monkeypatch.setattr(threads, "QUICK", 0.0)
    monkeypatch.setattr(threads, "SPAN", 1e-5)
    used, submit = [], threads._pool.submit
    monkeypatch.setattr(threads._pool, "submit", lambda f: used.append(n) or submit(f))
    runs = []
    for n in (1, 2, 3):
        runs.append(simulate(model, two_thetas(model), n_paths=333, n_steps=30, n_threads=n))
    assert used == [1, 2, 2, 3, 3, 3]
    assert bits(runs[0]) == bits(runs[1]) == bits(runs[2])


@pytest.mark.parametrize("lanes", [1, 50, 64, 100])
def test_chunks_do_not_change_a_bit(model, monkeypatch, lanes):
    """Chunks of several thetas, of one, and of a part of one theta's paths."""
    whole = simulate(model, two_thetas(model), n_paths=30, n_steps=20)
    shared = simulate(model, two_thetas(model), n_paths=30, n_steps=20, common_random_numbers=True)
    monkeypatch.setattr(simulate_module, "CHUNK_LANES", lanes)
    assert bits(whole) == bits(simulate(model, two_thetas(model), n_paths=30, n_steps=20))
    assert bits(shared) == bits(
        simulate(model, two_thetas(model), n_paths=30, n_steps=20, common_random_numbers=True))


@pytest.mark.parametrize("n_paths", [1, 17, 64, 65])
def test_the_first_paths_are_the_same_however_many_there_are(model, n_paths):
    many = simulate(model, n_paths=1000, n_steps=20)
    assert bits(many[:n_paths]) == bits(simulate(model, n_paths=n_paths, n_steps=20))


@pytest.mark.parametrize("n_steps", [1, 15, 16, 30])
def test_a_shorter_run_is_the_beginning_of_a_longer_one(model, n_steps):
    longer = simulate(model, n_paths=40, n_steps=60)
    assert bits(longer[:, :n_steps + 1]) == bits(simulate(model, n_paths=40, n_steps=n_steps))


@pytest.mark.parametrize("warmup", [1, 15, 16, 30])
def test_warmup_only_cuts(model, warmup):
    assert bits(simulate(model, **SIZES)[:, warmup:]) == bits(simulate(model, warmup=warmup, **SIZES))


# -- random numbers -----------------------------------------------------------------------------------


def test_common_random_numbers_are_common(model):
    twice = simulate(model, [{}, {}], common_random_numbers=True, **SIZES)
    assert bits(twice[0]) == bits(twice[1]) == bits(simulate(model, **SIZES))


def test_without_common_random_numbers_every_theta_has_its_own(model):
    twice = simulate(model, [{}, {}], **SIZES)
    together = simulate(model, n_paths=80, n_steps=30)
    assert bits(twice) == bits(together)
    assert not set(map(bits, twice[0])) & set(map(bits, twice[1]))


def test_theta_belongs_to_its_own_paths(model):
    """Two thetas in one block of lanes give what each gives alone."""
    thetas = two_thetas(model)
    both = simulate(model, thetas, common_random_numbers=True, **SIZES)
    assert bits(both[0]) == bits(simulate(model, thetas[0], **SIZES))
    assert bits(both[1]) == bits(simulate(model, thetas[1], **SIZES))
    assert bits(both[0]) != bits(both[1])


@pytest.mark.parametrize("part", ["seed", "run", "purpose"])
def test_every_part_of_the_address_changes_every_path(model, part):
    runs = [simulate(model, **{part: value}, **SIZES) for value in (0, 1, 2**32 - 1)]
    paths = [bits(p) for run in runs for p in run]
    assert len(set(paths)) == len(paths)


# -- what a model says of itself ----------------------------------------------------------------------


def test_configuration_round_trips_through_json(case, model):
    assert type(model)(**model.config) == model
    again = models.get(CASES[case][0], **json.loads(json.dumps(model.config)))
    assert again == model
    assert hash(again) == hash(model)


def test_parameters_are_documented_and_observables_named_once(model):
    for parameter in model.parameters:
        assert parameter.doc, parameter.name
        assert all(parameter.low <= v <= parameter.high for v in parameter.defaults), parameter.name
    for names in ([o.name for o in model.observables], [p.name for p in model.parameters]):
        assert len(set(names)) == len(names)
        assert all(name.isidentifier() for name in names)
    assert model.name
    assert model.source


def allowed(model, parameter, entry, default, value):
    """A value, or half and half as far from the default if the model itself refuses it."""
    while value != default:
        try:
            model.space(fixed={entry: value})
        except ParameterError:
            value = (value + default) // 2 if parameter.integer else (value + default) / 2
        else:
            break
    return value


def test_every_parameter_changes_some_observable(model):
    """A value that no kernel reads, or reads from the wrong row, leaves all paths as they were."""
    base = state_paths(model, SIZES)
    for parameter in model.parameters:
        for j, entry in enumerate(parameter.entries):
            others = [allowed(model, parameter, entry, parameter.defaults[j], bound)
                      for bound in (parameter.low, parameter.high)]
            runs = [state_paths(model, SIZES | {"theta": {entry: v}, "n_paths": 10}) for v in others
                    if v != parameter.defaults[j]]
            assert any(bits(run) != bits(base[:, :10]) for run in runs), entry


# -- plain Python -------------------------------------------------------------------------------------

TINY = {"n_paths": 3, "n_steps": 12, "seed": 11}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Paths and stray writes of every case from one process without compilation."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "sizes.json").write_text(json.dumps(TINY))
    (folder / "models.json").write_text(json.dumps(CASES))
    subprocess.run(
        [sys.executable, HERE / "oracles" / "plain_python.py", folder / "out.npz", folder / "sizes.json",
         folder / "models.json"],
        check=True, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True)
    return np.load(folder / "out.npz"), json.loads((folder / "out.npz.json").read_text())


def test_plain_python_gives_the_same_numbers(case, model, plain):
    """Compiled code may fuse a multiplication and an addition: a few roundings of 6e-8 in 12 steps."""
    np.testing.assert_allclose(state_paths(model, TINY), plain[0][case], rtol=1e-5, atol=1e-5)


def test_kernels_write_nothing_but_their_own_lanes(case, plain):
    assert plain[1][case] == []


def spills_over(lanes, state, history, theta, integers):
    state[0][lanes] = 1.0


def rewrites_theta(t, lanes, state, words, history, address, theta, integers):
    theta[0, 0] += 1


class Careless(Model):
    kernels = Kernels(spills_over, rewrites_theta)
    parameters = models.get(CASES["sir by hand"][0]).parameters


def test_stray_writes_are_noticed():
    assert stray_writes(Careless()) == ["theta", "state"]


# -- the two that are no stock market -----------------------------------------------------------------


def test_an_epidemic_keeps_its_people():
    model = build("sir by hand")
    susceptible, infected = (simulate(model, observable=o, **SIZES) for o in ("susceptible", "infected"))
    new = simulate(model, observable="new_cases", **SIZES)
    assert (susceptible[:, 0] == 18).all()
    assert (infected[:, 0] == 5).all()
    assert (np.diff(susceptible) <= 0).all()
    assert (susceptible + infected <= 23).all()
    assert (susceptible[:, -1] + new.sum(axis=1) == 18).all()


@pytest.mark.statistical
@pytest.mark.parametrize("law", ["rfq", "rfq, normal"])
def test_a_client_like_its_dealers_accepts_n_times_in_n_plus_one(law):
    """n + 1 exchangeable values: the client's is the lowest once in n + 1. 80,000 auctions, five sds."""
    model = build(law)
    for n in (2, 7):
        theta = {"mu_0": 0, "mu_1": 0, "sigma_0": 1, "sigma_1": 1, "n_dealers": n}
        accepted = simulate(model, theta, n_paths=2000, n_steps=40, observable="accepted", seed=n)[:, 1:]
        share = n / (n + 1)
        assert abs(accepted.mean(dtype=np.float64) - share) < 5 * np.sqrt(share * (1 - share) / accepted.size)


def test_the_second_best_offer_is_not_below_the_best():
    model = build("rfq")
    best, cover = (simulate(model, observable=o, **SIZES) for o in ("best_offer", "second_best_offer"))
    assert (cover[:, 1:] > best[:, 1:]).all()
