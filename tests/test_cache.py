"""The cache of compiled kernels can be trusted: edits, damage, other users, several processes."""

from __future__ import annotations

import importlib
import os
import pickle
import pwd
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pytest

from fastmas.caching import cache, folder
from fastmas.caching.digest import digest_of
from fastmas.engine import lanes, source
from fastmas.engine.job import rows_of
from fastmas.errors import ModelError
from fastmas.lowering.program import program_of
from fastmas.simulate import simulate, warm_up

MODEL = """
from numpy import float32
from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.random import exp

@kernel
def init(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = float32(1.0)

@kernel
def step(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] = state[0][w] * exp(float32(0.0)) * float32(2.0)

class Tiny(Model):
    name = "tiny"
    kernels = Kernels(init, step)
    observables = (Observable("x", 0),)

MODEL = Tiny
"""
DOUBLES, TRIPLES = [1, 2, 4, 8], [1, 3, 9, 27]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A function that imports a model's text afresh, and forgets what was loaded of generated modules."""
    monkeypatch.setenv("FASTMAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)

    def load(text: str = MODEL):
        for name in [n for n in sys.modules if n == "tiny_cached" or n.startswith("fastmas_generated_")]:
            del sys.modules[name]
        (tmp_path / "tiny_cached.py").write_text(text)
        importlib.invalidate_caches()
        return importlib.import_module("tiny_cached").MODEL()

    yield load
    sys.modules.pop("tiny_cached", None)


def path_of(model) -> list[float]:
    return simulate(model, n_paths=1, n_steps=3)[0].tolist()


# -- edits ----------------------------------------------------------------------------------------------


def test_a_file_edited_after_its_import_poisons_nothing(tiny, tmp_path):
    """The process that still has the old kernels must not keep them under the name of the new ones."""
    old, edited = tiny(), MODEL.replace("float32(2.0)", "float32(3.0)")
    (tmp_path / "tiny_cached.py").write_text(edited)
    assert path_of(old) == DOUBLES
    assert path_of(tiny(edited)) == TRIPLES
    assert path_of(tiny()) == DOUBLES


def test_a_comment_is_no_edit(tiny):
    path_of(tiny())
    assert not warm_up(tiny("# Grows.\n\n" + MODEL))
    assert warm_up(tiny(MODEL.replace("float32(2.0)", "float32(3.0)")))


START = """
import types
import numpy as np
from numba import njit
from numba.extending import intrinsic, overload
inner = types.ModuleType("inner")
outer = types.ModuleType("outer")
outer.inner = inner
"""
PAIRS = {
    "its own code": ("def f(x): return x + 1", "+ 1", "+ 2"),
    "the type of a constant": ("def f(x): return x + 1", "+ 1", "+ 1.0"),
    "the sign of zero": ("def f(x): return x * 0.0", "0.0", "-0.0"),
    "a default": ("def f(x, y=1): return x + y", "y=1", "y=2"),
    "a plain function": ("def g(x): return x\ndef f(x): return g(x)", "return x\n", "return -x\n"),
    "a kernel": ("@njit\ndef g(x): return x\ndef f(x): return g(x)", "return x\n", "return -x\n"),
    "options of a kernel": ("@njit\ndef g(x): return x\ndef f(x): return g(x)", "@njit", "@njit(fastmath=True)"),
    "a function of a function": ("def f(x):\n def g(y): return y\n return g(x)", "return y", "return -y"),
    "a closure": ("def make(n):\n def f(x): return x + n\n return f\nf = make(1)", "make(1)", "make(2)"),
    "an array": ("A = np.arange(3.0)\ndef f(x): return A[x]", "3.0", "4.0"),
    "the dtype of an array": ("A = np.zeros(3)\ndef f(x): return A[x]", "zeros(3)", "zeros(3, 'f4')"),
    "a function in a tuple": ("def g(x): return x\nG = (g,)\ndef f(x): return G[0](x)", "return x\n", "return -x\n"),
    "a name in a module of a module": ("inner.n = 1\ndef f(x): return outer.inner.n", "n = 1", "n = 2"),
    "an overload": ("def g(x): return x\n@overload(g)\ndef o(x): return lambda x: x\ndef f(x): return g(x)",
                    "lambda x: x", "lambda x: -x"),
    "an intrinsic": ("@intrinsic\ndef g(context, x): return x\ndef f(x): return g(x)", "return x\n", "return -x\n"),
}


def built(text: str):
    names = {"__name__": "some_user"}
    exec(compile(START + text, "<some user>", "exec"), names)
    return names["f"]


@pytest.mark.parametrize("case", PAIRS)
def test_all_that_is_compiled_counts(case):
    text, before, after = PAIRS[case]
    assert before in text
    name = digest_of("", built(text))
    assert digest_of("", built(text.replace(before, after))) != name
    assert digest_of("", built(text)) == name


def test_an_overload_of_somebody_elses_function_counts():
    plain = built("def f(x): return np.place(x)")
    name = digest_of("", plain)
    built("@overload(np.place)\ndef f(x): return lambda x: x")
    assert digest_of("", plain) != name


def test_the_engine_counts_too(monkeypatch):
    text = "from fastmas.engine.lanes import stack_array"
    name = digest_of(text)
    monkeypatch.setattr(lanes, "ALIGNMENT", 32)
    assert digest_of(text) != name
    monkeypatch.undo()
    assert digest_of(text) == name
    monkeypatch.setattr("numba.__version__", "0.0")
    assert digest_of(text) != name


# -- damage ---------------------------------------------------------------------------------------------


class Bomb:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def flipped(content: bytes, at: float) -> bytes:
    place = int(at * (len(content) - 1))
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1:]


