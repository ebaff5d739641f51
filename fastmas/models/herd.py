"""A herd: the more traders bought in the last step, the likelier each buys in this one."""

from fastmas.language import Model, Parameter, State


class Herd(Model):
    source = "fastmas, README: the smallest model with agents"

    n_traders: int = 20
    follow = Parameter(0.5, 0.0, 0.95, doc="how much a trader follows")
    rho = Parameter(0.05, 0.001, 0.5, scale="log", doc="price impact")
    price = State(100, "price units", domain="price")
    mood = State(0, domain="real")

    def step(self, t, draw):
        buyers = draw.count(self.n_traders, 0.5 + 0.5 * self.follow * self.mood)
        self.mood = 2 * buyers / self.n_traders - 1
        self.price *= 1 + self.rho * self.mood


MODEL = Herd
