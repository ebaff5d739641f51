"""The house stands: imports point down, heavy libraries stay in their rooms, files stay short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastmas

PACKAGE = Path(fastmas.__file__).parent
TOP = "__init__"
# A file or folder of the package may import those of a lower floor and itself: never up, never sideways.
FLOOR = {
    "errors": 0, "region": 0, "evaluation": 0, "seeding": 0,
    "kernel": 1, "parameters": 1, "progress": 1, "files": 1, "registry": 1, "datasets": 1, "source_text": 1,
    "domains": 1.2, "declarations": 1.5,
    "limits": 2, "distance": 2, "reductions": 2, "random": 2, "model": 2, "objectives": 2, "caching": 2,
    "language": 3,
    "lowering": 4,
    "models": 5, "engine": 5,
    "simulate": 6, "statistics": 6, "data": 6, "export": 6,
    "run_directory": 7, "conformance": 7, "settling": 7, "on_device": 7, "differentiate": 7,
    "report": 8, "estimators": 8,
    "discriminators": 9, "updaters": 9,
    "calibration": 10, "bench": 10,
    "calibrate": 11, "network": 11, "reproduce": 11,
    "ablate": 12,
    "cli": 13,
    "__main__": 14,
    TOP: 15,
}
# Where a library may be imported at all; a deeper path gives one file of a folder.
ROOMS = {
    "numba": ("kernel", "random", "caching", "lowering", "engine"),
    "numba.cuda": ("engine/cuda", "engine/cuda_functions"),
    "torch": ("seeding", "statistics/tensors", "objectives", "estimators", "discriminators", "calibration", "calibrate",
              "network", "ablate/twin", "reproduce/baseline",
              "lowering/torch_twin", "bench/peers/pytorch", "bench/studies/gpu"),
    "typer": ("cli",),
    "rich": ("cli",),
}
LONGEST_FILE = 400


def imports(source: str, place: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every import in a file of the package, inside functions too.

    A plain `import fastmas` counts as the names that are then taken from it.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if (alias.name, alias.asname) != ("fastmas", None)]
            yield from ((node.lineno, name) for name in names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "fastmas":
            yield node.lineno, f"fastmas.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            parents = ["fastmas", *place.split("/")[:-1]]
            above = parents[:len(parents) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from ((node.lineno, a.value) for a in node.args if isinstance(a, ast.Constant))


def unit(name: str) -> str:
    """The file or folder of the package behind an import; the package itself is the top."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOOR else TOP


def faults(source: str, place: str) -> list[str]:
    """What a file at `place`, such as "random/normal", imports and must not."""
    own = place.partition("/")[0]
    found = []
    for line, name in imports(source, place):
        if name.partition(".")[0] == "fastmas" and name != "fastmas.__version__":
            below = unit(name)
            if below != own and FLOOR[below] >= FLOOR.get(own, FLOOR[TOP]):
                found.append(f"{place}:{line} imports {name}, which is not below it")
        for library, rooms in ROOMS.items():
            inside = any(place == room or place.startswith(room + "/") for room in rooms)
            if (name + ".").startswith(library + ".") and not inside:
                found.append(f"{place}:{line} imports {name}, which lives in {', '.join(rooms)}")
    return found


def files() -> dict[str, Path]:
    return {str(f.relative_to(PACKAGE).with_suffix("")): f for f in sorted(PACKAGE.rglob("*.py"))}


def test_every_file_has_a_floor():
    units = {place.partition("/")[0] for place in files()}
    assert units <= set(FLOOR), f"give {units - set(FLOOR)} a floor in FLOOR"
    assert "simulate" in units


def test_imports_point_down_and_libraries_stay_in_their_rooms():
    assert [fault for place, file in files().items() for fault in faults(file.read_text(), place)] == []


