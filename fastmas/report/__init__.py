"""Pictures and one self-contained page from a run directory; nothing in it is unpickled."""

from fastmas.report.writing import build

__all__ = ["build"]
