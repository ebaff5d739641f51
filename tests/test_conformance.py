"""The conformance check: every fault that it promises to find is planted in a model of `models/broken.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastmas
from fastmas import models
from fastmas.cli import main
from fastmas.conformance import compiled, declared
from fastmas.conformance.plain import PLAIN_PATHS
from fastmas.conformance.report import Finding, Report
from fastmas.conformance.subject import Subject, corners
from fastmas.engine import source
from fastmas.engine.faults import explain, short
from fastmas.engine.job import Rows
from fastmas.errors import ModelError, ParameterError
from fastmas.lowering.program import program_of
from fastmas.model import Model
from fastmas.random.address import Address
from fastmas.simulate import simulate

HERE = Path(__file__).parent
BROKEN = HERE / "models" / "broken.py"
broken = sys.modules[type(models.get(f"{BROKEN}:Walk")).__module__]
MARKETS = {
    "stock-market": {},
    "smoothed": {"rule": "smoothed", "n_noise": 3, "n_technical": 2},
    "relaxed": {"rule": "relaxed", "n_noise": 3, "n_technical": 2},
    "owners": {"per_agent": ["kappa", "gamma"], "n_noise": 3, "n_technical": 2},
    "aggregate": {"mode": "aggregate", "n_noise": 10**6, "n_fundamental": 10**6, "windows": [(2, 5)]},
    "agents": {"mode": "agents", "n_noise": 40, "windows": [(2, 5)]},
}
OF_A_TEXT = [
    "configuration", "sizes", "parameters", "observables", "lowering", "kernels", "block", "draws", "lanes", "lanes",
    "CUDA", "compiled", "plain Python", "oracle", "path by path", "finite", *["same bits"] * 5, "randomness", "corners",
    "lanes"]
WHOLE = [check for check in OF_A_TEXT if check not in ("lowering", "oracle", "path by path")]


def broken_model(name: str) -> Model:
    return getattr(broken, name)()


def has(findings, expected) -> bool:
    status, check, text = expected
    return any(f[0] == status and f[1] == check and text in f[2] for f in findings)


# -- what a model says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize("name", list(broken.DECLARED))
def test_what_a_model_says_wrongly_of_itself_is_found(name):
    findings = list(declared.examine(broken_model(name), None))
    assert has(findings, broken.DECLARED[name]), findings
    assert all("\n" not in f.text for f in findings)


@pytest.mark.parametrize("name", ["Walk", "NeverWritten", *MARKETS])
def test_nothing_is_found_where_nothing_is_wrong(name):
    model = models.get("stock-market", **MARKETS[name]) if name in MARKETS else broken_model(name)
    findings = list(declared.examine(model, None))
    assert [f.check for f in findings] == [c for c in OF_A_TEXT[:6] if name in MARKETS or c != "lowering"]
    assert {f.status for f in findings} == {"ok"}, findings


# -- plain Python -------------------------------------------------------------------------------------

EXAMINE = """
import json, sys
from pathlib import Path
from fastmas import models
from fastmas.conformance import plain
from fastmas.conformance.subject import Subject
found = {}
for name, (origin, config) in json.load(sys.stdin).items():
    model = models.get(origin, **config)
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    found[name] = list(plain.examine(Subject(model, model.space().base, folder)))
print(json.dumps(found))
"""


def examine_in_plain_python(cases, folder):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", EXAMINE, folder], input=json.dumps(cases), text=True,
                          check=True, stdout=subprocess.PIPE, env=os.environ | {"NUMBA_DISABLE_JIT": "1"})
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def plain_paths(tmp_path_factory):
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def plain(plain_paths):
    """What one process without compilation finds about every model here."""
    own = {name: (f"{BROKEN}:{name}", {}) for name in [*broken.PLAIN, "WrapsInPythonAlone"]}
    markets = {name: ("stock-market", config) for name, config in MARKETS.items()}
    return examine_in_plain_python(own | markets, plain_paths)


@pytest.mark.parametrize("name", list(broken.PLAIN))
def test_what_a_kernel_does_wrong_is_found_in_plain_python(name, plain):
    assert has(plain[name], broken.PLAIN[name]), plain[name]
    if broken.PLAIN[name][0] != "failed":
        assert not [f for f in plain[name] if f[0] == "failed"]


def test_a_fault_names_the_file_and_the_line(plain):
    (text,) = (f[2] for f in plain["BeyondHistory"] if f[0] == "failed")
    line = 1 + BROKEN.read_text().splitlines().index("        history[t, w] = state[0][w]")
    assert f"broken.py:{line}, `history[t, w] = state[0][w]`: step writes history[4, 0]" in text


def test_a_fault_at_a_corner_names_the_corner(plain):
    (text,) = (f[2] for f in plain["OutsideAtCorner"] if f[0] == "failed")
    assert text.endswith("at all at their upper bounds")


@pytest.mark.parametrize("name", list(MARKETS))
def test_every_market_stays_in_its_block(name, plain):
    assert [f[1] for f in plain[name]] == ["block", "draws", "lanes", "lanes"]
    assert [f[0] for f in plain[name]] == ["ok"] * 4, plain[name]


def test_what_takes_too_long_is_said(monkeypatch, tmp_path):
    impatient = EXAMINE.replace("found = {}", "plain.PATIENCE = 0.0\nfound = {}")
    monkeypatch.setattr(sys.modules[__name__], "EXAMINE", impatient)
    found = examine_in_plain_python({"slow": (f"{BROKEN}:Walk", {})}, tmp_path)["slow"]
    assert has(found, ("failed", "block", "too long in plain Python"))
    assert len(found) == 1


# -- compiled -----------------------------------------------------------------------------------------


@pytest.fixture
def examine_compiled(tmp_path, monkeypatch, request):
    """Findings of the compiled model alone, against paths of its own in place of plain Python's.

    It is compiled once, for both widths, unless the test asks for another.
    """
    monkeypatch.setattr(compiled, "OTHER_WIDTH", getattr(request, "param", compiled.LANES))

    def examine(name: str, plain: np.ndarray | None = None):
        model = broken_model(name)
        subject = Subject(model, model.space().base, tmp_path)

        def ready():
            mine = compiled.paths(model, subject.base, n_paths=64, n_steps=12) if plain is None else plain
            np.save(tmp_path / PLAIN_PATHS, mine)

        return list(compiled.examine(subject, ready))

    return examine


def test_a_kernel_that_numba_cannot_type_is_one_line(examine_compiled):
    (finding,) = examine_compiled("Mistyped")
    assert has([finding], ("failed", "compiled", '`return x + "one"`: there is no add(float32, Literal[str](one))'))
    with pytest.raises(ModelError, match=r"model 'walk' cannot be compiled: .*broken.py:\d+, `return x") as caught:
        simulate(broken_model("Mistyped"), n_paths=2, n_steps=2)
    assert "\n" not in str(caught.value)
    assert "During: typing of" in str(caught.value.__cause__)


@pytest.mark.parametrize(("page", "words"), [
    ("Failed in nopython mode pipeline (step: nopython frontend)\nNameError: name 'foo' is not defined\n"
     "During: resolving callee type: type(CPUDispatcher(<function step at 0x7ff1e9ef00e0>))\n"
     "During: typing of call at /c/fastmas_generated_6b.py (107)", "kernel step: NameError: name 'foo' is not"),
    ("Exception object cannot be stored into variable (e).. Raised from /tmp/none.py (36)",
     "/tmp/none.py:36: Exception object cannot be stored into variable (e)"),
    ("Cannot bind 'args=(int64,)' to signature '(t, lanes)' due to \"TypeError\".\n"
     "During: resolving callee type: type(CPUDispatcher(<function go at 0x7f>))",
     "kernel go: the engine gives other arguments than its (t, lanes)"),
    (f"tuple index out of range\nDuring: typing of static-get-item at {source.__file__} (95)\n"
     "During: typing of call at /tmp/none.py (30)", f"/tmp/none.py:30: in {short(source.__file__)}:95: tuple index"),
    ("", "Numba gives no reason"),
])
def test_pages_of_numba_are_put_in_a_line(page, words):
    assert words in explain(page)
    assert "\n" not in explain(page)


@pytest.mark.parametrize(("name", "expected"), [
    ("DrawsFromAStream", ("failed", "same bits", "running it again with the same seed changes x of path 0 from t=1")),
    ("OwnSeed", ("failed", "randomness", "another seed changes nothing")),
    ("NeighboursTheta", ("failed", "lanes", "two thetas in one compiled block change x of theta 0, path 0")),
    ("RunsAway", ("failed", "finite", "x of theta 0, path 0 is inf at t=23")),
    ("RunsAway", ("warning", "corners", "x of path 0 is inf at t=")),
    ("RunsAway", ("warning", "parameters", "idle: no path changes at either bound")),
    ("CountsLanes", ("ok", "randomness", "none: every seed gives the same paths")),
])
def test_what_is_wrong_with_the_compiled_model_is_found(name, expected, examine_compiled):
    findings = examine_compiled(name)
    assert has(findings, expected), findings


@pytest.mark.parametrize("examine_compiled", [16], indirect=True)
def test_a_path_that_depends_on_the_width_of_its_block_is_found(examine_compiled):
    findings = examine_compiled("CountsLanes")
    words = "a block of 16 lanes instead of 64 changes x of path 0 from t=1 on"
    assert has(findings, ("failed", "same bits", words)), findings


@pytest.mark.parametrize(("cut", "words"), [
    ({"n_threads": 2}, "2 threads change x of path 0 from t=0 on"),
    ({"n_threads": 3}, "3 threads change x of path 0 from t=0 on"),
    ({"address": Address(compiled.SEED, first_path=44)}, "cutting it after path 44 changes x of path 44 from t=0 on"),
    ({"n_steps": 25}, "ending it earlier changes x of path 0 from t=0 on"),
])
def test_a_bit_that_depends_on_how_work_is_cut_is_found(cut, words, examine_compiled, monkeypatch):
    """One bit of one path flips in runs of that kind."""
    paths = compiled.paths

    def flipped(*args, **kwargs):
        out = paths(*args, **kwargs)
        if out.size and cut.items() <= kwargs.items():
            out[0, 0, 0, 0] = np.nextafter(out[0, 0, 0, 0], np.float32(9))
        return out

    monkeypatch.setattr(compiled, "paths", flipped)
    findings = examine_compiled("Walk")
    assert has(findings, ("failed", "same bits", words)), findings
    assert [f.status for f in findings].count("failed") == 1


@pytest.mark.parametrize(("share", "status"), [(0.0, "ok"), (0.25, "ok"), (0.3, "failed"), (1.0, "failed")])
def test_paths_that_are_not_plain_pythons_are_counted(share, status, examine_compiled):
    """A tenth of a percent of the largest value is no rounding."""
    model = broken_model("Walk")
    plain = compiled.paths(model, model.space().base, n_paths=64, n_steps=12)
    n = int(share * 64)
    plain[:, :, :n, 7] *= 1.001
    findings = examine_compiled("Walk", plain)
    assert has(findings, (status, "plain Python", f"{64 - n} of 64 paths agree with plain Python over 12 steps"))
    assert has(findings, (status, "plain Python", "from t=7 on")) == (status == "failed")


def test_what_wraps_in_plain_python_alone_is_found(plain, plain_paths, examine_compiled):
    assert {f[0] for f in plain["WrapsInPythonAlone"]} == {"ok"}
    findings = examine_compiled("WrapsInPythonAlone", np.load(plain_paths / "WrapsInPythonAlone" / PLAIN_PATHS))
    assert [f.check for f in findings if f.status == "failed"] == ["plain Python"], findings
    assert has(findings, ("failed", "plain Python", "only 0 of 64 paths agree with plain Python over 12 steps"))


def test_corners_are_those_of_the_box_that_the_model_allows():
    model = models.get("stock-market", n_noise=2, n_technical=1, windows=[(2, 10)])
    base = model.space(fixed={"rho": 0.5}).base
    found = corners(model, base)
    labels = [c.label for c in found]
    assert "rho=0.001" in labels
    assert "rho=0.5" not in labels  # is there already
    assert "window_short=10" not in labels  # not below window_long
    assert "all at their lower bounds" in labels
    for corner in found:
        model.space(fixed=dict(zip(model.space().entries, corner.values, strict=True)))


# -- all of it ----------------------------------------------------------------------------------------



def test_the_whole_check_of_a_sound_model():
    heard = []
    report = fastmas.check(broken_model("Walk"), {"rate": 0.7}, tell=heard.append)
    assert report.ok
    assert list(report.findings) == heard
    assert [f.check for f in report.findings] == WHOLE
    assert report.lines == str(report).splitlines()
    assert all(line.startswith("ok       ") for line in report.lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MARKETS))
def test_the_whole_check_of_every_market(name):
    report = fastmas.check(models.get("stock-market", **MARKETS[name]))
    assert report.ok, str(report)
    assert [f.check for f in report.findings if f.status == "warning"] == [], str(report)
    assert [f.check for f in report.findings] == OF_A_TEXT


def test_a_model_that_writes_out_of_its_block_is_never_run_compiled():
    report = fastmas.check(broken_model("BeyondLanes"))
    assert not report.ok
    assert has(report.findings, broken.PLAIN["BeyondLanes"])
    assert report.findings[-1] == ("skipped", "compiled", "not run: its kernels must be sound in plain Python first")
    assert "same bits" not in [f.check for f in report.findings]


CRASHES = """
import os
import fastmas as fm
{walk}
class Crashes(Walk):
    @property
    def n_words(self):
        if os.environ.get("NUMBA_DISABLE_JIT") == "{jit}":
            os.kill(os.getpid(), {signal})
        return 4
