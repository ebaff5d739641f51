"""The folder of an ablation, and its files."""

from __future__ import annotations

from fastmas.study_folder import StudyFolder

RESULT, PICTURE, PAGE = "result.json", "smoothing.png", "report.html"


class Folder(StudyFolder):
    """More data sets, temperatures or updaters may be asked for."""

    format, kind, made = "fastmas-ablation", "ablation", (RESULT, PICTURE, PAGE)
