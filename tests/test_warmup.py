"""`fastmas warmup`: what is compiled once is there in every later process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastmas import models
from fastmas.cli import warmup
from fastmas.lowering.program import program_of

SLOW = str(Path(__file__).parent / "models" / "slow.py")


def run(cache, *words):
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    done = subprocess.run([sys.executable, "-m", "fastmas", *words], capture_output=True, text=True, check=True,
                          env={**environment, "FASTMAS_CACHE_DIR": str(cache)})
    return done.stdout.splitlines()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_second_time_all_were_there(tmp_path, dtype):
    words = ["warmup", f"{SLOW}:Slow", "--dtype", dtype]
    first, last = run(tmp_path, *words)
    assert re.fullmatch(rf"{re.escape(SLOW)}:Slow: compiled in \d+\.\d s", first)
    assert last == f"1 of 1 compiled; kept in {tmp_path}"
    assert run(tmp_path, *words) == [f"{SLOW}:Slow: was there", f"all 1 were there; kept in {tmp_path}"]


def test_another_dtype_has_kernels_of_its_own(tmp_path):
    run(tmp_path, "warmup", f"{SLOW}:Slow")
    assert "compiled in" in run(tmp_path, "warmup", f"{SLOW}:Slow", "--dtype", "float64")[0]
    assert "was there" in run(tmp_path, "warmup", f"{SLOW}:Slow")[0]


def test_what_was_warmed_up_is_what_simulations_load(tmp_path):
    run(tmp_path, "warmup", f"{SLOW}:Slow")
    kept = sorted(path.name for path in tmp_path.rglob("*.nb?"))
    run(tmp_path, "simulate", f"{SLOW}:Slow", "--set", "turns=1", "--paths", "5")
    assert sorted(path.name for path in tmp_path.rglob("*.nb?")) == kept


def test_every_rule_and_mode_is_among_the_variants():
    built = [model for name in models.names() for _, model in warmup._variants(name, [])]
    markets = {(m.rule, m.mode) for m in built if m.name == "stock-market"}
    assert markets == {("exact", "agents"), ("exact", "aggregate"), ("smoothed", "agents"), ("relaxed", "agents")}
    assert len({program_of(m).code for m in built}) == len(built)
    label, one = warmup._variants("stock-market", ["n_noise=3", "rule=relaxed"])[0]
    assert (label, one.n_noise, one.rule) == ("stock-market n_noise=3 rule=relaxed", 3, "relaxed")
