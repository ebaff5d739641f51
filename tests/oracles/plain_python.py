"""Runs a model's kernels as plain Python: `python plain_python.py OUT.npz SIZES.json MODELS.json`.

With NUMBA_DISABLE_JIT=1 in the environment the engine itself is plain Python, so that any fault of
compilation, a wrong type or a read outside an array shows as a difference or an error.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from fastmas import models
from fastmas.lowering.program import program_of
from fastmas.random.philox import TWO, WEYL_0, WEYL_1, path_part
from fastmas.simulate import simulate

GUARD, EXTRA = 77, 3


def paths(model, sizes):
    """Every observable that is a state row, stacked."""
    rows = [o for o in model.observables if o.transform is None]
    return np.stack([simulate(model, observable=o.name, **sizes) for o in rows])


def guarded(shape, dtype):
    """An array with EXTRA lanes more than the kernel is told of, all full of GUARD."""
    array = np.full((*shape[:-1], shape[-1] + EXTRA), GUARD, dtype=dtype)
    array[..., :shape[-1]] = 0
    return array


def stray_writes(model, lanes=2, n_steps=12):
    """Names of what the two kernels wrote and must not: lanes beyond theirs, theta, integers, the address."""
    values = model.space().base[None]
    program = program_of(model)
    reals, whole = program.split(values)
    theta = np.repeat(reals.T, lanes + EXTRA, axis=1)
    state = tuple(guarded((lanes,), np.float32) for _ in range(program.n_state))
    words = tuple(guarded((lanes,), np.uint32) for _ in range(program.n_words))
    history = guarded((max(1, program.n_history), lanes), program.history_dtype)
    a, b, c = (np.zeros(lanes + EXTRA, dtype=np.uint64) for _ in range(3))
    for w in range(lanes):
        a[w], b[w], c[w] = path_part(w, 0, 0)
    address = (a, b, c, (np.uint64(1), np.uint64(1) + TWO * WEYL_0, TWO * WEYL_1), (0, 1))
    read_only = {"theta": theta, "integers": whole, "address": np.stack([a, b, c])}
    before = {k: v.copy() for k, v in read_only.items()}
    more = (words, history, address) if program.draws_at_start else (history,)
    program.init(lanes, state, *more, theta, whole[0])
    for t in range(1, n_steps + 1):
        program.step(t, lanes, state, words, history, address, theta, whole[0])
    read_only["address"] = np.stack([a, b, c])
    faults = [k for k, v in read_only.items() if not np.array_equal(v, before[k])]
    written = {"state": state, "history": (history,), "words": words}
    return faults + [k for k, arrays in written.items() for v in arrays if (v[..., lanes:] != GUARD).any()]


def main(out, sizes_file, models_file):
    with open(sizes_file) as sizes_text, open(models_file) as models_text:
        sizes, cases = json.load(sizes_text), json.load(models_text)
    built = {key: models.get(name, **config) for key, (name, config) in cases.items()}
    np.savez(out, **{key: paths(model, sizes) for key, model in built.items()})
    with open(out + ".json", "w") as text:
        json.dump({key: stray_writes(model) for key, model in built.items()}, text)


if __name__ == "__main__":
    main(*sys.argv[1:])
