"""Where a text may be written, and what becomes of it: files that change, cells, standard input, other processes."""

# ruff: noqa: B007
from __future__ import annotations

import importlib.util
import linecache
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fastmas as fm
from fastmas import models
from fastmas.errors import ModelError
from fastmas.language.oracle import oracle

ROOT = Path(fm.__file__).parents[1]
HERD = """
import fastmas as fm


class Herd(fm.Model):
    n: int = 7
    follow = fm.Parameter(0.5, 0.0, 0.95)
    price = fm.State(100.0)

    def step(self, t, draw):
        for i in range(self.n):
            self.price += self.twice(draw.chance(self.follow)) - 1

    def twice(self, x):
        return 2 * x
"""
SHOWN = "\nprint(fm.simulate(Herd(), n_paths=2, n_steps=5, seed=3, n_threads=1).tolist())\n"


def run(arguments, *, script="", piped=False, tmp_path=None):
    """Run Python; `script` is its standard input, from a file or from a pipe."""
    given = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    options = {"capture_output": True, "text": True, "env": given, "timeout": 300}
    if not script or piped:
        return subprocess.run([sys.executable, *arguments], input=script or None, check=False, **options)
    file = tmp_path / "script.txt"
    file.write_text(script)
    with file.open() as stream:
        return subprocess.run([sys.executable, *arguments], stdin=stream, check=False, **options)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """What the text gives when it is a file."""
    file = tmp_path_factory.mktemp("herd") / "herd.py"
    file.write_text(HERD)
    return fm.simulate(models.get(str(file)), n_paths=2, n_steps=5, seed=3).tolist()


def test_given_with_c(paths):
    done = run(["-c", HERD + SHOWN])
    assert done.stdout.strip() == str(paths), done.stderr


def test_standard_input_that_is_a_file(paths, tmp_path):
    done = run(["-"], script=HERD + SHOWN, tmp_path=tmp_path)
    assert done.stdout.strip() == str(paths), done.stderr


def test_standard_input_that_is_a_pipe(paths):
    """Python keeps such a text from 3.13 on; before, it is gone, and the message says what to do."""
    done = run(["-"], script=HERD + SHOWN, piped=True)
    if sys.version_info >= (3, 13) and done.returncode == 0:
        assert done.stdout.strip() == str(paths)
        return
    last = done.stderr.strip().splitlines()[-1]
    assert "the text of Herd.step cannot be found; save the model in a file" in last


CELL = HERD.replace("2 * x", "2 * x + t_of_cell").replace("import fastmas as fm", "import fastmas as fm\nt_of_cell = 0")


def test_a_notebook_cell(paths):
    """A cell as IPython runs it: compiled under a name of its own, which linecache knows."""
    name, space = "<ipython-input-1-abcdef>", {"__name__": "__main__"}
    linecache.cache[name] = (len(CELL), None, CELL.splitlines(keepends=True), name)
    exec(compile(CELL, name, "exec"), space)
    model = space["Herd"]()
    del linecache.cache[name]  # the text was taken when the class was made
    assert fm.simulate(model, n_paths=2, n_steps=5, seed=3).tolist() == paths
    with pytest.raises(ModelError, match="cannot be found again; define it at the top level of a file"):
        models.origin(model)


@pytest.mark.skipif(importlib.util.find_spec("IPython") is None, reason="IPython is not installed")
def test_a_cell_of_ipython(paths):
    code = ("from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"
            f"shell.run_cell({HERD!r})\nshell.run_cell({SHOWN!r})\n")
    done = run(["-c", code])
    assert str(paths) in done.stdout, done.stdout + done.stderr


def test_a_class_inside_a_function(paths):
    shift = 0

    class Herd(fm.Model):
        n: int = 7
        follow = fm.Parameter(0.5, 0.0, 0.95)
        price = fm.State(100.0)

        def step(self, t, draw):
            for i in range(self.n):
                self.price += 2 * draw.chance(self.follow) - 1 + shift

    assert fm.simulate(Herd(), n_paths=2, n_steps=5, seed=3).tolist() == paths
    with pytest.raises(ModelError, match="cannot be found again"):
        models.origin(Herd())


# ---- files that change
def step_by(file, amount, wait=False):
    """A model that goes up by an amount each step, in a file of the same length whatever the amount."""
    file.write_text(textwrap.dedent(f"""
        import fastmas as fm

        class Up(fm.Model):
            x = fm.State(0.0)

            def step(self, t, draw):
                self.x += rise({amount})

        def rise(by):
            return {amount} * by
        """))


def ends(model):
    return oracle(model, n_paths=1, n_steps=2)["x"][0, -1]


