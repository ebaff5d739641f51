"""One text with an observable of each domain, each of which one parameter moves."""

import fastmas as fm
from fastmas.language import exp, sigmoid


class Tiny(fm.Model):
    n_people: int = 20

    volatility = fm.Parameter(0.02, 0.001, 0.2, scale="log")
    centre = fm.Parameter(0.0, -5.0, 5.0)
    chance = fm.Parameter(0.2, 0.01, 0.99)
    tilt = fm.Parameter(0.0, -4.0, 4.0)
    stays = fm.Parameter(0.5, 0.02, 0.98)

    price = fm.State(100, domain="price")
    level = fm.State(0, domain="real")
    arrivals = fm.State(0, domain="count")
    part = fm.State(0.5, domain="share")
    code = fm.State(0, domain="category")
    volume = fm.State(1, domain="price")
    hidden = fm.State(0, shown=False)

    def step(self, t, draw):
        move = self.volatility * draw.normal()
        self.price *= exp(move)
        self.level += 0.3 * (self.centre - self.level) + 0.3 * draw.normal()
        self.arrivals = draw.count(self.n_people, self.chance)
        self.part = sigmoid(self.tilt + draw.normal())
        self.code = self.code if draw.chance(self.stays) else 1 - self.code
        self.volume = exp(0.1 * draw.normal() + 5 * abs(move))
        self.hidden = self.level + 1


MODEL = Tiny
