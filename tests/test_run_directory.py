"""Run directories: whole after any kill, and clear about what is wrong with them."""

import csv
import io
import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from safetensors.numpy import save

import fastmas
from fastmas import limits
from fastmas.errors import Interrupted, MemoryLimitError, OutputError, RunDirectoryError, SimulationError
from fastmas.report.writing import png
from fastmas.storage import digests
from fastmas.storage.run_directory import RunDirectory

CONFIG = {"model": "stock-market", "free": ["kappa"], "n": np.int64(3), "best": math.nan,
          "place": Path("a/b")}


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path / "run", CONFIG)


# ---------------------------------------------------------------------- create


def test_create_writes_the_configuration_stamped_and_nothing_else(run):
    assert [p.name for p in run.path.iterdir()] == ["config.json"]
    expected = {"model": "stock-market", "free": ["kappa"], "n": 3, "best": None, "place": "a/b",
                "format": "fastmas-run", "version": fastmas.__version__}
    expected["digest"] = digests.of_json(expected)
    assert json.loads((run.path / "config.json").read_text()) == expected
    assert RunDirectory.open(run.path).config == run.config == expected
    assert not run.has_result


def test_create_makes_parents_and_fills_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    RunDirectory.create(tmp_path / "empty", CONFIG)
    RunDirectory.create(tmp_path / "a" / "b" / "run", CONFIG)
    assert RunDirectory.open(tmp_path / "a" / "b" / "run").config["model"] == "stock-market"


def test_a_run_is_as_readable_as_its_neighbours(tmp_path):
    mask = os.umask(0o022)
    try:
        run = RunDirectory.create(tmp_path / "run", CONFIG)
    finally:
        os.umask(mask)
    assert run.path.stat().st_mode & 0o777 == 0o755
    assert (run.path / "config.json").stat().st_mode & 0o777 == 0o644


def test_create_refuses_a_run_and_offers_both_ways_out(run):
    with pytest.raises(RunDirectoryError, match="holds a run already") as caught:
        RunDirectory.create(run.path, CONFIG)
    assert f"fastmas resume {run.path}" in str(caught.value)
    assert "--overwrite" in str(caught.value)


def finished(run):
    """All that a run can hold, and what a user put beside it."""
    run.save_json("result.json", {"run": 1})
    run.save_arrays("sample.npz", {"x_obs": np.zeros((2, 3))})
    run.save_checkpoint({}, {"generation": 3})
    run.save_history([{"generation": 1}])
    (run.path / "figures").mkdir()
    (run.path / "figures" / "history.png").write_bytes(png(Figure()))
    (run.path / "report.html").touch()
    (run.path / "notes.txt").write_text("mine")
    return run


