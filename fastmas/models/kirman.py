"""Kirman's ants: each of N is at one of two sources and may be recruited to the other; the share at one moves a price.

Kirman (1993), eq. (1), and for the price Alfarano, Lux and Wagner (2008), where ants are noise traders, optimists at
the first source and pessimists at the second: r(t) = impact (x(t) - x(t-1)) + sigma_f e(t), x = 2 k / N - 1. The
defaults are those of Kirman's Figure IIb. What is decided here:

- a step is `meetings` meetings: the figure shows every fiftieth.
- one uniform number decides a meeting: k goes up, goes down or stays.
- half of the ants, rounded down, begin at the first source: Kirman does not say.
- the noise traders' weight N_c T_c / (N_f T_f) is `impact`: Chen and Lux (2018) and others set it to 1, and use
  sigma_f = .03 in experiments.

In the long run k is beta-binomial with both parameters epsilon (N - 1) / (1 - delta): below 1 the herd is at one
source, then at the other. That takes long: the herd forgets within N / (2 epsilon) meetings, 500 steps by default.
"""

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State, exp

FIGURE = "Kirman (1993), Figure IIb"
ALW = "Alfarano, Lux and Wagner (2008); Chen and Lux (2018)"


class Kirman(Model):
    source = "Kirman (1993), Ants, rationality, and recruitment, Quarterly Journal of Economics 108"

    n_ants: int = 100
    meetings: int = 50

    epsilon = Parameter(0.002, 1e-5, 0.5, "log", "per meeting", "probability that an ant changes by herself", FIGURE)
    delta = Parameter(0.01, 0.0, 0.99, "linear", "", "1 - probability that an ant met recruits", FIGURE)
    impact = Parameter(1.0, 0.0, 10.0, "linear", "", "log price per unit of sentiment x, N_c T_c / (N_f T_f)", ALW)
    sigma_f = Parameter(0.03, 1e-4, 0.5, "log", "per step", "sd of the fundamental value's log returns", ALW)

    price = State(100, "price units", domain="price")
    log_return = State(0, "per step", domain="real")
    k = State(0, "ants at the first source", domain="count")

    def start(self):
        self.k = self.n_ants // 2

    def step(self, t, draw):
        before = self.k
        recruit = (1 - self.delta) / (self.n_ants - 1)
        for i in range(self.meetings):  # noqa: B007  -- each meeting has a draw of its own
            up = (1 - self.k / self.n_ants) * (self.epsilon + recruit * self.k)  # eq. (1)
            down = self.k / self.n_ants * (self.epsilon + recruit * (self.n_ants - self.k))  # eq. (1)
            u = draw.uniform()
            if u < up:
                self.k += 1
            elif u < up + down:
                self.k -= 1
        change = 2 * (self.k - before) / self.n_ants
        self.log_return = self.impact * change + self.sigma_f * draw.normal()
        self.price *= exp(self.log_return)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("n_ants", 2), ("meetings", 1)):
            if getattr(self, name) < least:
                raise ParameterError(f"{name}={getattr(self, name)}: give at least {least}")


MODEL = Kirman
