"""Compiles CUDA kernels without a GPU: `python cuda_ptx.py CASES.json FACTS.json [FOLDER for the PTX]`.

A case is [model name or FILE.py:NAME, configuration, dtype, threads a path]. Its facts: the source lines
of float64 instructions, the calls, the approximate instructions, the shuffles.
"""

from __future__ import annotations

import dis
import json
import re
import sys
from pathlib import Path

from numba import cuda, types
from numba.cuda import compiler, dispatcher

from fastmas import models
from fastmas.engine import cuda as engine
from fastmas.engine.cuda_functions import exact_arithmetic, reached_dispatchers
from fastmas.engine.job import rows_of
from fastmas.lowering.program import program_of
from fastmas.random.philox import path_part

CAPABILITY = (9, 0)  # an H200's
FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"([^"]*)"', re.M)
PLACE = re.compile(r"^\s*\.loc\s+(\d+)\s+(\d+)")


class Device:
    """What numba-cuda asks of a GPU while it compiles; without a driver it would find none to ask."""

    compute_capability = CAPABILITY


def signature(model, dtype):
    real, whole = getattr(types, dtype), types.int64
    some = [types.UniTuple(whole, n) for n in (2, 3, 2, 3, len(rows_of(program_of(model), ()).state), 4)]
    span, paths, times, key, slots, strides = some
    tables = types.Tuple([types.Array(real, 3, "C"), types.Array(whole, 2, "C")])
    sink = types.Tuple([types.Array(real, 1, "C"), types.Array(whole, 1, "C")])
    return types.void(span, tables, paths, times, key, slots, sink, strides)


def has_lines(function):
    """Whether numba-cuda can number its lines; of a body that is a docstring it cannot."""
    return len(list(dis.get_instructions(function))) > 3


def compile_ptx(model, dtype, parts):
    """PTX of the model's kernel, with the source line of each instruction."""
    program = program_of(model)
    for kernel in reached_dispatchers(program.init, program.step, path_part):
        kernel.targetoptions["lineinfo"] = has_lines(kernel.py_func)
    with exact_arithmetic(program.init, program.step):
        run = engine.load_kernel(program, rows_of(program_of(model), ()), dtype, parts)
        return cuda.compile_ptx(run.py_func, signature(model, dtype), cc=CAPABILITY, lineinfo=True)[0]


def places(text, pattern):
    """FILE:LINE of every instruction that matches."""
    files, found, place = dict(FILE.findall(text)), set(), "?"
    for line in text.splitlines():
        if at := PLACE.match(line):
            place = f"{Path(files.get(at[1], '?')).name}:{at[2]}"
        elif re.search(pattern, line.partition("//")[0]):
            found.add(place)
    return sorted(found)


def facts(text):
    code = re.sub(r"//.*", "", text)
    return {
        "float64": places(text, r"^\s+(@\S+ )?[\w.]*\.f64\b"),
        "calls": places(text, r"^\s+(@\S+ )?call\b"),
        "approximate": sorted(set(re.findall(r"\b\w+\.approx\.(?:ftz\.)?f32", code))),
        "flushed": len(re.findall(r"\.ftz\.", code)),
        "shuffles": len(re.findall(r"\bshfl\.", code)),
        "entries": len(re.findall(r"\.entry\b", code)),
        "functions": len(re.findall(r"^\s*(\.visible )?\.func\b", code, re.M)),
    }


def main(cases_file, out, folder=None):
    dispatcher.get_current_device = compiler.get_current_device = Device
    cases, found = json.loads(Path(cases_file).read_text()), {}
    for key, (name, config, dtype, parts) in cases.items():
        text = compile_ptx(models.get(name, **config), dtype, parts)
        found[key] = facts(text)
        if folder:
            (Path(folder) / f"{key}.ptx").write_text(text)
    Path(out).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