@pytest.mark.parametrize(("place", "source"), [
    ("random/normal", "from fastmas.simulate import simulate"),
    ("random/normal", "def f():\n    import fastmas.engine.cpu"),
    ("random/normal", "from fastmas import models"),
    ("random/normal", "from .. import engine"),
    ("random/normal", "from ..engine.job import Job"),
    ("random/normal", "import importlib\nm = importlib.import_module('fastmas.cli')"),
    ("models/stock_market", "from fastmas.engine import cpu"),
    ("engine/cpu", "from fastmas.models import stock_market"),
    ("data/files", "if TYPE_CHECKING:\n    from fastmas.calibrate import Fit"),
    ("simulate", "import fastmas\nfastmas.kernel.kernel, fastmas.data"),
    ("simulate", "import fastmas as fm"),
    ("simulate", "from fastmas import Model"),
    ("errors", "from fastmas import kernel"),
    ("simulate", "import numba"),
    ("engine/cpu", "from numba import cuda"),
    ("engine/cpu", "import numba.cuda.random"),
    ("data/tables", "def f():\n    from torch import nn"),
    ("updaters/cma_es", "import torch"),
    ("calibrate", "from rich.console import Console"),
])
def test_a_planted_import_is_found(place, source):
    assert len(faults(source, place)) == 1


@pytest.mark.parametrize(("place", "source"), [
    ("random/normal", "from fastmas.parameters import Parameter\nfrom fastmas.kernel import kernel"),
    ("models/stock_market", "from . import other\nfrom fastmas.language import words"),
    ("engine/cuda", "from numba import cuda"),
    ("estimators/chain", "import torch.nn.functional as F"),
    ("cli/app", "from fastmas import __version__\nimport typer"),
    ("errors", "import fastmas\nversion = fastmas.__version__"),
    (TOP, "import importlib\nimportlib.import_module('fastmas.models')"),
    ("simulate", "import torchlike, richer, numbas"),
])
def test_what_is_allowed_is_not_found(place, source):
    assert faults(source, place) == []


def test_no_file_is_long():
    lengths = {place: len(file.read_text().splitlines()) for place, file in files().items()}
    assert {place: n for place, n in lengths.items() if n > LONGEST_FILE} == {}


# -- what an import loads -----------------------------------------------------------------------------

HEAVY = ("numba", "torch", "pandas", "scipy", "matplotlib", "pyarrow")


KERNEL = re.compile(r"^@(?:kernel|njit|cuda\.jit|jit)\b[^\n]*\ndef (\w+)\(([^)]*)\):", re.MULTILINE)
MOST_ARGUMENTS = 8


def crowded(source: str) -> list[str]:
    """Kernels with too many arguments, also those in the text of modules to be generated."""
    return [name for name, arguments in KERNEL.findall(source) if len(arguments.split(",")) > MOST_ARGUMENTS]


def test_no_kernel_has_many_arguments():
    sources = {name: file.read_text(encoding="utf-8") for name, file in files().items()}
    assert sum(len(KERNEL.findall(source)) for source in sources.values()) > 100  # it finds them
    outside = {name: crowded(source) for name, source in sources.items() if not name.startswith("random/")}
    assert {name: found for name, found in outside.items() if found} == {}
    planted = "@njit(cache=True)\ndef run(a, b, c, d, e,\n        f, g, h, i):\n"
    assert crowded(planted) == ["run"]


def loaded(statement: str) -> set[str]:
    """Heavy libraries that a fresh process has loaded after this statement."""
    report = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True)
    return set(done.stdout.split()) & set(HEAVY)


@pytest.mark.parametrize("module", ["fastmas", "fastmas.model", "fastmas.cli"])
def test_importing_loads_nothing_heavy(module):
    assert loaded(f"import {module}") == set()


def test_simulating_needs_no_torch_and_no_tables():
    done = loaded("import fastmas; fastmas.simulate, fastmas.models")
    assert done & {"torch", "pandas", "pyarrow"} == set()


def test_the_check_of_what_is_loaded_sees_numba():
    assert "numba" in loaded("import fastmas.kernel")


PUBLIC = """
import types
import fastmas as fm
import fastmas.data
names = [n for n in fm.__all__ if n not in ("calibrate", "fit_network", "load_network", "resume", "models")]
for name in names + names:
    assert not isinstance(getattr(fm, name), types.ModuleType), name
"""


def test_public_names_stay_what_they_are():
    """The import system binds a submodule to its name in the package, over any function of that name."""
    done = subprocess.run([sys.executable, "-c", PUBLIC], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
