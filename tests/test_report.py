"""The report, on synthetic run directories of both regimes, whole, unfinished and damaged."""

import ast
import html.parser
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from fastmas.discriminators import curves_of
from fastmas.errors import OutputError, RunDirectoryError
from fastmas.report import build, figures
from fastmas.report.page import at_bound, number, page
from fastmas.report.pictures import pictures
from fastmas.report.reading import read
from fastmas.statistics.stylised_facts import compare, compare_paths, log_returns

RANGES = {
    "kappa": {"low": 0.05, "high": 20.0, "unit": "", "scale": "log", "doc": "weight of the public signal"},
    "gamma": {"low": 0.5, "high": 5.0, "unit": "price", "scale": "linear", "doc": "threshold of a trade"},
}
FREE = list(RANGES)
SIZE = {"paths": (300, 51), "series": (400, 12)}
LENGTH = 2000  # of the one series


def lattice_paths(rng, n_paths, p_buy):
    """Prices P(t) = P(t-1) (1 + .1 D / 15), D the demand of 15 traders who lean against the last move."""
    prices = np.full((n_paths, SIZE["paths"][1]), 100.0)
    demand = np.zeros(n_paths)
    for t in range(1, prices.shape[1]):
        demand = 2 * rng.binomial(15, np.clip(p_buy - demand / 60, 0, 1)) - 15
        prices[:, t] = prices[:, t - 1] * (1 + 0.1 * demand / 15)
    return prices


def garch_series(rng, n_series, alpha=0.1, beta=0.85, sd=0.01):
    z = rng.standard_normal((n_series, LENGTH))
    returns, variance = np.empty_like(z), np.ones(n_series)
    for t in range(LENGTH):
        returns[:, t] = np.sqrt(variance) * z[:, t]
        variance = 1 - alpha - beta + alpha * returns[:, t] ** 2 + beta * variance
    return 100 * np.exp(sd * np.cumsum(returns, axis=1))


def sample_of(regime, rng):
    if regime == "paths":
        return {"x_obs": lattice_paths(rng, 300, 0.5), "x_sim": lattice_paths(rng, 400, 0.51)}
    observed, simulated = garch_series(rng, 1)[0], garch_series(rng, 40, alpha=0.05)
    windows = np.lib.stride_tricks.sliding_window_view(observed, 12)[::4][:400]
    made = np.lib.stride_tricks.sliding_window_view(simulated[0], 12)[::4][:400]
    return {"x_obs": windows, "x_sim": made, "series_obs": observed, "series_sim": simulated}


def history_of(rng, n=120):
    time = np.arange(n)
    decay = np.exp(-time / 20)
    columns = {
        "generation": time,
        "loss": 0.69 + 0.3 * decay + rng.normal(0, 0.01, n),
        "discriminator_loss": 1.386 - 0.5 * decay + rng.normal(0, 0.01, n),
        "logit_real": 0.1 + 0.8 * decay + rng.normal(0, 0.03, n),
        "logit_heldout": 0.02 + 0.8 * decay + rng.normal(0, 0.05, n),
        "logit_fake": -0.1 - 0.8 * decay + rng.normal(0, 0.03, n),
        "kappa": np.exp(0.02 + 1.1 * decay + rng.normal(0, 0.02, n)),
        "gamma": 2.0 + 1.5 * decay + rng.normal(0, 0.02, n),
        "seconds": 0.05 * time}
    rows = [",".join(f"{value:.8g}" for value in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join([",".join(columns), *rows, ""])


def config_of(regime):
    return {
        "version": "0.1.0", "model": "stock-market", "rule": "exact", "free": FREE, "fixed": {"rho": 0.1},
        "model_config": {"n_noise": 7, "n_technical": 5, "n_fundamental": 3, "windows": [3, 8]},
        "data": {"source": "prices.csv", "column": "close", "regime": regime,
                 "n_paths": SIZE[regime][0], "n_times": SIZE[regime][1], "n_heldout": 60},
        "updater": "cma-es", "discriminator": "mlp-windows", "objective": "non-saturating", "seed": 1,
        "generations": 120, "paths": 512, "horizon": 50, "warmup": 50, "parameters": RANGES,
        "curves": curves_of("windowed", "non-saturating")}


def result_of(regime, sample):
    rule, side = (compare_paths, "x") if regime == "paths" else (compare, "series")
    facts = rule(log_returns(sample[f"{side}_obs"]), log_returns(sample[f"{side}_sim"]))
    return {
        "model": "stock-market", "rule": "exact", "updater": "cma-es", "objective": "non-saturating",
        "discriminator": "mlp-windows", "seed": 1, "estimate": {"kappa": 1.0213, "gamma": 1.9874},
        "interval": {"kappa": [0.98, 1.06], "gamma": [1.95, 2.03]}, "interval_level": 0.9,
        "interval_method": "bootstrap of the moment fit", "auc_heldout": 0.523, "auc_interval": [0.48, 0.566],
        "value": -1.379, "start": {"kappa": 1.3, "gamma": 2.2}, "paths_simulated": 1_250_000, "seconds": 8.61,
        "seconds_by_phase": {"simulate": 2.1, "train": 5.9, "moment fit": 0.61}, "version": "0.1.0",
        "warnings": ["only kappa = |b|/|c| is identified, not b and c"], "regime": regime,
        "verdict": "A fresh discriminator cannot tell the model from the data.", "stylised_facts": facts}


def write_run(directory: Path, regime: str, *, finished: bool = True) -> Path:
    """Write a run directory such as a calibration leaves."""
    rng = np.random.default_rng(7)
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config_of(regime)))
    (directory / "history.csv").write_text(history_of(rng))
    if finished:
        sample = sample_of(regime, rng)
        np.savez(directory / "sample.npz", **sample)
        (directory / "result.json").write_text(json.dumps(result_of(regime, sample)))
    return directory


