"""Philox words: the published vectors, the split rounds against the plain ones, plain Python."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from fastmas.engine.lanes import stack_array
from fastmas.random import draw_words, philox4x32
from fastmas.random.philox import MASK, TWO, WEYL_0, WEYL_1, path_part

LAST = 2**32 - 1


def address_of(paths, seed=0, run=0, purpose=0):
    """What the engine hands to a step, for these paths."""
    parts = [path_part(int(path), purpose, run) for path in paths]
    a, b, c = (np.array(column, dtype=np.uint64) for column in zip(*parts, strict=True))
    key_0 = (np.uint64(seed) + TWO * WEYL_0) & MASK
    key_1 = (np.uint64(run) + TWO * WEYL_1) & MASK
    return a, b, c, (np.uint64(seed), key_0, key_1), (0, 1)


def plain(file):
    """What sample() of a test file returns where kernels are plain Python and warnings are errors."""
    file = Path(file)
    code = f"import json, {file.stem} as tests; print(json.dumps(tests.sample()))"
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        cwd=file.parent, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True,
        check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def room(lanes):
    """Four lane arrays for words."""
    return tuple(np.zeros(lanes, dtype=np.uint32) for _ in range(4))


def words_of(address, t, slot):
    words = room(len(address[0]))
    draw_words(len(address[0]), address, t, slot, *words)
    return np.stack(words, axis=1)


def addresses(n):
    """Random addresses, then the smallest and the largest: (paths, t, slot, purpose, seed, run)."""
    rng = np.random.default_rng(2011)
    yield from ((rng.integers(0, 2**32, 64), *(int(v) for v in rng.integers(0, 2**32, 5)))
                for _ in range(n))
    yield np.array([0, LAST]), 0, 0, 0, 0, 0
    yield np.array([0, LAST]), LAST, LAST, LAST, LAST, LAST


# Random123 (Salmon et al. 2011), tests/kat_vectors, philox4x32 with 10 rounds: counter, key, words.
KNOWN_ANSWERS = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((LAST,) * 4, (LAST,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_philox_gives_the_published_words(counter, key, words):
    assert philox4x32(*counter, *key) == words


@pytest.mark.parametrize("address", list(addresses(12)))
def test_split_rounds_equal_plain_rounds(address):
    paths, t, slot, purpose, seed, run = address
    found = words_of(address_of(paths, seed, run, purpose), t, slot)
    expected = [philox4x32(int(path), t, slot, purpose, seed, run) for path in paths]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5, 7, 8, 63, 64])
def test_any_number_of_lanes_has_the_same_words(lanes):
    """Lanes are drawn four at a time, and what is left one by one."""
    found = words_of(address_of(range(lanes), 5, 6, 7), 8, 9)
    expected = [philox4x32(path, 8, 9, 7, 5, 6) for path in range(lanes)]
    np.testing.assert_array_equal(found, expected)


def test_only_the_lanes_asked_for_are_written():
    words = [np.full(8, 7, dtype=np.uint32) for _ in range(4)]
    draw_words(5, address_of(range(8)), 1, 2, *words)
    assert (np.stack(words)[:, 5:] == 7).all()
    np.testing.assert_array_equal(np.stack(words, axis=1)[:5], words_of(address_of(range(5)), 1, 2))


def sample():
    """Words of a few addresses, as lists."""
    rows = []
    for paths, t, slot, purpose, seed, run in addresses(3):
        address = address_of(paths[:2], seed, run, purpose)
        direct = philox4x32(int(paths[0]), t, slot, purpose, seed, run)
        rows += [words_of(address, t, slot).tolist(), [int(word) for word in direct]]
    return rows


def test_plain_python_gives_the_same_words():
    assert plain(__file__) == sample()


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_words_are_made_several_lanes_at_a_time():
    """In a block as the engine has it: a constant number of lanes, and arrays on the stack."""
    lane_words, lane_parts = stack_array((64,), numba.uint32), stack_array((64,), numba.uint64)

    @numba.njit
    def block(t, address, out):
        words = (lane_words(), lane_words(), lane_words(), lane_words())
        a, b, c = lane_parts(), lane_parts(), lane_parts()
        for w in range(64):
            a[w], b[w], c[w] = address[0][w], address[1][w], address[2][w]
        draw_words(64, (a, b, c, address[3]), t, 0, *words)
        for w in range(64):
            out[w, 0], out[w, 1], out[w, 2], out[w, 3] = words[0][w], words[1][w], words[2][w], words[3][w]

    address, found = address_of(range(64)), np.zeros((64, 4), dtype=np.uint32)
    block(1, address, found)
    np.testing.assert_array_equal(found, words_of(address, 1, 0))
    code = "".join(block.inspect_llvm().values())
    assert len(re.findall(r"mul .*<\d+ x i64>", code)) >= 16 * 4
    assert "double" not in code
