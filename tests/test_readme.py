"""README and docs keep their word: their Python runs, their commands exist and run, their files are there."""

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
from fastmas.errors import ModelError
from fastmas.language.draws import DRAWS
from fastmas.language.words import HISTORY, WORDS

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": ROOT / "README.md"} | {f"docs/{f.name}": f for f in sorted((ROOT / "docs").glob("*.md"))}
TEXTS = {name: file.read_text() for name, file in PAGES.items()}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = get_command(app).commands
EVERY = [*COMMANDS.values(), *(one for group in COMMANDS.values() for one in getattr(group, "commands", {}).values())]
PARTS = {"statistics": statistics, "objectives": objectives, "discriminators": discriminators, "updaters": updaters}
LONGEST_MODEL = 15  # lines


def blocks(page: str, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(TEXTS[page]) if language in languages]


def named(block: str) -> str | None:
    """The file that a block says it is, in its first line."""
    found = re.match(r"# (\S+\.py)\n", block)
    return found and found.group(1)


SCRIPTS = [(page, block) for page in PAGES for block in blocks(page, "python") if named(block) is None]
FILES = {page: {named(block): block for block in blocks(page, "python") if named(block)} for page in PAGES}
MODELS = {file: block for page in PAGES for file, block in FILES[page].items() if not file.startswith("fastmas/")}


def lines_of(page: str, *languages: str) -> list[str]:
    return [line for body in blocks(page, *languages) for line in body.splitlines() if line.strip()]


def words_of_fastmas(line: str) -> list[str]:
    """The words after `fastmas` in the last command of a line; none if it calls something else."""
    words = shlex.split(line.rpartition("&&")[2])
    return words[1:] if Path(words[0]).name == "fastmas" else []


