"""Price data in: one door, `observe`, from a file, a built-in name, an array or a pandas object."""

from fastmas.data.windows import Observations, observe

__all__ = ["Observations", "observe"]