DAMAGE = {
    "emptied": lambda content: b"",
    "cut": lambda content: content[:len(content) // 2],
    "flipped": lambda content: flipped(content, 0.7),
    "flipped at the end": lambda content: flipped(content, 1.0),
    "flipped in its mark": lambda content: flipped(content, 0.0),
    "flipped in its checksum": lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
    "never written": lambda content: bytes(len(content)),
    "longer": lambda content: content + b"\0",
}


def entries(directory: Path, what: str) -> list[Path]:
    return [f for f in directory.rglob(what) if f.name.startswith("fastmas_generated_")]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_none(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("FASTMAS_CACHE_DIR", str(tmp_path))
    kept = cache.Entries("some.function", pickle.dumps)
    kept.save("key", list(range(100)))
    assert kept.load("key") == list(range(100))
    (file,) = tmp_path.iterdir()
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert kept.load("key") is None
    kept.save("key", 1)
    assert kept.load("key") == 1
    kept.flush()
    assert kept.load("key") is None


@pytest.mark.parametrize("damage", list(DAMAGE)[:3])
@pytest.mark.parametrize("what", ["*.nbc", "*.py"])
def test_a_damaged_file_is_written_anew(tiny, tmp_path, damage, what):
    path_of(tiny())
    files = entries(tmp_path / "cache", what)
    assert files
    for file in files:
        file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert warm_up(tiny()) == (what != "*.py")
    assert path_of(tiny()) == DOUBLES
    assert not warm_up(tiny())


def test_an_entry_without_its_checksum_is_not_unpickled(tiny, tmp_path):
    path_of(tiny())
    bomb, mark = pickle.dumps(Bomb(tmp_path / "exploded")), len(cache.MARK)
    for file in entries(tmp_path / "cache", "*.nb?"):
        content = file.read_bytes()
        file.write_bytes(content[:mark + 32] + bomb)
        assert path_of(tiny()) == DOUBLES
        file.write_bytes(bomb)
        assert path_of(tiny()) == DOUBLES
    assert not (tmp_path / "exploded").exists()
    pickle.loads(bomb)
    assert (tmp_path / "exploded").exists()


def test_an_entry_of_another_function_is_not_taken(tiny, tmp_path):
    path_of(tiny())
    (old,) = entries(tmp_path / "cache", "*.nbc")
    path_of(tiny(MODEL.replace("float32(2.0)", "float32(3.0)")))
    (new,) = set(entries(tmp_path / "cache", "*.nbc")) - {old}
    new.write_bytes(old.read_bytes())
    assert path_of(tiny(MODEL.replace("float32(2.0)", "float32(3.0)"))) == TRIPLES


def test_a_generated_module_with_other_code_is_not_executed(tiny, tmp_path):
    path_of(tiny())
    (file,) = entries(tmp_path / "cache", "*.py")
    text = file.read_text()
    file.write_text("raise SystemExit\n" + text)
    assert path_of(tiny()) == DOUBLES
    assert file.read_text() == text


def test_what_cannot_be_kept_is_used_all_the_same(tiny, tmp_path, monkeypatch):
    def full(path, content):
        raise cache.OutputError(f"cannot write {path}: No space left on device")

    model = tiny()
    program = program_of(model)
    source.load_runner(program, 0, rows_of(program, program.observed))
    monkeypatch.setattr(cache, "write_atomically", full)
    with pytest.warns(UserWarning, match="compiled kernels are not kept: .*No space left"):
        assert path_of(model) == DOUBLES
    with pytest.raises(ModelError, match="no folder for compiled kernels: cannot write .*; set FASTMAS_CACHE_DIR"):
        path_of(tiny(MODEL.replace("float32(2.0)", "float32(3.0)")))


# -- several models, several processes ------------------------------------------------------------------

REPORT = """
import sys
import numpy as np
from fastmas.caching.cache import n_compiled
from fastmas.simulate import simulate
from fastmas.random import exp
import tiny_cached
paths = simulate(tiny_cached.MODEL(), n_paths=1, n_steps=3)
print(paths[0].astype(int).tolist(), n_compiled(), float(exp(np.float32(0.5))))
"""


def start(tmp_path: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    return subprocess.Popen([sys.executable, "-c", REPORT], env=environment, stdout=subprocess.PIPE, text=True)


def report(process: subprocess.Popen[str]) -> tuple[str, int, str]:
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    path, _, rest = told.partition("] ")
    return f"{path}]", int(rest.split()[0]), rest.split()[1]


def test_two_processes_may_compile_at_once(tiny, tmp_path):
    tiny()
    processes = [start(tmp_path) for _ in range(2)]
    for path, n_compiled, _ in [report(p) for p in processes]:
        assert path == str(DOUBLES)
        assert n_compiled > 1
    assert report(start(tmp_path))[:2] == (str(DOUBLES), 0)
    assert not list((tmp_path / "cache").glob(".*"))


def test_kernels_of_the_package_are_there_for_the_next_model(tiny, tmp_path):
    tiny()
    _, of_all, value = report(start(tmp_path))
    tiny(MODEL.replace("float32(2.0)", "float32(3.0)"))
    path, of_one, same = report(start(tmp_path))
    assert (path, of_one) == (str(TRIPLES), 1)
    assert of_all > 1
    np.testing.assert_allclose(float(value), np.exp(0.5), rtol=1e-6)
    assert same == value  # called from Python, where it was compiled or loaded for the model before

    library = list((tmp_path / "cache").glob("fastmas.random.*.nbc"))
    assert len(library) == of_all - 1
    for file in library:
        file.write_bytes(flipped(file.read_bytes(), 0.5))
    tiny(MODEL.replace("float32(2.0)", "float32(5.0)"))
    assert report(start(tmp_path)) == (str([1, 5, 25, 125]), of_all, value)


# -- whose folder it is ---------------------------------------------------------------------------------


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A user without a home, an entry of passwd or a wish; the temporary directory is a new one."""
    def unknown(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    for name in ("HOME", "XDG_CACHE_HOME", "FASTMAS_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"fastmas-{os.getuid()}"


def test_without_a_home_the_folder_is_a_private_one(nowhere):
    assert folder.cache_directory() == nowhere
    assert nowhere.stat().st_mode & 0o777 == 0o700
    assert folder.cache_directory() == nowhere


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755, 0o701])
def test_a_folder_below_tmp_that_others_can_enter_is_refused(nowhere, mode):
    nowhere.mkdir()
    nowhere.chmod(mode)
    with pytest.raises(ModelError, match=r"no home folder, and .* is not a folder of yours alone .*FASTMAS_CACHE_DIR"):
        folder.cache_directory()


def test_a_link_below_tmp_is_refused(nowhere, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    nowhere.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="is not a folder of yours alone"):
        folder.cache_directory()


def test_a_folder_of_another_user_is_refused(nowhere, tmp_path, monkeypatch):
    user = os.getuid() + 1
    (tmp_path / f"fastmas-{user}").mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: user)
    with pytest.raises(ModelError, match="is not a folder of yours alone"):
        folder.cache_directory()


def test_a_chosen_folder_that_everybody_can_write_is_refused(nowhere, tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("FASTMAS_CACHE_DIR", str(tmp_path / "open"))
    with pytest.raises(ModelError, match=r"kernels in .*open could be another user's: .*chmod 700"):
        folder.cache_directory()
    (tmp_path / "open").chmod(0o755)
    assert folder.cache_directory() == tmp_path / "open"


@pytest.mark.parametrize(("variables", "expected"), [
    ({"FASTMAS_CACHE_DIR": "{}/a", "XDG_CACHE_HOME": "{}/b", "HOME": "{}/c"}, "a"),
    ({"FASTMAS_CACHE_DIR": "", "XDG_CACHE_HOME": "{}/b", "HOME": "{}/c"}, "b/fastmas"),
    ({"XDG_CACHE_HOME": "", "HOME": "{}/c"}, "c/.cache/fastmas"),
    ({"XDG_CACHE_HOME": "below/here", "HOME": "{}/c"}, "c/.cache/fastmas"),
    ({"XDG_CACHE_HOME": "{}/b"}, "b/fastmas"),
    ({"FASTMAS_CACHE_DIR": "{}/a"}, "a"),
])
def test_the_folder_is_the_first_that_is_named(nowhere, tmp_path, monkeypatch, variables, expected):
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert folder.cache_directory() == tmp_path / expected


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become a user unknown")
def test_an_unknown_user_without_an_environment_has_a_folder(tmp_path):
    tmp_path.chmod(0o777)
    for above in [p for p in tmp_path.parents if "pytest-" in p.name or "popen-" in p.name]:
        above.chmod(0o755)
    code = (f"import sys, os; sys.path[:0] = {sys.path!r}\n"
            "from fastmas.caching.folder import cache_directory\n"
            f"os.setuid(54321); os.environ.clear(); os.environ['TMPDIR'] = {str(tmp_path)!r}\nprint(cache_directory())")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "fastmas-54321")


class Answering(types.ModuleType):
    """Has an attribute of any name that cannot even be shown, as torch.classes has."""

    def __getattr__(self, name):
        raise RuntimeError(f"there is no class {name}")


def test_modules_are_told_by_their_names():
    """Also those in a dictionary that a function reaches, such as sys.modules."""
    space = {"shelf": {"strange": Answering("strange")}}
    exec("def look():\n    return shelf", space)
    with_it = digest_of("text", space["look"])
    space["shelf"] = {"strange": types.ModuleType("strange")}
    assert digest_of("text", space["look"]) == with_it
    space["shelf"] = {"strange": types.ModuleType("other")}
    assert digest_of("text", space["look"]) != with_it
