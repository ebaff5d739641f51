"""Digests by which a change is seen: of what a run was asked, of its data, of its model's source, of its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.errors import RunDirectoryError
from fastmas.files import plain

DIGEST = "digest"  # of a JSON file: its own, of everything else in it


def of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, given in sorted(arrays.items()):
        array = np.ascontiguousarray(given)
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def of_json(content: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, whatever their order, without the digest that stands among them."""
    kept = {key: value for key, value in plain(content).items() if key != DIGEST}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def stamped(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content as a JSON file keeps it, with its digest."""
    kept = plain(dict(content))
    return {**kept, DIGEST: of_json(kept)}


def check(path: Path, content: Any) -> None:
    """Raise RunDirectoryError if the content of a file is not what fastmas wrote; one without a digest passes."""
    if isinstance(content, Mapping) and DIGEST in content and content[DIGEST] != of_json(content):
        raise RunDirectoryError(f"{path} was changed after fastmas wrote it: put it back as it was, or start anew in "
                                "another folder")


def unstamped(path: Path, content: Any) -> Any:
    """The checked content of a file, without its digest."""
    check(path, content)
    return {k: v for k, v in content.items() if k != DIGEST} if isinstance(content, Mapping) else content