def everything_in(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_overwrite_removes_what_fastmas_wrote_and_only_that_when_there_is_a_result(run):
    before = everything_in(finished(run).path)
    again = RunDirectory.create(run.path, {"model": "other"}, overwrite=True)
    again.save_arrays("draws.npz", {"draws": np.zeros(3)})
    kept = everything_in(run.path)
    assert {name: kept[name] for name in before} == before  # a new run that has nothing yet takes nothing away
    assert RunDirectory.open(run.path).config["model"] == "stock-market"
    assert RunDirectory.open(run.path, unfinished=True).config["model"] == "other"
    again.save_json("result.json", {"run": 2})
    there = again.finish()
    assert there.path == run.path
    assert sorted(p.name for p in run.path.iterdir()) == ["config.json", "draws.npz", "notes.txt", "result.json"]
    assert RunDirectory.open(run.path).config["model"] == "other"
    assert there.load_json("result.json")["run"] == 2
    assert there.load_checkpoint() is None


def test_a_third_run_takes_the_place_of_an_unfinished_second(run):
    finished(run)
    RunDirectory.create(run.path, {"model": "second"}, overwrite=True).save_checkpoint({}, {"generation": 1})
    third = RunDirectory.create(run.path, {"model": "third"}, overwrite=True)
    assert third.load_checkpoint() is None
    assert RunDirectory.open(run.path, unfinished=True).config["model"] == "third"


def test_overwrite_keeps_files_of_the_users_among_the_figures(run):
    finished(run)
    for name in ("mine.svg", "mine.png"):
        (run.path / "figures" / name).write_bytes(b"a picture")
    again = RunDirectory.create(run.path, CONFIG, overwrite=True)
    again.save_json("result.json", {})
    again.finish()
    assert sorted(p.name for p in (run.path / "figures").iterdir()) == ["mine.png", "mine.svg"]


def end_with(fault, path, config, *, checkpoint=False):
    """Begin a run, write something, and fail."""
    with pytest.raises(fault), RunDirectory.begin(path, config, overwrite=True) as run:  # noqa: PT012
        run.save_arrays("data.npz", {"x": np.zeros(3)})
        if checkpoint:
            run.save_checkpoint({}, {"generation": 1})
        raise fault("every path ran away")


@pytest.mark.parametrize("is_there", [False, True])
def test_a_run_that_comes_to_nothing_leaves_nothing(tmp_path, is_there):
    """Ctrl-C and what comes after a checkpoint leave something to go on with."""
    path = tmp_path / "run"
    if is_there:
        finished(RunDirectory.create(path, CONFIG))
    before = everything_in(tmp_path)
    end_with(SimulationError, path, {"model": "lost"})
    assert {k: v for k, v in everything_in(tmp_path).items() if k != "run/lock"} == before
    assert path.exists() == is_there
    end_with(Interrupted, path, {"model": "new"})
    assert RunDirectory.open(path, unfinished=True).config["model"] == "new"
    end_with(SimulationError, path, {"model": "newer"}, checkpoint=True)
    assert RunDirectory.open(path, unfinished=True).load_checkpoint() == ({}, {"generation": 1})


def test_links_are_not_followed(run, tmp_path):
    """Neither read, nor written through, nor deleted behind."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "bashrc").write_text("years of work")
    (elsewhere / "history.png").write_bytes(png(Figure()))
    for name in ("lock", "data.npz", "result.json", "checkpoint.safetensors"):
        (run.path / name).symlink_to(elsewhere / "bashrc")
    (run.path / "figures").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="lock: it is a link"), run.lock():
        pass
    for read in (lambda: run.load_arrays("data.npz"), lambda: run.load_json("result.json"), run.load_checkpoint):
        with pytest.raises(RunDirectoryError, match="cannot be read: it is a link"):
            read()
    run.save_json("result.json", {"new": 1})
    again = RunDirectory.create(run.path, CONFIG, overwrite=True)
    again.save_json("result.json", {})
    again.finish()
    assert everything_in(elsewhere).keys() == {"bashrc", "history.png"}
    assert (elsewhere / "bashrc").read_text() == "years of work"
    assert not (run.path / "result.json").is_symlink()


def test_what_never_ends_is_not_read(run):
    os.mkfifo(run.path / "data.npz")
    with pytest.raises(RunDirectoryError, match=r"data\.npz cannot be read: not a plain file"):
        run.load_arrays("data.npz")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"0" * 1_000_000)
    (run.path / "sample.npz").write_bytes(bomb.getvalue())
    with pytest.raises(RunDirectoryError, match="damaged"):
        run.load_arrays("sample.npz")


def test_a_bomb_is_refused_by_its_size(run, monkeypatch):
    run.save_arrays("sample.npz", {"x": np.zeros(10_000_000)})
    monkeypatch.setattr(limits, "available_memory", lambda: 50_000_000)
    with pytest.raises(MemoryLimitError, match="sample.npz need 0.08 GB"):
        run.load_arrays("sample.npz")


@pytest.mark.parametrize("name", ["config.json", "result.json"])
def test_a_changed_digit_is_seen(run, name):
    """Whichever it is."""
    run.save_json("result.json", {"estimate": {"kappa": 1.25}, "seed": 7, "list": [1, 2.5]})
    text = (run.path / name).read_text()
    for i in (i for i, c in enumerate(text) if c.isdigit() and text[i - 1] != "\\"):
        (run.path / name).write_text(text[:i] + str((int(text[i]) + 1) % 10) + text[i + 1:])
        with pytest.raises(RunDirectoryError, match=rf"{name} was changed|was made by|is damaged"):
            RunDirectory.open(run.path).load_json("result.json")


@pytest.mark.parametrize("content", [None, "{}", '{"format": "other"}', "not json", "[1]"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_folder_is_never_touched(tmp_path, content, overwrite):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "result.json").write_text("years of work")
    if content is not None:
        (folder / "config.json").write_text(content)
    before = {p.name: p.read_text() for p in folder.iterdir()}
    with pytest.raises(RunDirectoryError, match="nothing in it was touched"):
        RunDirectory.create(folder, CONFIG, overwrite=overwrite)
    assert {p.name: p.read_text() for p in folder.iterdir()} == before


def test_create_refuses_a_file_and_a_link_to_nowhere(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunDirectoryError, match="file is a file"):
        RunDirectory.create(tmp_path / "file", CONFIG, overwrite=True)
    with pytest.raises(RunDirectoryError, match="link to nowhere"):
        RunDirectory.create(tmp_path / "link", CONFIG)


def test_create_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write .*file/run"):
        RunDirectory.create(tmp_path / "file" / "run", CONFIG)


def test_create_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        RunDirectory.create(tmp_path / "run", CONFIG)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- open


def test_open_names_what_is_wrong(tmp_path, run):
    with pytest.raises(RunDirectoryError, match="nowhere is no folder"):
        RunDirectory.open(tmp_path / "nowhere")
    with pytest.raises(RunDirectoryError, match=r"not a run directory: it has no config\.json"):
        RunDirectory.open(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(RunDirectoryError, match="fastmas-run"):
        RunDirectory.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": "fastmas-run"', b"\xff\xfe\x00"])
def test_open_names_a_damaged_configuration(run, content):
    (run.path / "config.json").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"run/config\.json is damaged .*; restore it"):
        RunDirectory.open(run.path)


@pytest.mark.parametrize("version", ["99.0.0", None])
def test_open_names_both_versions_and_the_remedy(run, version):
    config = digests.stamped({**run.config, "version": version})
    (run.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunDirectoryError) as caught:
        RunDirectory.open(run.path)
    for part in (f"fastmas {version}", f"fastmas {fastmas.__version__}", f"fastmas=={version}"):
        assert part in str(caught.value)


def test_patch_releases_read_each_others_runs(run):
    config = digests.stamped({**run.config, "version": fastmas.__version__.rpartition(".")[0] + ".999"})
    (run.path / "config.json").write_text(json.dumps(config))
    assert RunDirectory.open(run.path).config == config


# ---------------------------------------------------------------------- checkpoint

ARRAYS = {
    "float64": np.array([0.1, -0.0, np.inf, -np.inf, np.nan, 5e-324]),
    "float32": np.float32([[1.1, 2.2], [3.3, 4.4]]),
    "int64": np.array([-2**63, 2**63 - 1]),
    "uint64": np.array([2**64 - 1], dtype=np.uint64),
    "uint8": np.arange(256, dtype=np.uint8),
    "bool": np.array([[True, False, True]]),
    "scalar": np.array(1.5),
    "true": np.array(True),
    "empty": np.zeros((0, 3)),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10.0)[::3],
    "nan with a payload": np.array([0x7FF8_0000_DEAD_BEEF], dtype=np.uint64).view(np.float64),
}
STATE = {"generation": 7, "best": math.inf, "loss": -math.inf, "text": "é, \u0000", "none": None, "sd": 0.1,
         "words": [2**128 - 1, {"deep": [True, 1e-300]}], "numpy": np.float64(0.3), "": {}}


def test_checkpoint_comes_back_bit_for_bit(run):
    assert run.load_checkpoint() is None
    run.save_checkpoint(ARRAYS, STATE)
    arrays, state = RunDirectory.open(run.path).load_checkpoint()
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()
    assert state == STATE


def test_checkpoint_keeps_nan_in_the_state_and_is_writeable(run):
    run.save_checkpoint({"x": np.zeros(2)}, {"loss": math.nan})
    arrays, state = run.load_checkpoint()
    assert math.isnan(state["loss"])
    arrays["x"] += 1


@pytest.mark.parametrize("array", [np.array([None]), np.array(["text"]), np.array([1j]),
                                   np.array(["2020-01-01"], dtype="datetime64[D]")])
def test_checkpoint_refuses_what_would_not_come_back(run, array):
    with pytest.raises(ValueError, match="neither numbers nor bools"):
        run.save_checkpoint({"x": array}, {})
    with pytest.raises(TypeError, match="no place in JSON"):
        run.save_checkpoint({}, {"x": object()})
    assert run.load_checkpoint() is None


def test_a_damaged_checkpoint_is_named_with_the_remedy(run):
    run.save_checkpoint({"x": np.arange(20.0)}, {"generation": 7})
    path = run.path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunDirectoryError) as caught:
        run.load_checkpoint()
    for part in ("checkpoint.safetensors is damaged", "restore it, or delete it",
                 f"fastmas resume {run.path}"):
        assert part in str(caught.value)


def test_a_foreign_safetensors_file_is_damaged(run):
    (run.path / "checkpoint.safetensors").write_bytes(save({"x": np.zeros(3)}))
    with pytest.raises(RunDirectoryError, match="not a whole safetensors file"):
        run.load_checkpoint()


# ---------------------------------------------------------------------- results


def test_json_is_strict_and_nan_is_null(run):
    content = {"estimate": {"kappa": np.float32(0.5)}, "interval": {"kappa": (0.1, math.inf)},
               "auc": math.nan, "n": np.arange(3), "flag": np.bool_(True), 1: "one"}
    run.save_json("result.json", content)
    assert run.has_result
    assert run.load_json("result.json") == {
        "estimate": {"kappa": 0.5}, "interval": {"kappa": [0.1, None]}, "auc": None, "n": [0, 1, 2],
        "flag": True, "1": "one"}
    assert "NaN" not in (run.path / "result.json").read_text()


def test_json_refuses_what_it_cannot_say(run):
    with pytest.raises(TypeError, match="object"):
        run.save_json("result.json", {"x": object()})
    assert not run.has_result


@pytest.mark.parametrize("name", ["notes.json", "../result.json", "lock", ""])
def test_names_that_overwrite_would_not_delete_are_refused(run, name):
    with pytest.raises(ValueError, match="no file of a run"):
        run.save_json(name, {})


def test_history_round_trip(run):
    rows = [{"generation": 1, "loss": 0.1, "kappa": math.nan, "best": math.inf, "phase": "game, first",
             "stalled": np.bool_(False)},
            {"generation": np.int64(2), "loss": np.float64(1e-17), "auc": 0.5, "kappa": None}]
    run.save_history(rows)
    back = run.load_history()
    assert list(back[0]) == ["generation", "loss", "kappa", "best", "phase", "stalled", "auc"]
    assert math.isnan(back[0].pop("kappa"))
    assert back[0] == {"generation": 1, "loss": 0.1, "best": math.inf, "phase": "game, first", "stalled": 0,
                       "auc": None}
    assert back[1] == {"generation": 2, "loss": 1e-17, "kappa": None, "best": None, "phase": None,
                       "stalled": None, "auc": 0.5}


def test_history_before_the_first_generation(run):
    assert run.load_history() == []
    run.save_history([])
    assert run.load_history() == []


def test_damaged_history_names_the_line(run):
    (run.path / "history.csv").write_text("generation,loss\n1,0.5\n2\n")
    with pytest.raises(RunDirectoryError, match=r"history\.csv is damaged: line 3 has 1 of 2 cells"):
        run.load_history()
    (run.path / "history.csv").write_bytes(b"\xff\xff")
    with pytest.raises(RunDirectoryError, match=r"history\.csv is damaged"):
        run.load_history()


def test_history_is_plain_csv(run):
    run.save_history([{"generation": 1, "b[0]": 0.5}])
    with open(run.path / "history.csv", newline="") as file:
        assert list(csv.reader(file)) == [["generation", "b[0]"], ["1", "0.5"]]


def test_arrays_round_trip_without_pickle(run):
    arrays = {"x_obs": np.arange(6.0).reshape(2, 3), "names": np.array(["kappa", "gamma"])}
    run.save_arrays("sample.npz", arrays)
    back = run.load_arrays("sample.npz")
    assert all(np.array_equal(back[k], v) for k, v in arrays.items())
    with pytest.raises(ValueError, match="'x' holds Python objects"):
        run.save_arrays("sample.npz", {"x": np.array([{}])})
    assert run.load_arrays("sample.npz").keys() == arrays.keys()


@pytest.mark.parametrize("size", [0, 1, 100, 300])
def test_damaged_arrays_and_missing_files_are_named(run, size):
    run.save_arrays("sample.npz", {"x_obs": np.arange(100.0)})
    path = run.path / "sample.npz"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RunDirectoryError, match=r"sample\.npz is damaged"):
        run.load_arrays("sample.npz")
    with pytest.raises(RunDirectoryError, match=r"result\.json cannot be read: No such file"):
        run.load_json("result.json")
