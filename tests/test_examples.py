"""Every example runs, at a small size, in a process and a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
# Arguments of a small run, and words that its output must have.
SMALL = {
    "01_simulate.py": (["--paths", "200"], ["(2, 200, 51)", "same bits: True"]),
    "02_calibrate_paths.py": (["--paths", "80", "--updater", "moments"], ["kappa      1.500", "misfit found"]),
    "03_own_prices.py": (
        ["--days", "600", "--updater", "moments"], ["wrote prices.csv: 600 days", "rho: ", "report.html"]),
    "04_own_model.py": (["80", "moments"], ["follow: truth 0.6", "rho: truth 0.03", "misfit found"]),
    "05_black_box.py": (["--paths", "60"], ["follow: truth 0.6", "news: truth 0.01", "misfit found"]),
    "06_epidemic.py": (["--schools", "20", "--days", "25"], ["beta: truth 1.2", "gamma: truth 0.4", "R_0 = "]),
    "07_supply_chain.py": (
        ["--games", "20", "--weeks", "30"], ["swing more", "beta_line: truth 0.34", "lead_time: truth 3, estimate 3"]),
}
LONGEST = 60  # lines


def run(example: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(EXAMPLES / example), *arguments], cwd=folder, check=False,
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_here():
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("example", list(SMALL))
def test_an_example_runs(example, tmp_path):
    arguments, words = SMALL[example]
    said = run(example, tmp_path, *arguments)
    assert [word for word in words if word not in said] == []


def test_the_model_of_an_example_serves_the_command_line(tmp_path):
    done = subprocess.run([sys.executable, "-m", "fastmas", "models", str(EXAMPLES / "04_own_model.py")],
                          capture_output=True, text=True, check=True, timeout=120)
    assert "how much a trader follows" in done.stdout


def test_examples_are_short():
    assert {file.name for file in EXAMPLES.glob("*.py") if len(file.read_text().splitlines()) > LONGEST} == set()