def edit(path: Path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | changes))


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """One finished and reported run of each regime; tests copy it before they change it."""
    root = tmp_path_factory.mktemp("runs")
    runs = {regime: write_run(root / regime, regime) for regime in SIZE}
    for run in runs.values():
        build(run)
    return runs


@pytest.fixture
def run(built, tmp_path):
    return Path(shutil.copytree(built["paths"], tmp_path / "run"))


class Page(html.parser.HTMLParser):
    """Collects links, text and open tags, and fails on a tag that is closed out of turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words = [], [], []
        self.feed(text)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in {"src", "href"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def page_of(directory):
    """The page without its figures, which take most of the time."""
    return Page(page(read(directory), []))


def names_of(directory):
    return [picture.name for picture in pictures(read(directory))]


@pytest.mark.parametrize("regime", SIZE)
def test_report_is_one_whole_file(built, regime):
    report = Page((built[regime] / "report.html").read_text(encoding="utf-8"))
    assert report.open == []
    assert len(report.links) == 6
    assert all(link.startswith("data:image/png;base64,") for link in report.links)
    for word in ("1.021", "0.98 to 1.06", "0.05 to 20", "price", "cannot tell the model", "is identified",
                 "kurtosis", "cma-es", "seed", "0.1.0", "n_noise"):
        assert word in report.text, word


@pytest.mark.parametrize("regime", SIZE)
def test_figures_are_written_and_nothing_else(built, regime):
    names = {"learning", "training", "paths", "returns", "autocorrelations", "facts"}
    files = {path.name for path in (built[regime] / "figures").iterdir()}
    assert files == {f"{name}.png" for name in names}
    for name in files:
        assert (built[regime] / "figures" / name).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in built[regime].iterdir()} == {
        "config.json", "result.json", "history.csv", "sample.npz", "figures", "report.html"}


@pytest.mark.parametrize("regime", SIZE)
def test_no_panel_is_empty_or_without_labels(built, regime):
    for picture in pictures(read(built[regime])):
        assert isinstance(picture.figure, Figure)
        for ax in picture.figure.axes:
            assert ax.has_data(), picture.name
            assert ax.get_ylabel(), picture.name
        assert picture.figure.axes[-1].get_xlabel() or picture.figure.get_supxlabel(), picture.name


def test_figures_leave_no_global_state():
    imported = set()
    for path in Path(figures.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported |= {alias.name for alias in node.names} | {getattr(node, "module", None)}
    assert not imported & {"pyplot", "matplotlib.pyplot", "pickle"}


def test_building_again_gives_the_same_page(run):
    before = (run / "report.html").read_text()
    assert build(str(run)) == run / "report.html"
    assert (run / "report.html").read_text() == before


def test_unfinished_run_says_so(tmp_path):
    directory = write_run(tmp_path / "half", "paths", finished=False)
    report = Page(build(directory).read_text(encoding="utf-8"))
    assert "not finished" in report.text
    assert "120 of 120 generations" in report.text
    assert "fastmas resume half" in report.text
    assert "Value so far" in report.text
    assert len(report.links) == 2  # learning and training


def test_run_that_has_only_begun(tmp_path):
    directory = write_run(tmp_path / "new", "series", finished=False)
    (directory / "history.csv").unlink()
    report = Page(build(directory).read_text(encoding="utf-8"))
    assert "0 of 120 generations" in report.text
    assert report.links == []


@pytest.mark.parametrize("killed", ["", "7,0.69,1.3"], ids=["whole", "killed in its last line"])
@pytest.mark.parametrize("n_rows", [0, 1, 2])
def test_short_history(tmp_path, n_rows, killed):
    directory = write_run(tmp_path / "short", "paths", finished=False)
    lines = (directory / "history.csv").read_text().splitlines()[: n_rows + 1]
    (directory / "history.csv").write_text("\n".join([*lines, killed]))
    assert f"{n_rows} of 120" in page_of(directory).text
    assert names_of(directory) == (["learning", "training"] if n_rows else [])


def test_html_in_a_file_name_is_text(run):
    config = config_of("paths")
    edit(run / "config.json", data=config["data"] | {"source": "<script>alert(1)</script>&.csv"})
    edit(run / "result.json", verdict="<b>bold</b>", warnings=["a < b"])
    text = page(read(run), [])
    assert "<script" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "a &lt; b" in text


def test_optional_entries_may_be_missing(run):
    edit(run / "result.json", interval=None, auc_interval=None, auc_heldout=None, warnings=[], verdict="",
         stylised_facts=[], start=None, seconds=None, paths_simulated=None, interval_method=None)
    text = page_of(run).text
    assert "No intervals were computed" in text
    assert "nan" not in text.lower()
    assert "None" not in text
    assert names_of(run) == ["paths", "returns", "autocorrelations", "learning", "training"]


def test_a_model_of_one_kind_of_rules_is_said_to_have_none_other(run):
    edit(run / "config.json", model="herd", rule=None)
    assert "of the herd model. Data:" in Page(build(run).read_text()).text


def test_columns_without_values_are_not_drawn(run):
    text = (run / "history.csv").read_text()
    (run / "history.csv").write_text(re.sub(r"^(\d+)(,[^,]*){5}", r"\1,,,,,", text, flags=re.MULTILINE))
    assert names_of(run) == ["paths", "returns", "autocorrelations", "facts", "learning"]


@pytest.mark.parametrize("fault", ["negative", "constant", "short"])
def test_prices_without_returns_are_drawn_as_paths_only(run, fault):
    x = lattice_paths(np.random.default_rng(1), 30, 0.5)
    damaged = {"negative": x - 200, "constant": np.ones_like(x), "short": x[:, :5]}[fault]
    np.savez(run / "sample.npz", x_obs=damaged, x_sim=x if fault == "constant" else damaged)
    assert names_of(run) == ["paths", *(["returns"] if fault == "short" else []), "facts", "learning", "training"]


def test_estimate_at_a_bound_is_a_warning(run):
    edit(run / "result.json", estimate={"kappa": 19.5, "gamma": 2.0})
    assert "kappa = 19.5 is at its high bound, 20" in page_of(run).text


def test_parameters_of_single_agents_share_a_range(run):
    edit(run / "config.json", free=["kappa[0]", "gamma"])
    edit(run / "result.json", estimate={"kappa[0]": 1.0, "gamma": 2.0}, interval=None)
    history = (run / "history.csv").read_text()
    (run / "history.csv").write_text(history.replace("kappa", "kappa[0]"))
    assert "kappa[0] weight of the public signal" in page_of(run).text


@pytest.mark.parametrize("n_free", [1, 3, 5, 12])
def test_any_number_of_parameters(n_free):
    names = [f"d[{i}]" for i in range(n_free)]
    history = {"generation": np.arange(30)} | {name: np.linspace(0.1, 1, 30) for name in names}
    figure = figures.learning_curves(history, {name: {"low": 0.0, "high": 2.0, "unit": ""} for name in names})
    assert len(figure.axes) == n_free


@pytest.mark.parametrize("name", ["config.json", "history.csv", "sample.npz"])
@pytest.mark.parametrize("content", [None, b"", b"\x00\xff garbage \x80", b"[1, 2]", "cut"])
def test_missing_or_damaged_file_is_named(run, name, content):
    whole, report = (run / name).read_bytes(), (run / "report.html").read_bytes()
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(whole[:-99] if content == "cut" else content)
    with pytest.raises(RunDirectoryError, match=re.escape(name)):
        build(run)
    assert (run / "report.html").read_bytes() == report


@pytest.mark.parametrize(("name", "changes", "message"), [
    ("config.json", {"free": "kappa"}, "no 'free' of type list"),
    ("config.json", {"parameters": {"kappa": RANGES["kappa"]}}, "'gamma' has no low and high"),
    ("result.json", {"estimate": {"kappa": 1.0}}, "'estimate' has no number for 'gamma'"),
    ("result.json", {"interval": {"kappa": [1.0]}}, "the interval 'kappa' is"),
    ("result.json", {"auc_interval": 0.5}, "the interval 'auc_interval' is 0.5"),
    ("result.json", {"start": [1]}, "'start' is neither null nor an object"),
])
def test_wrong_entry_is_named(run, name, changes, message):
    edit(run / name, **changes)
    with pytest.raises(RunDirectoryError, match=re.escape(name) + ".*" + re.escape(message)):
        build(run)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("kappa", "delta", "no column kappa"),
    ("\n3,", "\nthree,", "line 5, column generation: 'three'"),
    ("\n3,", "\n3,7,", "line 5 has 10 of 9 values"),
])
def test_wrong_history_is_named(run, old, new, message):
    text = (run / "history.csv").read_text()
    (run / "history.csv").write_text(text.replace(old, new))
    with pytest.raises(RunDirectoryError, match=message):
        build(run)


@pytest.mark.parametrize("arrays", [
    {"x_obs": np.ones((2, 3))}, {"x_obs": np.ones(3), "x_sim": np.ones((2, 3))},
    {"x_obs": np.full((2, 3), np.nan), "x_sim": np.ones((2, 3))}], ids=["missing", "flat", "nan"])
def test_sample_of_wrong_shape_is_damaged(run, arrays):
    np.savez(run / "sample.npz", **arrays)
    with pytest.raises(RunDirectoryError, match=r"sample.npz is damaged: .*x_"):
        build(run)


def test_sample_of_one_series_needs_the_series(built, tmp_path):
    run = Path(shutil.copytree(built["series"], tmp_path / "run"))
    np.savez(run / "sample.npz", x_obs=np.ones((2, 3)), x_sim=np.ones((2, 3)))
    with pytest.raises(RunDirectoryError, match="sample.npz is damaged: no series_obs"):
        build(run)


class Bomb:
    """Unpickling it makes a directory."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def test_nothing_is_unpickled(run, monkeypatch):
    monkeypatch.chdir(run)
    np.savez("sample.npz", x_obs=np.array([Bomb()], dtype=object), x_sim=np.ones((2, 3)))
    with pytest.raises(RunDirectoryError, match="sample.npz is damaged"):
        build(".")
    assert not Path("unpickled").exists()