def after(page: str, marker: str) -> str:
    """The body of the fence that follows a marker."""
    found = re.search(rf"^<!-- {marker} -->\n```bash\n(.*?)^```$", TEXTS[page], re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no fence after <!-- {marker} -->"
    return found.group(1)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=folder, check=False, capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_models(folder: Path) -> Path:
    for file, block in MODELS.items():
        (folder / file).write_text(block)
    return folder


# -- Python --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_python_runs_as_it_stands(number, tmp_path):
    (write_models(tmp_path) / "block.py").write_text(SCRIPTS[number][1])
    assert run(tmp_path, "block.py")


def test_the_model_is_short_and_that_of_the_example_and_of_the_docs():
    model = FILES["README.md"]["herd.py"].split("\n", 1)[1].rstrip()
    assert (ROOT / "examples" / "04_own_model.py").read_text().startswith(model)
    assert FILES["docs/models.md"]["herd.py"] == FILES["README.md"]["herd.py"]
    assert len([line for line in model.splitlines() if line.strip()]) <= LONGEST_MODEL


def test_the_rule_makes_a_market(tmp_path):
    market = fm.models.get(str(write_models(tmp_path) / "contrarians.py"))
    sizes = {"n_paths": 500, "n_steps": 100, "warmup": 50, "seed": 1}
    paths = fm.simulate(market, **sizes)
    usual = fm.simulate(fm.models.stock_market(windows=[(2, 8)]), **sizes)
    assert paths.shape == (500, 51)
    assert paths[:, -1].std() < 0.5 * usual[:, -1].std()  # they lean against the moves that others chase


def test_kernels_by_hand_have_the_law_of_the_text(tmp_path):
    """Means and sds of 4,000 paths: five standard errors apart at most."""
    sizes = {"n_paths": 4000, "n_steps": 30, "warmup": 30, "seed": 1}
    ends = [fm.simulate(fm.models.get(str(write_models(tmp_path) / file)), **sizes).astype(float).ravel()
            for file in ("herd.py", "herd_by_hand.py")]
    sd = ends[0].std()
    assert abs(ends[0].mean() - ends[1].mean()) < 5 * sd * (2 / 4000) ** 0.5
    assert ends[1].std() == pytest.approx(sd, rel=5 * (2 / 4000) ** 0.5)


def test_what_is_refused_is_refused_in_these_words(tmp_path):
    write_models(tmp_path)
    said = [line for page in PAGES for line in lines_of(page, "text") if named(f"# {line.partition(':')[0]}\n")]
    assert len(said) >= 3
    for line in said:
        with pytest.raises(ModelError) as error:
            fm.simulate(fm.models.get(str(tmp_path / line.partition(":")[0])), n_paths=1, n_steps=1)
        assert str(error.value) == line


def test_a_model_says_why_it_runs_path_by_path(tmp_path):
    (line,) = [line for line in lines_of("docs/models.md", "text") if line.startswith("Rules: ")]
    assert line in run(write_models(tmp_path), "-m", "fastmas", "models", "orders.py").splitlines()


def test_the_words_and_the_draws_are_those_of_the_language():
    words, draws = (re.search(rf"^## {head}\n(.*?)^## ", TEXTS["docs/models.md"], re.MULTILINE | re.DOTALL).group(1)
                    for head in ("Words", "Draws"))
    assert [word for word in (*WORDS, *HISTORY) if not re.search(rf"`{word}\b", words)] == []
    assert set(re.findall(r"^\| `draw\.(\w+)\(", draws, re.MULTILINE)) == set(DRAWS)


def test_the_models_are_listed():
    assert re.findall(r"^\| `([a-z-]+)` \| [^|]+ \|$", TEXTS["README.md"].partition("## The models")[2],
                      re.MULTILINE)[:len(fm.models.names())] == fm.models.names()


def test_the_parts_are_found_by_name_and_play(tmp_path, monkeypatch):
    names = {}
    for file, block in FILES["README.md"].items():
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
    table = re.findall(r"^\| `(fastmas .*?)` \|", TEXTS["README.md"], re.MULTILINE)
    assert {words_of_fastmas(line)[0] for line in table} == set(COMMANDS)
    spoken = [line for text in TEXTS.values() for line in re.findall(r"`(fastmas [a-z]+[^`]*)`", FENCE.sub("", text))]
    in_fences = [line for page in PAGES for line in lines_of(page, "bash")]
    called = [words for line in (*in_fences, *table, *spoken) if (words := words_of_fastmas(line))]
    for words in called:
        if words[0] != "COMMAND":
            command = COMMANDS[words[0]]
            command = command.commands[words[1]] if hasattr(command, "commands") else command
            known = {name for option in command.params for name in option.opts}
            assert {word for word in words if word.startswith("--")} <= known, words


def test_options_in_the_text_exist():
    known = {name for command in EVERY for option in command.params for name in (*option.opts, *option.secondary_opts)}
    text = FENCE.sub("", "\n".join(TEXTS.values()))
    assert set(re.findall(r"--[a-z][a-z-]+", re.sub(r"<!--|-->", "", text))) - {"--help"} <= known


def test_the_commands_for_a_model_of_ones_own_run(tmp_path):
    (tmp_path / "herd.py").write_text(MODELS["herd.py"])
    commands = after("docs/models.md", "herd commands").splitlines()
    assert set(after("README.md", "herd commands").splitlines()) <= set(commands)
    for line in commands:
        words = words_of_fastmas(line)
        if words[0] == "calibrate":
            words += ["--updater", "moments", "--no-interval"]  # the game is for other tests
        run(tmp_path, "-m", "fastmas", *words)
    assert (tmp_path / "herd-run" / "report.html").exists()


@pytest.mark.parametrize(("marker", "last"), [
    ("main command", "fastmas calibrate kirman --data sp500 --out run"),
    ("test command", "python -m pytest -n 2 --dist loadfile")])
def test_the_first_commands_are_one_line_each(marker, last):
    (line,) = after("README.md", marker).splitlines()
    assert line.startswith("python3 -m venv ")
    assert line.endswith(last)


# -- places --------------------------------------------------------------------------------------------


def test_files_and_folders_that_are_named_exist():
    linked = [file.parent / place for page, file in PAGES.items()
              for place in re.findall(r"\]\(([^)#:]+)\)", FENCE.sub("", TEXTS[page]))]
    spoken = [ROOT / place for text in TEXTS.values()
              for place in re.findall(r"`((?:fastmas|tests|benchmarks|examples|\.ci)/[\w./-]+)`", text)]
    assert {ROOT / "CHANGELOG.md", ROOT / "docs" / "models.md"} <= set(linked)
    assert [place for place in linked + spoken if not place.exists()] == []


def test_places_of_a_page_that_are_linked_exist():
    for text in TEXTS.values():
        heads = {re.sub(r"[^\w-]", "", head.lower().replace(" ", "-"))
                 for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= heads


def test_the_picture_is_small():
    assert (ROOT / "examples" / "images" / "recovery.png").stat().st_size < 200_000
