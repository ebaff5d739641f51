"""What a user of the library sees: names, types, a fit that is saved, loaded, shown and compared."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from small_games import SMALL, market, market_paths

import fastmas as fm
from fastmas import calibrate


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    fit = calibrate(market(), market_paths(), free=["kappa", "gamma"], updater="moments", n_threads=1, budget=SMALL)
    folder = tmp_path_factory.mktemp("fits") / "run"
    fit.save(folder)
    return fit, folder


def test_what_is_saved_is_loaded(saved):
    fit, folder = saved
    again = fm.load(folder)
    for name in ("estimate", "interval", "p_value", "verdict", "told_apart", "warnings", "start", "paths_simulated"):
        assert getattr(again, name) == getattr(fit, name)
    for name in fit.draws:
        assert np.array_equal(again.draws[name], fit.draws[name])
    assert {name: array.tobytes() for name, array in again.sample.items()} == {
        name: array.tobytes() for name, array in fit.sample.items()}
    assert again.save(folder.parent / "copy").read_text() == (folder / "report.html").read_text()


def test_what_is_no_finished_calibration_is_not_loaded(saved, tmp_path):
    _, folder = saved
    (tmp_path / "other").mkdir()
    for path, part in ((tmp_path / "nowhere", "is no folder"), (tmp_path / "other", "not a run directory")):
        with pytest.raises(fm.errors.RunDirectoryError, match=part):
            fm.load(path)
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(fm.errors.RunDirectoryError, match="is not finished"):
        fm.load(copied)


def test_a_fit_is_short_to_read_and_equal_to_itself_alone(saved):
    fit, folder = saved
    lines = repr(fit).splitlines()
    assert lines[0] == f"Fit of stock-market: {fit.verdict}"
    low, high = fit.interval["kappa"]
    assert lines[1] == f"  kappa = {fit.estimate['kappa']:.6g} ({low:.6g} to {high:.6g})"
    assert len(lines) == 3
    assert fit == fit  # noqa: PLR0124  -- it raised once
    assert fit != fm.load(folder)
    page = fit._repr_html_()
    assert f"{fit.estimate['gamma']:.6g}" in page
    assert "<script" not in page


def test_covariance_and_correlation(saved):
    """Standard errors in natural units are those of the search coordinates times the slopes."""
    fit, _ = saved
    covariance, correlation = (np.array(fit.result[name]) for name in ("covariance", "correlation"))
    assert covariance.shape == correlation.shape == (2, 2)
    assert np.allclose(np.diag(correlation), 1.0)
    sds = np.sqrt(np.diag(covariance))
    assert np.allclose(covariance / np.outer(sds, sds), correlation)
    for name, sd in zip(fit.estimate, sds, strict=True):
        low, high = fit.interval[name]
        assert (high - low) / sd == pytest.approx(2 * 1.645, rel=0.25)  # a log scale bends it


def test_names_are_there_to_see_and_nothing_else():
    assert {"calibrate", "simulate", "Model", "Fit", "errors", "models", "load"} <= set(dir(fm))
    assert not {"Any", "ModuleType", "importlib", "annotations"} & set(dir(fm))
    for name in dir(fm):
        assert getattr(fm, name) is not None
    assert set(fm.__all__) <= set(dir(fm))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        fm.nonsense  # noqa: B018


def test_types_are_told_of_every_public_name():
    told = re.findall(r"^    from [\w.]+ import (\w+) as \1$", Path(fm.__file__).read_text(), flags=re.M)
    assert sorted(told) == sorted(fm.__all__)


USER = """
    import fastmas as fm

    market = fm.models.stock_market()
    fit = fm.calibrate(market, "sp500", free=["kappa"])
    reveal_type(fit)
    estimate: dict[str, float] = fit.estimate
"""
WRONG = {"fm.nonsense": "nonsense", "fm.calibrate(market, 'sp500', fre=['kappa'])": "fre",
         "fm.simulate(market, n_paths=3)": "n_steps", "number: int = fit.verdict": "verdict"}


def test_types_are_seen_from_outside(tmp_path):
    """Under mypy --strict: a name that is not there, a wrong keyword, a missing one, a wrong type."""
    pytest.importorskip("mypy")
    file = tmp_path / "user.py"
    good = textwrap.dedent(USER)
    file.write_text(good + "\n".join(WRONG) + "\n")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir",
                           str(tmp_path / "cache"), str(file)], capture_output=True, text=True, check=False)
    said = done.stdout.splitlines()
    assert any('Revealed type is "fastmas.calibration.fit.Fit"' in line for line in said), done.stdout + done.stderr
    first = len(good.splitlines()) + 1
    for i in range(len(WRONG)):
        assert any(line.startswith(f"{file}:{first + i}: error") for line in said), (list(WRONG)[i], done.stdout)
    assert not [line for line in said if "error" in line and int(line.split(":")[1]) < first]
