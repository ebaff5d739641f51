"""The README keeps its word: its Python runs, its commands exist and run, its files are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import fastmas as fm
from fastmas import discriminators, objectives, registry, statistics, updaters
from fastmas.cli import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(language, body) for language, body in FENCE.findall(TEXT)]
PYTHON = [body for language, body in BLOCKS if language == "python"]
COMMANDS = get_command(app).commands
PARTS = {"statistics": statistics, "objectives": objectives, "discriminators": discriminators, "updaters": updaters}


def named(block: str) -> str | None:
    """The file that a block says it is, in its first line."""
    found = re.match(r"# (\S+\.py)\n", block)
    return found and found.group(1)


SCRIPTS = [block for block in PYTHON if named(block) is None]
FILES = {named(block): block for block in PYTHON if named(block)}


def lines_of(language: str) -> list[str]:
    return [line for kind, body in BLOCKS if kind == language for line in body.splitlines() if line.strip()]


def words_of_fastmas(line: str) -> list[str]:
    """The words after `fastmas` in the last command of a line; none if it calls something else."""
    words = shlex.split(line.rpartition("&&")[2])
    return words[1:] if Path(words[0]).name == "fastmas" else []


def after(marker: str) -> str:
    """The body of the fence that follows a marker."""
    found = re.search(rf"^<!-- {marker} -->\n```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, f"README.md has no fence after <!-- {marker} -->"
    return found.group(1)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=folder, check=False, capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- Python --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_python_runs_as_it_stands(number, tmp_path):
    (tmp_path / "block.py").write_text(SCRIPTS[number])
    assert run(tmp_path, "block.py")


def test_the_model_is_that_of_the_example():
    model = FILES["herd.py"].split("\n", 1)[1].rstrip()
    assert (ROOT / "examples" / "04_own_model.py").read_text().startswith(model)


def test_the_rule_makes_a_market(tmp_path):
    (tmp_path / "contrarians.py").write_text(FILES["contrarians.py"])
    market = fm.models.get(str(tmp_path / "contrarians.py"))
    sizes = {"n_paths": 500, "n_steps": 100, "warmup": 50, "seed": 1}
    paths = fm.simulate(market, **sizes)
    usual = fm.simulate(fm.models.stock_market(windows=[(2, 8)]), **sizes)
    assert paths.shape == (500, 51)
    assert paths[:, -1].std() < 0.5 * usual[:, -1].std()  # they lean against the moves that others chase


def test_the_parts_are_found_by_name_and_play(tmp_path, monkeypatch):
    names = {}
    for file, block in FILES.items():
        if file.startswith("fastmas/"):
            _, kind, name = file.split("/")
            (tmp_path / kind).mkdir()
            (tmp_path / kind / name).write_text(block)
            monkeypatch.setattr(PARTS[kind], "__path__", [*PARTS[kind].__path__, str(tmp_path / kind)])
            names[kind] = name.removesuffix(".py").replace("_", "-")
    assert set(names) == set(PARTS)
    registry.parts.cache_clear()
    try:
        market = fm.models.stock_market()
        fit = fm.calibrate(
            market, fm.simulate(market, n_paths=60, n_steps=80, warmup=50, seed=1), free=["kappa", "gamma"],
            updater=names["updaters"], discriminator=names["discriminators"], objective=names["objectives"],
            statistic=names["statistics"], generations=3, interval=False, seed=1)
    finally:
        registry.parts.cache_clear()
        for kind, name in names.items():
            sys.modules.pop(f"fastmas.{kind}.{name.replace('-', '_')}", None)
    assert {kind: fit.result[kind.rstrip("s") if kind != "statistics" else "statistic"] for kind in names} == names
    assert len(fit.history) == 3


# -- commands ------------------------------------------------------------------------------------------


def test_every_command_and_option_exists():
    table = re.findall(r"^\| `(fastmas .*?)` \|", TEXT, re.MULTILINE)
    spoken = re.findall(r"`(fastmas [a-z]+[^`]*)`", TEXT)
    called = [words for line in (*lines_of("bash"), *table, *spoken) if (words := words_of_fastmas(line))]
    assert {words[0] for words in called if words[0] != "COMMAND"} == set(COMMANDS)
    for words in called:
        if words[0] != "COMMAND":
            known = {name for option in COMMANDS[words[0]].params for name in option.opts}
            assert {word for word in words if word.startswith("--")} <= known, words


def test_options_in_the_text_exist():
    known = {name for command in COMMANDS.values() for option in command.params for name in option.opts}
    text = FENCE.sub("", TEXT).replace("--extra-index-url", "")
    assert set(re.findall(r"--[a-z][a-z-]+", re.sub(r"<!--|-->", "", text))) - {"--help"} <= known


def test_the_commands_for_a_model_of_ones_own_run(tmp_path):
    (tmp_path / "herd.py").write_text(FILES["herd.py"])
    for line in after("herd commands").splitlines():
        words = words_of_fastmas(line)
        if words[0] == "calibrate":
            words += ["--updater", "moments", "--no-interval"]  # the game is for other tests
        run(tmp_path, "-m", "fastmas", *words)
    assert (tmp_path / "herd-run" / "report.html").exists()


@pytest.mark.parametrize(("marker", "last"), [
    ("main command", "fastmas calibrate stock-market --data sp500 --out run"), ("test command", "python -m pytest")])
def test_the_first_commands_are_one_line_each(marker, last):
    (line,) = after(marker).splitlines()
    assert line.startswith("python3 -m venv ")
    assert line.endswith(last)


# -- places --------------------------------------------------------------------------------------------


def test_files_and_folders_that_are_named_exist():
    linked = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    spoken = re.findall(r"`((?:fastmas|tests|benchmarks|examples|\.ci)/[\w./-]+)`", TEXT)
    assert "CHANGELOG.md" in linked
    assert [place for place in linked + spoken if not (ROOT / place).exists()] == []


def test_the_picture_is_small():
    assert (ROOT / "examples" / "images" / "recovery.png").stat().st_size < 200_000
