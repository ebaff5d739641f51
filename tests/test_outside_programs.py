"""Programs in any language, and objects with a `step()`, as models."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastmas as fm
from fastmas.errors import ModelError
from fastmas.random.address import Address

SD = {"sd": fm.Parameter(1.0, 0.1, 5.0), "jumps": fm.Parameter(3, 1, 9, integer=True)}
PROGRAM = """
import random, sys
sd, jumps, seed, n_steps = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
draw = random.Random(seed)
price = 100.0
print("t,price, volume")
for t in range(n_steps + 1):
    print(f"{{t}},{{price!r}},{{jumps}}")
    price += draw.gauss(0, sd)
"""
COMMAND = [sys.executable, "-S", "-c", PROGRAM, "{sd}", "{jumps}", "{seed}", "{n_steps}"]
SIZES = {"n_paths": 4, "n_steps": 10}


def executable(words=tuple(COMMAND), columns=("price", "volume"), **options):
    return fm.Executable(words, SD, observables=columns, name="walk", **options)


def shell(script: str, **options):
    return fm.Executable(["sh", "-c", script, "{sd}{jumps}{seed}"], SD, name="script", **options)


def test_a_program_gives_the_path_of_its_arguments():
    paths = fm.simulate(executable(), {"sd": 2.5}, dtype="float64", **SIZES)
    seed = executable().seed_of(Address(0), 3)
    assert seed < 2**31
    draw = random.Random(seed)
    shocks = [draw.gauss(0, 2.5) for _ in range(10)]
    assert np.allclose(paths[3], 100 + np.cumsum([0.0, *shocks]), rtol=1e-14)
    assert (fm.simulate(executable(), observable="volume", **SIZES) == 3).all()
    assert (fm.simulate(executable(), dtype="float64", n_threads=1, **SIZES)
            == fm.simulate(executable(), dtype="float64", n_threads=3, **SIZES)).all()


@pytest.mark.parametrize(("script", "words"), [
    ("echo one >&2; echo 'no agents' >&2; exit 7", "ended with exit status 7: no agents"),
    ("kill -11 $$", "ended with signal 11: it said nothing on standard error"),
    ("echo price; echo 1", "wrote no column 'value': its first line is 'price'"),
    ("echo value; echo 1; echo x", "wrote 'x', which has no number"),
    ("echo value; echo 1", "returned 1 times and 11 are needed"), ("true", "wrote no column 'value'")])
def test_a_program_that_fails_says_so_in_one_line(script, words):
    with pytest.raises(ModelError) as error:
        fm.simulate(shell(script), **SIZES)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_program_that_hangs_ends_with_all_that_it_has_started(tmp_path):
    mark = tmp_path / "alive"
    with pytest.raises(ModelError, match=r"took longer than timeout=0.5 s.*give it more with timeout"):
        fm.simulate(shell(f"(while true; do touch {mark}; sleep 0.05; done) & sleep 1000", timeout=0.5), **SIZES)
    assert mark.exists()
    time.sleep(0.2)
    mark.unlink()
    time.sleep(0.3)
    assert not mark.exists()


@pytest.mark.parametrize(("words", "said"), [
    (["./no-such-program", "{sd}", "{jumps}", "{seed}"], "'./no-such-program': there is no such program"),
    ("./sim {sd}", "give the program and its arguments one by one"), ([], "give the program and its arguments"),
    (["echo", "{sd}", "{jump}", "{seed}"], "has a place {jump}, which is no parameter; there are: sd, jumps"),
    (["echo", "{sd}", "{seed}"], "has no place for jumps: write {jumps}"),
    (["echo", "{sd}", "{jumps}"], "has no place for seed")])
def test_a_command_that_cannot_be_is_said(words, said):
    with pytest.raises(ModelError) as error:
        executable(words)
    assert said in str(error.value)


# -- objects with a step -------------------------------------------------------------------------------


class Collector:
    """As Mesa's: reporters, and a list of values for each."""

    def __init__(self, reporters):
        self.model_reporters, self.model_vars = reporters, {name: [] for name in reporters}

    def collect(self, model):
        for name, report in self.model_reporters.items():
            self.model_vars[name].append(report(model))


