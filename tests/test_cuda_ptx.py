"""The CUDA kernels compiled to PTX, where numba-cuda and its compiler are installed; no GPU is needed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ptx
HERE = Path(__file__).parent
WORDS = str(HERE / "models" / "words.py")
MANY = {"n_noise": 100_000, "n_fundamental": 50_000}
# Name and configuration of the model, dtype, threads a path.
CASES = {
    "market": ("stock-market", {}, "float32", 1),
    "smoothed": ("stock-market", {"rule": "smoothed"}, "float32", 1),
    "owners": ("stock-market", {"per_agent": ["kappa", "gamma"], "n_noise": 2, "n_technical": 2}, "float32", 1),
    "warp": ("stock-market", {**MANY, "mode": "agents"}, "float32", 32),
    "aggregate": ("stock-market", {**MANY, "mode": "aggregate"}, "float32", 1),
    "market in float64": ("stock-market", {}, "float64", 1),
    "sir": (str(HERE / "models" / "sir.py"), {}, "float32", 1),
    "rfq": (str(HERE / "models" / "rfq.py"), {}, "float32", 1),
    "words": (WORDS, {}, "float32", 1),
    "careless": (str(HERE / "models" / "careless.py"), {}, "float32", 1),
}
SINGLE = [case for case in CASES if case not in ("aggregate", "market in float64", "careless")]


def has_compiler() -> bool:
    """Whether numba-cuda finds NVVM; asked in another process, which may load what it likes."""
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    ask = "from numba.cuda.cudadrv import nvvm; raise SystemExit(not nvvm.is_available())"
    return subprocess.run([sys.executable, "-c", ask], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the compiled kernels and their sources are."""
    return tmp_path_factory.mktemp("ptx")


@pytest.fixture(scope="module")
def facts(folder):
    """What is in the PTX of every case."""
    if not has_compiler():
        pytest.skip('no compiler for CUDA: pip install "fastmas[cuda]"')
    (folder / "cases.json").write_text(json.dumps(CASES))
    done = subprocess.run(
        [sys.executable, HERE / "oracles" / "cuda_ptx.py", folder / "cases.json", folder / "facts.json"],
        check=False, capture_output=True, text=True, env=os.environ | {"FASTMAS_CACHE_DIR": str(folder)})
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "facts.json").read_text())


@pytest.mark.parametrize("case", SINGLE)
def test_float32_kernels_have_no_float64(case, facts):
    assert facts[case]["float64"] == []


def test_a_stray_float64_is_found(facts):
    """`careless.py` divides by a Python float in one line, which its comment marks."""
    source = (HERE / "models" / "careless.py").read_text().splitlines()
    line = next(i for i, text in enumerate(source, 1) if "float64" in text)
    assert f"careless.py:{line}" in facts["careless"]["float64"]


def test_the_aggregate_mode_has_float64_in_its_binomial_alone(facts, folder):
    """An instruction without a line of its own counts as the one before it: a word, which is whole, or the call."""
    places = [place.split(":") for place in facts["aggregate"]["float64"]]
    calls = [(folder / file).read_text().splitlines()[int(line) - 1].strip()
             for file, line in places if file.startswith("fastmas_text_")]
    assert [call for call in calls if not call.startswith("binomial_below(")] == []
    files = {file for file, _ in places if not file.startswith("fastmas_text_")}
    assert "binomial.py" in files
    assert files <= {"binomial.py", "binomial_lanes.py", "philox.py"}


@pytest.mark.parametrize("case", list(CASES))
def test_a_kernel_is_one_function(case, facts):
    """A call inside the step would spill the lane arrays to memory."""
    assert facts[case]["calls"] == []
    assert (facts[case]["entries"], facts[case]["functions"]) == (1, 0)


@pytest.mark.parametrize("case", SINGLE)
def test_arithmetic_is_rounded_as_on_the_cpu(case, facts):
    """No quotient or root of a few correct digits less, no flushing of subnormal numbers."""
    assert facts[case]["approximate"] == []
    assert facts[case]["flushed"] == 0


def test_threads_of_a_warp_add_up_their_counts(facts):
    assert facts["warp"]["shuffles"] > 0
    assert all(facts[case]["shuffles"] == 0 for case in CASES if case != "warp")