"""


@pytest.mark.parametrize(("disabled", "stage"), [(1, "plain"), (0, "compiled")])
def test_a_process_that_dies_is_a_failure(tmp_path, monkeypatch, disabled, stage):
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    walk = BROKEN.read_text().partition("# -- out of the block")[0].replace("from __future__ import annotations", "")
    (tmp_path / "crashes.py").write_text(CRASHES.format(walk=walk, jit=disabled, signal=11))
    report = fastmas.check(models.get(f"{tmp_path}/crashes.py:Crashes"))
    assert has(report.findings, ("failed", stage, "the process died of SIGSEGV"))
    assert not report.ok


def test_a_theta_that_cannot_be_is_refused_at_once():
    with pytest.raises(ParameterError, match="'rate': 7 is outside"):
        fastmas.check(broken_model("Walk"), {"rate": 7})


def test_a_script_that_checks_its_own_model_is_told_how(tmp_path):
    walk = BROKEN.read_text().partition("# -- out of the block")[0]
    script = tmp_path / "mine.py"
    script.write_text(walk + "\nimport fastmas\nprint(fastmas.check(Walk()))\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert "put the call of check under `if __name__ == \"__main__\":`" in done.stdout
    wrong = walk.replace("theta[0, w] *", "theta[1, w] *")
    script.write_text(wrong + "\nif __name__ == '__main__':\n    import fastmas\n    print(fastmas.check(Walk()))\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 5 + ["failed", "skipped"], done.stdout
    assert "step reads theta[1, 0]: there is row 0 alone, at t=1" in done.stdout


# -- the command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "status", "out", "err"), [
    ([f"{BROKEN}:Walk", "--set", "rate=0.7"], 0, "ok       block: ", ""),
    ([f"{BROKEN}:BeyondLanes"], 1, "failed   block: ", ""),
    ([f"{BROKEN}:Nobody"], 2, "", "defines no 'Nobody'"),
    (["weather"], 2, "", "unknown model 'weather'"),
    ([f"{BROKEN}:Walk", "--set", "rate=7"], 2, "", "'rate': 7 is outside [0, 1]"),
    ([f"{BROKEN}:Walk", "--set", "colour=1"], 2, "", "unknown name 'colour'"),
    ([], 2, "", "Missing argument"),
])
def test_the_command_and_its_exit_status(words, status, out, err, capsys):
    assert main(["check", *words]) == status
    said = capsys.readouterr()
    assert out in said.out
    assert err in said.err
    assert len(said.err.splitlines()) == (status == 2)


# -- a user's own model and the cache -----------------------------------------------------------------

FAMILY = """
from fastmas.kernel import kernel

