"""Simulators that people already have: any function of parameters and a seed, any program, any object with `step()`.

`BlackBox` and `Executable` are models like any other for whoever simulates or calibrates them. Their paths come from
worker processes (`pool`), a few of them for each model, which stay: a path that takes too long, raises, ends its
process or has another shape is one path that is lost and counted (`tally`), and looks like nothing in the data.
"""

from fastmas.external.black_box import BlackBox
from fastmas.external.executable import Executable

__all__ = ["BlackBox", "Executable"]
