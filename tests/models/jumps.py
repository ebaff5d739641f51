"""A text that only paths one by one can run: whiles in loops, breaks, early returns, draws in all of them."""

from __future__ import annotations

from fastmas.language import Agents, Model, Parameter, State


class Jumps(Model):
    """Orders that come one after another, and traders who are asked until one is late."""

    name = "jumps"

    n_traders: int = 40

    rate = Parameter(3.0, 0.5, 8.0, doc="orders in a step")
    price = State(100.0)
    n_orders = State(0)
    view = Agents("n_traders")

    def start(self, draw):
        self.price = 100 + draw.normal()
        while draw.uniform() < 0.5:
            self.price += draw.normal()

    def step(self, t, draw):
        clock = draw.exponential() / self.rate
        self.n_orders = 0
        while clock < 1:
            for i in range(self.n_traders):
                if draw.uniform() < 0.1:
                    break
                self.view[i] += draw.normal()
                while draw.chance(0.3):
                    self.price += 0.01 * self.shock(draw)
            self.n_orders += draw.count(5, 0.5)
            clock += draw.exponential() / self.rate
        for k in (1, 2, 3):
            if draw.uniform() < 0.2:
                break
            self.price += k * 0.01 * draw.normal()
        for i in range(2, 5):
            if draw.uniform() < 0.2:
                continue
            self.price += 0.1 * draw.laplace() + 0.001 * self.view[i]

    def shock(self, draw):
        if draw.chance(0.5):
            return draw.normal()
        for i in range(3):  # noqa: B007
            if draw.chance(0.5):
                return 2 * draw.normal()
        return draw.normal() + draw.normal()


MODEL = Jumps