def test_not_a_run_directory(tmp_path):
    with pytest.raises(RunDirectoryError, match="not a directory"):
        build(tmp_path / "absent")
    with pytest.raises(RunDirectoryError, match="config.json is missing"):
        build(tmp_path)


def full_disk(source, target):
    raise OSError(28, "No space left on device")


def test_failure_to_write_leaves_nothing_half_written(run, monkeypatch):
    before = (run / "report.html").read_bytes()
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        build(run)
    assert (run / "report.html").read_bytes() == before
    assert not list(run.rglob(".*"))


FIGURES = [{"name": "kurtosis", "title": "kurtosis", "model": 3.1, "data": 9.25, "sds": -7.5,
            "text": "tails too thin", "rank": 1},
           {"name": "volatility", "title": "volatility <sd>", "model": 0.01, "data": 0.02, "sds": -31.0,
            "text": "volatility 50% too low", "rank": 0},
           {"name": "ac 1", "title": "lag 1", "model": 0.05, "data": 0.051, "sds": -0.1, "text": "unsaid",
            "rank": None}]


def test_the_grade_comes_first_then_what_differs_then_how_easily_told_apart(run):
    edit(run / "result.json", verdict="The model does not fit (p < 0.002).", figures=FIGURES,
         told_apart="How easily told apart: 71 times in 100.")
    text = page_of(run).text
    places = [text.index(words) for words in ("The model does not fit", "What differs", "volatility 50% too low",
                                              "tails too thin", "0.051", "71 times in 100")]
    assert places == sorted(places)
    assert "volatility <sd>" in text
    assert "9.25" in text
    assert "unsaid" not in text


@pytest.mark.parametrize(("value", "shown"), [
    (None, "–"), (float("nan"), "–"), (True, "–"), (3, "3"), (-2.0, "−2"), (0.123456, "0.1235"),
    (1_250_000, "1,250,000"), (12345.6, "12,346"), (-1.2e-7, "−1.2e−07"), (1e30, "1e+30")])
def test_number(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(("value", "scale", "side"), [
    (0.051, "log", "low"), (0.051, "linear", "low"), (1.0, "log", ""), (19.5, "log", "high"),
    (19.5, "linear", "")])
def test_at_bound(value, scale, side):
    assert at_bound(value, {"low": 0.05, "high": 20.0, "scale": scale}) == side
