"""What the check says of a text: how it runs, and whether its float64 paths are those of the text run by Python."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models.jumps import Jumps

from fastmas import models
from fastmas.conformance import text
from fastmas.conformance.subject import Subject
from fastmas.language import Model, State, exp, mean
from fastmas.language.words import WORDS


class Cooling(Model):
    """A temperature that falls."""

    name = "cooling"
    heat = State(1.0)
    shock = State(0.0)

    def step(self, t, draw):
        self.shock = draw.normal()
        self.heat = self.heat * exp(-0.1) + 0.01 * exp(self.shock)


class Impatient(Model):
    """Looks back before there is anything to see."""

    name = "impatient"
    x = State(1.0)

    def step(self, t, draw):
        self.x = mean(self.x, 3) + draw.normal()


@pytest.fixture
def subject(tmp_path):
    return lambda model: Subject(model, model.space().base, tmp_path)


@pytest.mark.parametrize(("model", "how"), [
    (Cooling(), "lanes"), (Jumps(), r"path by path, because of `while` in line \d+")])
def test_the_lowering_is_said(model, how):
    (finding,) = text.lowering(model, None)
    assert finding[:2] == ("ok", "lowering")
    assert re.fullmatch(how, finding.text)


def test_of_kernels_nothing_is_said(subject):
    model = models.get(str(Path(__file__).parent / "models" / "sir.py"))
    assert [*text.lowering(model, None), *text.examine(subject(model))] == []


@pytest.mark.parametrize(("model", "checks"), [(Cooling(), ["oracle", "path by path"]), (Jumps(), ["oracle"])])
def test_paths_are_those_of_the_text(model, checks, subject):
    findings = list(text.examine(subject(model)))
    assert [finding[:2] for finding in findings] == [("ok", check) for check in checks], findings
    said = re.fullmatch(r"12 paths of (\d+) steps, 2 states in float64: the largest relative difference from the text "
                        r"run by Python is (\S+)", findings[0].text)
    assert int(said[1]) > 1
    assert float(said[2]) < 1e-13


def test_a_word_that_kernels_compute_otherwise_is_found(subject, monkeypatch):
    """exp is off by 1e-8 in the kernels; its value of -0.1 is the first to show."""
    word = WORDS["exp"]
    monkeypatch.setitem(WORDS, "exp", replace(word, lanes="(exp({0}) * theta.dtype.type(1.00000001))"))
    (finding,) = text.examine(subject(Cooling()))
    assert finding[:2] == ("failed", "oracle"), finding
    assert re.match(r"heat of path \d+ is \S+ at t=[1-9]\d? in float64, and \S+ where Python runs the text: \de-0",
                    finding.text)


@pytest.mark.parametrize("value", [lambda x: x * (1 + 3e-9), lambda x: np.nan, lambda x: np.inf])
def test_a_difference_names_state_path_and_t(value, subject, monkeypatch):
    simulate_job, where = text.simulate_job, []

    def flawed(job, **options):
        paths = simulate_job(job, **options)
        where.extend(np.unravel_index(np.abs(paths[1, 0]).argmax(), paths[1, 0].shape))
        paths[1, 0][tuple(where)] = value(paths[1, 0][tuple(where)])
        return paths

    monkeypatch.setattr(text, "simulate_job", flawed)
    (finding,) = text.examine(subject(Cooling()))
    assert finding.status == "failed"
    assert re.match(rf"shock of path {where[0]} is \S+ at t={where[1]} in float64, and", finding.text)


def test_what_python_refuses_is_said_with_its_line(subject):
    (finding,) = text.examine(subject(Impatient()))
    assert finding[:2] == ("failed", "oracle")
    assert "3 past values of x at t=1, where 1 exist: let the rule wait until t >= 3" in finding.text
