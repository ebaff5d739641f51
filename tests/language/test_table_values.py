"""A table of the class is a tuple, too: its elements, their sum and their number."""

from __future__ import annotations

import fastmas as fm


class Sizes(fm.Model):
    sizes: tuple = (3, 5, 7)
    x = fm.State(0)

    def step(self, t, draw):
        a, b, c = tuple(self.sizes)
        self.x = a + 10 * b + 100 * c + 1000 * (len(self.sizes) + sum(self.sizes))


def test_elements_sum_and_number():
    assert fm.simulate(Sizes(), n_paths=1, n_steps=1)[0, 1] == 18_753
