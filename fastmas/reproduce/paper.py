"""`fastmas reproduce paper`: play what is not played yet, then measure, draw and write the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from fastmas.errors import Interrupted, RunDirectoryError
from fastmas.files import cannot_write, plain, to_json, write_atomically
from fastmas.report.writing import png
from fastmas.reproduce.experiment import SEPARATE, TIED, Experiment
from fastmas.reproduce.findings import Findings, find
from fastmas.reproduce.methods import chosen
from fastmas.reproduce.page import page
from fastmas.reproduce.pictures import pictures
from fastmas.reproduce.runs import Key, Run, load, play
from fastmas.reproduce.setting import Setting

FORMAT = "fastmas-reproduction"
SETTING, RESULT, PAGE, RUNS, FIGURES = "setting.json", "result.json", "paper.html", "runs", "figures"
Tell = Callable[[Mapping[str, Any]], None]


def reproduce(out: str | Path, setting: Setting | None = None, *, methods: Iterable[str] | None = None,
              parameters: Iterable[str] = (TIED, SEPARATE), sets: int = 1, overwrite: bool = False,
              tell: Tell = lambda event: None) -> Findings:
    """Play the paper's experiment and write figures, `result.json` and `paper.html` into a folder.

    Parameters
    ----------
    out
        A new folder, or one of the same setting: runs that are finished there are not played again.
    methods : iterable of str, optional
        "torch", the plain loop, and names of updaters; by default those of `fastmas.reproduce.methods.USUAL`.
    parameters : iterable of {"tied", "separate"}
        One b, c and d, or 19 values.
    sets : int
        Data sets, each with all starts.
    overwrite : bool
        Replace a reproduction of another setting.

    Raises
    ------
    ParameterError
        An unknown method, or a size that cannot be.
    RunDirectoryError
        A folder that holds something else, or another setting.
    OutputError
        It cannot be written.
    Interrupted
        Ctrl-C; finished runs are kept.
    """
    setting, names = setting or Setting(), chosen(methods)
    keys = [Key(kind, k, name, start) for kind in parameters for k in range(1, sets + 1)
            for start in range(1, setting.n_starts + 1) for name in names]
    folder = _folder(Path(out), setting, overwrite)
    runs: list[Run] = []
    try:
        for key in keys:
            run = load(folder / RUNS, key)
            if run is None:
                tell({"phase": key.text})
                run = play(Experiment(setting, key.parameters, key.number), key, tell)
                run.save(folder / RUNS)
            runs.append(run)
        found = find(setting, runs, tell)
        _write(folder, found, tell)
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted; {len(runs)} of {len(keys)} runs are kept in {folder}, and the same command "
                          "goes on") from error
    return found


def _write(folder: Path, found: Findings, tell: Tell) -> None:
    tell({"phase": "drawing"})
    drawn = [(picture, png(picture.figure)) for picture in pictures(found)]
    for picture, image in drawn:
        write_atomically(folder / FIGURES / f"{picture.name}.png", image)
    write_atomically(folder / RESULT, to_json(found.plain()))
    write_atomically(folder / PAGE, page(found, drawn))


def _folder(path: Path, setting: Setting, overwrite: bool) -> Path:
    """The folder, made or found, with its setting in it."""
    content = to_json({"format": FORMAT, **plain(setting.plain())})
    if path.exists() and not path.is_dir():
        raise RunDirectoryError(f"{path} is a file; give --out another folder")
    try:
        if path.is_dir() and any(path.iterdir()):
            if _kept(path) == json.loads(content):
                return path
            if not overwrite:
                raise RunDirectoryError(f"{path} holds a reproduction of another setting; give --out another folder, "
                                        "or --overwrite to replace it")
            _clear(path)
        for part in (RUNS, FIGURES):
            (path / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    write_atomically(path / SETTING, content)
    return path


def _kept(path: Path) -> Any:
    """The setting of the reproduction that is there."""
    try:
        content = json.loads((path / SETTING).read_text(encoding="utf-8"))
        known = content.get("format") == FORMAT
    except (OSError, ValueError, AttributeError):
        known = False
    if not known:
        raise RunDirectoryError(f"{path} is neither empty nor a reproduction, and nothing in it was touched; "
                                "give --out another folder")
    return content


def _clear(path: Path) -> None:
    """Remove what this command writes, and nothing else; the setting last."""
    for part in (RUNS, FIGURES):
        shutil.rmtree(path / part, ignore_errors=True)
    for name in (RESULT, PAGE, SETTING):
        (path / name).unlink(missing_ok=True)