def test_an_edited_file_loaded_again_is_the_new_model(tmp_path):
    """Also within the second that file systems and bytecode take for the same time."""
    file = tmp_path / "up.py"
    step_by(file, 1)
    first = models.get(str(file))
    assert ends(first) == 2
    step_by(file, 3)
    second = models.get(str(file))
    assert ends(second) == 18
    assert models.get(str(file)).__class__ is second.__class__  # and no third one
    assert fm.simulate(second, n_paths=1, n_steps=2)[0, -1] == 18
    with pytest.raises(ModelError, match=r"up\.py has changed since this model was made"):
        models.origin(first)


def test_a_class_keeps_its_rules_when_its_file_changes(tmp_path):
    """A method keeps its text; a function whose text is gone is refused; nothing is mixed."""
    file = tmp_path / "herd.py"
    file.write_text(HERD)
    model = models.get(str(file))
    file.write_text(HERD.replace("2 * x", "5 * x").replace("- 1", "- 4"))
    path = oracle(model, n_paths=1, n_steps=5)["price"][0]
    assert set(abs(path[1:] - path[:-1]) % 2) == {1.0}  # seven steps of one
    step_by(file := tmp_path / "up.py", 1)
    model = models.get(str(file))
    step_by(file, 3)
    linecache.checkcache()
    with pytest.raises(ModelError, match=r"up\.py:8, .*the text of rise cannot be found; save the model in a file"):
        ends(model)


def test_a_file_that_no_longer_imports(tmp_path):
    file = tmp_path / "up.py"
    step_by(file, 1)
    model = models.get(str(file))
    file.write_text("def broken(:\n")
    with pytest.raises(ModelError, match=r"up\.py cannot be imported: SyntaxError"):
        models.get(str(file))
    step_by(file, 1)
    assert ends(model) == ends(models.get(str(file)))


# ---- which model of a file
def test_the_model_of_a_file(tmp_path):
    file = tmp_path / "market.py"
    step_by(file, 1)
    assert models.get(str(file)).name == "up"
    one = file.read_text()
    file.write_text(one + one.replace("class Up", "class Down"))
    with pytest.raises(ModelError, match=r"defines Up, Down: bind one of them to MODEL, or say .*market\.py:Up"):
        models.get(str(file))
    assert models.get(f"{file}:Down").name == "down"
    file.write_text(file.read_text() + "\nMODEL = Down\n")
    assert models.get(str(file)).name == "down"
    file.write_text("from fastmas.models.stock_market import StockMarket\n")
    with pytest.raises(ModelError, match="defines no model: write a class with a `step`, or bind MODEL"):
        models.get(str(file))


# ---- other processes
WORKER = """
import pickle, sys
model = pickle.load(open(sys.argv[1], "rb"))
import fastmas as fm
print(fm.simulate(model, n_paths=2, n_steps=5, seed=3, n_threads=1).tolist())
"""


def test_pickled_into_another_process(paths, tmp_path):
    file = tmp_path / "herd.py"
    file.write_text(HERD)
    model = models.get(str(file), n=7)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    assert pickle.loads(pickle.dumps(model)).config == model.config
    done = run(["-c", WORKER, str(tmp_path / "model.pkl")])
    assert done.stdout.strip() == str(paths), done.stderr
    file.write_text(HERD + "\n# another\n")
    done = run(["-c", WORKER, str(tmp_path / "model.pkl")])
    assert "has changed since this model was pickled" in done.stderr


def test_a_spawned_worker_of_a_script(paths, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(HERD + """
def work(model):
    return fm.simulate(model, n_paths=2, n_steps=5, seed=3, n_threads=1).tolist()


if __name__ == "__main__":
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [Herd(n=7)])[0])
""")
    done = run([str(script)])
    assert done.stdout.strip() == str(paths), done.stderr


@pytest.mark.skipif(importlib.util.find_spec("cloudpickle") is None, reason="cloudpickle is not installed")
def test_by_value(paths, tmp_path):
    """A class of the command line goes to another process with its text."""
    code = HERD + f"\nimport cloudpickle\nopen({str(tmp_path / 'm.pkl')!r}, 'wb').write(cloudpickle.dumps(Herd()))\n"
    done = run(["-c", code])
    assert done.returncode == 0, done.stderr
    done = run(["-c", WORKER, str(tmp_path / "m.pkl")])
    assert done.stdout.strip() == str(paths), done.stderr


@pytest.mark.skipif(importlib.util.find_spec("joblib") is None, reason="joblib is not installed")
def test_joblib(paths):
    code = HERD + """
def work(model):
    return fm.simulate(model, n_paths=2, n_steps=5, seed=3, n_threads=1).tolist()

from joblib import Parallel, delayed
print(Parallel(n_jobs=2)(delayed(work)(Herd()) for _ in range(2))[0])
"""
    done = run(["-c", code])
    assert done.stdout.strip() == str(paths), done.stderr


def test_the_package_is_pickled_by_name():
    """A function that uses `fm` takes it along, whoever pickles it."""
    assert pickle.loads(pickle.dumps(fm)) is fm
    assert pickle.loads(pickle.dumps(models)) is models