def make_step(rule):
    @kernel
    def step(t, lanes, state, words, history, address, theta, integers):
        for w in range(lanes):
            state[0][w] = rule(state[0][w], theta[0, w])
    return step
"""
MINE = """
from numpy import float32
from family import make_step
from fastmas import Kernels, Model, Observable, Parameter, kernel

@kernel
def init(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = float32(1.0)

@kernel
def my_rule(x, rate):
    return x * rate

step = make_step(my_rule)

class Mine(Model):
    name = "mine"
    kernels = Kernels(init, step)
    observables = (Observable("x", 0),)
    parameters = (Parameter(name="rate", default=2.0, low=0.0, high=10.0, doc="growth in a step"),)

MODEL = Mine
"""
SIMULATE = """
import json, sys
from fastmas import models, simulate
from fastmas.engine.job import Rows
from fastmas.engine.source import load_runner
from fastmas.lowering.program import program_of
from fastmas.random.address import Address
model = models.get(sys.argv[1])
paths = simulate(model, n_paths=1, n_steps=3)
run = load_runner(program_of(model), 1, Rows((0,), 0))
print(json.dumps([paths.tolist(), sum(run.stats.cache_misses.values()), sum(run.stats.cache_hits.values())]))
"""


def test_a_kernel_from_another_files_factory_is_found_and_kept(tmp_path):
    """A kernel that the user's file makes with a function of another one needs no wrapper."""
    (tmp_path / "family.py").write_text(FAMILY)
    (tmp_path / "mine.py").write_text(MINE)
    env = os.environ | {"FASTMAS_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    counts = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", SIMULATE, "mine.py"], env=env, cwd=tmp_path, check=True,
                              stdout=subprocess.PIPE, text=True)
        paths, *count = json.loads(done.stdout)
        assert paths == [[1, 2, 4, 8]]
        counts.append(count)
    assert counts == [[1, 0], [0, 1]]


def runner(name):
    return source.load_runner(program_of(models.get(name)), 1, Rows((0,), 0))


def test_another_rule_in_the_factory_is_another_compiled_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "family.py").write_text(FAMILY)
    names = []
    for k, rule in enumerate(("x * rate", "x + rate")):
        (tmp_path / f"mine_{k}.py").write_text(MINE.replace("x * rate", rule))
        names.append(runner(f"{tmp_path}/mine_{k}.py").__module__)
    assert len(set(names)) == 2


def test_a_kernel_is_found_in_the_file_of_the_class_that_the_users_is_built_on(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "family.py").write_text(FAMILY)
    (tmp_path / "parent.py").write_text(MINE)
    (tmp_path / "heir.py").write_text("from parent import Mine\n\nclass Heir(Mine):\n    pass\n\nMODEL = Heir\n")
    assert runner(f"{tmp_path}/heir.py").__module__.startswith("fastmas_generated_")


def test_what_would_take_too_long_is_no_failure():
    findings = [Finding("ok", "block", ""), Finding("warning", "corners", ""), Finding("skipped", "CUDA", "")]
    assert Report("slow", tuple(findings)).ok
    assert not Report("slow", (*findings, Finding("failed", "lanes", ""))).ok
