"""Parts are names, objects, or what another package brings: they play, are kept by a run, and run nothing unasked."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import own_parts
import pytest
import small_games
from small_games import market, market_paths

import fastmas as fm
from fastmas import discriminators, objectives, registry, updaters
from fastmas.errors import Interrupted, ParameterError
from fastmas.names import nearest, unknown

HERE = Path(__file__).parent
GAME = {"free": ["kappa", "gamma"], "generations": 3, "interval": False, "draws": 0, "seed": 1}


def play(**given):
    return fm.calibrate(market(), market_paths(), budget=small_games.SMALL, **GAME, **given)


# -- objects -------------------------------------------------------------------------------------------


def test_objects_of_ones_own_play_a_game():
    fit = play(updater=own_parts.RandomSearch(), objective=own_parts.Smoothed(), discriminator=own_parts.Gentle,
               statistic=own_parts.sizes)
    assert fit.result["updater"] == "RandomSearch"
    assert fit.result["objective"] == "Smoothed"
    assert fit.result["discriminator"] == "own_parts:Gentle"
    assert len({row["kappa"] for row in fit.history}) == 3  # it moves


def test_a_name_an_object_of_ours_and_one_with_options_are_the_same_updater():
    by_name = play(updater="cma-es", updater_options={"popsize": 10})
    made = fm.updaters.CmaEs(popsize=10)
    again = play(updater=made)
    assert again.history[-1]["kappa"] == by_name.history[-1]["kappa"]
    assert (again.config["updater"], again.config["updater_options"]) == ("cma-es", {"popsize": 10})
    assert repr(made) == "fastmas.updaters.CmaEs(popsize=10)"
    assert updaters.named(updaters.get("avo")) == ("avo", {})
    assert objectives.named(objectives.get("hinge")) == "hinge"
    assert discriminators.named(discriminators.get("path")) == "path"
    with pytest.raises(ParameterError, match="give them once"):
        updaters.named(made, {"popsize": 12})
    with pytest.raises(ParameterError, match="did you mean popsize"):
        fm.updaters.CmaEs(popsiz=10)
    with pytest.raises(AttributeError):
        fm.updaters.Gradient  # noqa: B018


def test_an_estimator_is_an_updater_too():
    name, _ = updaters.named(own_parts.Sharper(temperature=0.7))
    made = updaters.make(name, {"step": 0.25})
    assert (made.estimator.temperature, made.options.step) == (0.7, 0.25)
    assert updaters.make(name, {"temperature": 0.4}).estimator.temperature == 0.4


@pytest.mark.parametrize(("given", "words"), [
    ({"updater": object()}, "updater object: it has no start, ask, tell, centre"),
    ({"updater": own_parts.Smoothed}, "updater Smoothed: it has no start"),
    ({"objective": own_parts.SEARCH}, "objective RandomSearch: it has no discriminator_loss, generator_loss"),
    ({"discriminator": own_parts.Smoothed}, "discriminator Smoothed: it has no begin"),
    ({"discriminator": 3}, "give a name, or a class"),
    ({"updater": "cma"}, "unknown updater 'cma' (did you mean 'cma-es'?)"),
    ({"objective": "hing"}, "did you mean 'hinge'?"), ({"statistic": "window"}, "did you mean 'windows'?"),
    ({"discriminator": "amortized"}, "did you mean 'amortised'?")])
def test_what_is_no_part_is_said(given, words):
    with pytest.raises(ParameterError) as error:
        play(**given)
    assert words in str(error.value)


# -- kept by a run -------------------------------------------------------------------------------------


def stop(event):
    if event.get("phase") == "game" and event.get("done") == 2:
        raise KeyboardInterrupt


def test_a_run_keeps_what_can_be_found_again_and_is_resumed_with_it(tmp_path, small):
    given = {"updater": own_parts.RandomSearch, "statistic": own_parts.sizes}
    whole = play(**given)
    with pytest.raises(Interrupted):
        play(**given, out=tmp_path / "run", progress=stop)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["updater"], config["statistic"]) == ("own_parts:RandomSearch", "own_parts:sizes")
    registry._given.clear()  # as in another process
    with pytest.raises(ParameterError) as error:
        fm.resume(tmp_path / "run")
    assert "'own_parts:" in str(error.value)
    assert "is of no installed package, and code from elsewhere is not run without being asked for" in str(error.value)
    with pytest.raises(ParameterError, match="this run has no objective that is an object"):
        fm.resume(tmp_path / "run", parts={"objective": own_parts.Smoothed})
    again = fm.resume(tmp_path / "run", parts=given)
    assert again.estimate == whole.estimate
    assert again.history[-1]["kappa"] == whole.history[-1]["kappa"]


@pytest.mark.parametrize("given", [
    {"updater": own_parts.RandomSearch()}, {"statistic": lambda paths: np.asarray(paths)[:, -3:]}])
def test_a_run_cannot_keep_what_cannot_be_found_again(given, tmp_path):
    with pytest.raises(ParameterError, match=r"cannot keep .*: leave `out` away, or define it at the top level"):
        play(**given, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_object_is_found_by_the_name_that_it_is_bound_to():
    assert registry.place_of(own_parts.SEARCH) == "own_parts:SEARCH"
    assert registry.place_of(own_parts.RandomSearch()) is None
    assert registry.known_as("updater", own_parts.SEARCH) == "own_parts:SEARCH"


def test_nothing_of_the_standard_library_or_of_a_folder_is_imported(tmp_path, monkeypatch):
    (tmp_path / "stray_module.py").write_text("raise SystemExit('run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for place in ("os:system", "stray_module:UPDATER", "subprocess:run"):
        with pytest.raises(ParameterError, match="is of no installed package"):
            registry.find("fastmas.updaters", "UPDATER", place, "updater")
    with pytest.raises(ParameterError, match="cannot be imported"):
        registry.find("fastmas.updaters", "UPDATER", "numpy:nothing_there", "updater")


def test_names_are_suggested_by_one_helper():
    assert unknown("updater", "CMA_ES", ["avo", "cma-es"]) == (
        "unknown updater 'CMA_ES' (did you mean 'cma-es'?); there are: avo, cma-es")
    assert unknown("updater", "sgd", ["avo"]) == "unknown updater 'sgd'; there are: avo"
    assert nearest("kapa", ["kappa", "gamma"]) == ["kappa"]
    users = [f.name for f in Path(registry.__file__).parent.rglob("*.py") if "difflib" in f.read_text()]
    assert users == ["names.py"]


# -- another package -----------------------------------------------------------------------------------

PACKAGE = {
    "lab/__init__.py": "print('lab is imported')\n",
    "lab/search.py": "from own_parts import RandomSearch\nUPDATER = RandomSearch()\n",
    "lab/market.py": """
        import numpy as np
        import fastmas as fm
        from . import search  # a file of a package is no file of its own
        class Drift(fm.Model):
            "Prices that drift."
            drift = fm.Parameter(0.01, 0.0, 0.1)
            price = fm.State(100)
            def step(self, t, draw):
                self.price *= 1 + self.drift
        def walk(theta, seed, n_steps):
            return 100 + theta["sd"] * np.random.default_rng(seed).standard_normal(n_steps + 1).cumsum()
        WALK = fm.BlackBox(walk, {"sd": fm.Parameter(1.0, 0.1, 5.0)})
        """,
    "lab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n",
    "lab-1.0.dist-info/top_level.txt": "lab\n",
    "lab-1.0.dist-info/entry_points.txt": """
        [fastmas.updaters]
        my-search = lab.search:UPDATER
        cma-es = lab.search:UPDATER
        broken-search = lab.nowhere:UPDATER
        [fastmas.models]
        drift = lab.market:Drift
        walk = lab.market:WALK
        broken-market = lab.market:Gone
        [fastmas.objectives]
        smoothed = own_parts:Smoothed
        [fastmas.discriminators]
        gentle = own_parts:Gentle
        [fastmas.statistics]
        sizes = lab.statistic:STATISTIC
        [fastmas.estimators]
        sharper = own_parts:SHARPER
        """,
    "lab/statistic.py": "from fastmas.statistics.log_returns import STATISTIC\n",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip())
    return folder


def run(folder, cwd, *words):
    paths = [str(folder), str(HERE), *filter(None, [str(Path(fm.__file__).parents[1])])]
    start = f"import sys; sys.path[:0] = {paths!r}; sys.argv[0] = 'x'; "
    return subprocess.run([sys.executable, "-c", start + words[0], *words[1:]], cwd=cwd, capture_output=True, text=True,
                          check=False, timeout=300)


MAIN = "from fastmas.cli import main; raise SystemExit(main())"


def test_help_imports_no_other_package(lab, tmp_path):
    done = run(lab, tmp_path, MAIN, "--help")
    assert done.returncode == 0
    assert "lab is imported" not in done.stdout
    assert "lab is imported" in run(lab, tmp_path, MAIN, "simulate", "drift", "--paths", "2").stdout


def test_the_parts_of_another_package_are_listed_and_broken_ones_name_it(lab, tmp_path):
    said = run(lab, tmp_path, MAIN, "parts")
    rows = {tuple(line.split()[:3]) for line in said.stdout.splitlines()}
    assert {("updater", "my-search", "lab"), ("model", "drift", "lab"), ("model", "walk", "lab"),
            ("objective", "smoothed", "lab"), ("discriminator", "gentle", "lab"), ("statistic", "sizes", "lab"),
            ("estimator", "sharper", "lab"), ("updater", "cma-es", "fastmas")} <= rows
    assert said.returncode == 0
    assert "updater 'broken-search' of the package lab cannot be loaded (lab.nowhere:UPDATER" in said.stdout
    assert "model 'broken-market' of the package lab cannot be loaded" in said.stdout
    assert ("fastmas: warning: the package lab brings the updater 'cma-es', which fastmas has itself: it is left out"
            in said.stderr.splitlines())
    models = run(lab, tmp_path, MAIN, "models").stdout
    assert "Prices that drift." in models
    broken = run(lab, tmp_path, MAIN, "simulate", "broken-market")
    assert broken.returncode == 2
    assert broken.stderr.startswith("fastmas: error: model 'broken-market' of the package lab cannot be loaded")
    assert len(broken.stderr.splitlines()) == 1


CALIBRATED = """
import small_games; small_games.cut()
import fastmas as fm
from fastmas import models, updaters
assert models.origin(models.get("drift")) == "drift" and models.origin(fm.models.walk()) == "walk"
assert updaters.get("sharper").estimator.temperature == 0.7
def stop(event):
    if event.get("phase") == "game" and event.get("done") == 2: raise KeyboardInterrupt
market = small_games.market()
try:
    fm.calibrate(market, small_games.market_paths(), free=["kappa", "gamma"], updater="my-search", interval=False,
                 statistic="sizes", generations=3, draws=0, out="run", progress=stop)
except fm_error:
    print(sorted(x for x in ("config.json", "checkpoint.safetensors")))
"""


def test_they_play_and_a_run_goes_on_with_them_in_another_process(lab, tmp_path):
    begun = run(lab, tmp_path, "from fastmas.errors import Interrupted as fm_error" + CALIBRATED)
    assert begun.returncode == 0, begun.stderr
    done = run(lab, tmp_path, "import small_games, fastmas as fm\nfit = fm.resume('run')\n"
                              "print(fit.result['updater'], fit.result['statistic'], len(fit.history))")
    assert done.stdout.splitlines()[-1] == "my-search sizes 3", done.stderr
