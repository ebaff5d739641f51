"""Every word: its meaning, its lanes, its slope, its relaxed form."""

from __future__ import annotations

import importlib.util
import math
import sys

import numpy as np
import pytest
from scipy import special

from fastmas.differentiate import differentiate
from fastmas.engine.job import Job
from fastmas.language import mean, past
from fastmas.language.relaxed import relaxed
from fastmas.language.words import WORDS
from fastmas.random.address import address_of
from fastmas.simulate import simulate_job, values_of

# What each word means, from elsewhere, and where its arguments lie.
MEANINGS = {
    "above": lambda x, level: np.where(x >= level, 1.0, 0.0), "Phi": special.ndtr, "sigmoid": special.expit,
    "tanh": np.tanh, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "floor": np.floor, "max": np.maximum,
    "min": np.minimum, "abs": np.abs}
ARGUMENTS = {"log": "abs(x) + 0.5", "sqrt": "abs(x) + 0.5"}
N, SEED, H = 400, 5, 1e-5


def one_line_each():
    """A model with a state for each word, of x = 2 N(0, 1) + a and y = N(0, 1)."""
    lines = [f"        self.of_{name} = {name}({_arguments(word)})" for name, word in WORDS.items()]
    states = [f"    of_{name} = State(0)" for name in WORDS]
    return "\n".join([
        "from fastmas.language import *", "class OneLineEach(Model):", "    a = Parameter(0.3, 0.0, 1.0)",
        "    x = State(0)", "    y = State(0)", *states, "    def step(self, t, draw):",
        "        x = self.x = 2 * draw.normal() + self.a", "        y = self.y = draw.normal()", *lines, ""])


def _arguments(word):
    return ARGUMENTS.get(word.name, ", ".join(("x", "y")[:word.arity]))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "one_line_each.py"
    path.write_text(one_line_each())
    spec = importlib.util.spec_from_file_location("one_line_each", path)
    module = sys.modules["one_line_each"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.OneLineEach()


def states(model, dtype, theta=None):
    """Every state at t = 1, float64."""
    job = Job(model=model, values=values_of(model, theta), n_paths=N, n_steps=1, warmup=1, dtype=dtype,
              address=address_of(SEED, 0, 0), observables=model.observables)
    found = simulate_job(job)[:, 0, :, 0].astype(np.float64)
    return dict(zip([o.name for o in model.observables], found, strict=True))


@pytest.fixture(scope="module", params=["float64", "float32"])
def found(request, model):
    return request.param, states(model, request.param)


@pytest.mark.parametrize("name", WORDS)
def test_meaning_and_lanes(found, name):
    """float32 to 2e-6 of the value, or of 1: the functions' own bounds are below 2e-7, the rest is the argument's."""
    dtype, values = found
    x, y = values["x"], values["y"]
    inside = {"log": np.abs(x) + 0.5, "sqrt": np.abs(x) + 0.5}.get(name, x)
    given = (inside, y)[:WORDS[name].arity]
    wanted = MEANINGS[name](*given)
    close = 1e-12 if dtype == "float64" else 2e-6
    assert np.max(np.abs(values[f"of_{name}"] - wanted) / np.maximum(1, np.abs(wanted))) < close
    python = [WORDS[name].meaning(*map(float, one)) for one in zip(*given, strict=True)]
    assert np.max(np.abs(python - wanted) / np.maximum(1, np.abs(wanted))) < 1e-14


@pytest.fixture(scope="module")
def tangents(model):
    """Tangent and central difference of each word's state along a."""
    def run(name, a=0.3):
        return differentiate(model, {"a": a}, wrt=["a"], n_paths=N, n_steps=1, warmup=1, seed=SEED, observable=name,
                             score=False, dtype="float64")

    def both(name):
        rise = run(name, 0.3 + H).paths - run(name, 0.3 - H).paths
        return run(name).tangents[0, :, 0], rise[:, 0] / (2 * H)

    return {name: both(f"of_{name}") for name in WORDS}


@pytest.mark.parametrize("name", WORDS)
def test_slope(tangents, name):
    """Central differences, off by h^2 and 1e-16 / h; none where a path crosses a jump or a kink."""
    slope, difference = tangents[name]
    jumps = np.abs(difference) > 100 if WORDS[name].slopes is None else np.abs(slope - difference) > 0.2
    assert jumps.mean() < 0.02
    assert np.abs(slope[~jumps] - difference[~jumps]).max() < 1e-5
    assert np.abs(slope).max() > 0 or WORDS[name].slopes is None


def test_outside_their_domain():
    log, sqrt, exp = (WORDS[name].meaning for name in ("log", "sqrt", "exp"))
    assert math.isnan(log(0.0))
    assert math.isnan(log(-1.0))
    assert math.isnan(sqrt(-1.0))
    assert exp(1e4) == math.exp(709)
    assert WORDS["sigmoid"].meaning(-800.0) == 0.0
    for word in (mean, past):
        with pytest.raises(RuntimeError, match="is a word of a model's step"):
            word(1.0, 2)


def test_relaxed_words_tend_to_the_exact_ones(model):
    """The distance to the exact model falls with the temperature; nothing but decisions changes."""
    exact, decisions = states(model, "float64"), [name for name, word in WORDS.items() if word.relaxed is not None]
    assert decisions == ["above"]
    twin, distances = relaxed(model), []
    for temperature in (1.0, 0.1, 0.01, 0.001):
        soft = states(twin, "float64", {"temperature": temperature})
        distances.append(np.abs(soft["of_above"] - exact["of_above"]).mean())
        expected = special.expit((exact["x"] - exact["y"]) / temperature)
        assert np.allclose(soft["of_above"], expected, atol=1e-14)
        assert all(np.array_equal(soft[f"of_{n}"], exact[f"of_{n}"]) for n in WORDS if n not in decisions)
    assert distances[0] > 10 * distances[2] > 50 * distances[3]