class Givers:
    """Agents who give a coin to another (the Boltzmann wealth model of Mesa's tutorial, with a chance to give)."""

    def __init__(self, give, n_agents=10, early=False, seed=None):
        self.random = random.Random(seed)
        self.coins, self.give = [1] * n_agents, give
        self.datacollector = Collector({"richest": lambda model: max(model.coins)})
        if early:
            self.datacollector.collect(self)

    @property
    def poor(self):
        return self.coins.count(0)

    def step(self):
        for i in range(len(self.coins)):
            if self.coins[i] and self.random.random() < self.give:
                self.coins[i] -= 1
                self.coins[self.random.randrange(len(self.coins))] += 1
        self.datacollector.collect(self)


class Seedless(Givers):
    def __init__(self, give):
        super().__init__(give)


class Still:
    def __init__(self, give, seed=None):
        pass


GIVE = {"give": fm.Parameter(0.5, 0.05, 0.95)}


def test_reporters_attributes_and_functions_see_the_same():
    given = {"n_paths": 5, "n_steps": 12, "warmup": 1}
    by_name = fm.adapters.mesa(Givers, ["richest", "poor"], GIVE, options={"n_agents": 20})
    early = fm.adapters.mesa(Givers, "richest", GIVE, options={"n_agents": 20, "early": True})
    looked = fm.adapters.stepper(Givers, look, GIVE, options={"n_agents": 20}, observables=("richest", "poor"))
    for name in ("richest", "poor"):
        assert (fm.simulate(by_name, observable=name, **given) == fm.simulate(looked, observable=name, **given)).all()
    assert (fm.simulate(early, **given) == fm.simulate(looked, **given)).all()
    model = Givers(0.5, 20, seed=looked.seed_of(Address(0), 4))
    wanted = []
    for _ in range(12):
        model.step()
        wanted.append(max(model.coins))
    assert fm.simulate(looked, **given)[4].tolist() == wanted
    assert fm.simulate(early, n_paths=1, n_steps=3)[0, 0] == 1  # collected before the first step


def look(model):
    return max(model.coins), model.poor


def test_a_model_of_mesa_itself():
    mesa = pytest.importorskip("mesa")

    class Walk(mesa.Model):
        def __init__(self, sd, seed=None):
            super().__init__(seed=seed)
            self.price, self.sd = 100.0, sd
            self.datacollector = mesa.DataCollector({"level": "price"})

        def step(self):
            self.price += self.random.gauss(0, self.sd)
            self.datacollector.collect(self)

    box = fm.adapters.mesa(Walk, ["level", "price"], {"sd": fm.Parameter(1.0, 0.1, 5.0)})
    level, price = (fm.simulate(box, n_paths=30, n_steps=40, warmup=1, observable=name) for name in ("level", "price"))
    assert (level == price).all()
    assert len(np.unique(level[:, -1])) == 30
    assert (fm.simulate(box, n_paths=30, n_steps=40, warmup=1, n_threads=1) == level).all()


@pytest.mark.parametrize(("make", "words"), [
    (lambda: fm.adapters.mesa(Seedless, "poor", GIVE), "takes no 'seed': add seed=None to its __init__"),
    (lambda: fm.adapters.mesa(Givers, "poor", {"gift": fm.Parameter(0.5, 0, 1)}), "givers takes no 'gift'"),
    (lambda: fm.adapters.mesa(Givers, "poor", GIVE, options={"n": 3}), "givers takes no 'n'"),
    (lambda: fm.adapters.stepper(Still, "poor", GIVE), "it has no step()"),
    (lambda: fm.adapters.stepper(Givers(0.5), "poor", GIVE), "builds nothing"),
    (lambda: fm.adapters.mesa(Givers, [], GIVE), "give the name of what is looked at"),
    (lambda: fm.adapters.mesa(Givers, ["poor", "richest"], GIVE, observables="poor"), "2 names to observe and 1"),
    (lambda: fm.simulate(fm.adapters.mesa(Givers, "wealth", GIVE), **SIZES),
     "has no 'wealth' to observe: no attribute of this name, and no model reporter")])
def test_what_cannot_be_adapted_is_said(make, words):
    with pytest.raises(ModelError) as error:
        make()
    assert words in str(error.value)


def test_the_place_of_a_class_is_named():
    with pytest.raises(ModelError) as error:
        fm.adapters.mesa(Seedless, "poor", GIVE)
    lines = Path(__file__).read_text().splitlines()
    line = next(i for i, text in enumerate(lines, start=1) if "class Seedless" in text)
    assert f"test_outside_programs.py:{line + 1}" in str(error.value)
