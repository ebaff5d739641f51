"""An epidemic: people are susceptible, infected or recovered, and the infected infect the susceptible.

The SIR model of Kermack and McKendrick (1927) for whole people, as Keeling and Rohani (2008) have it in chapters 2
and 6. The defaults are theirs of influenza in an English boarding school, 1978: 763 boys, R_0 = beta / gamma
= 3.65, ill for 2.2 days. What is decided here:

- nobody is born or dies; at t = 0 all are susceptible but `n_infected_0`.
- in a step of 1 / `steps_per_day` a susceptible person is infected with probability 1 - exp(-rate), rate = beta I / N /
  steps_per_day, an infected one recovers with probability 1 - exp(-gamma / steps_per_day); I are infected at t - 1.
- an outbreak dies out early with probability near (1 / R_0)^n_infected_0: not every path has an epidemic.
"""

from collections.abc import Mapping

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State, exp

SCHOOL = "Keeling and Rohani (2008), ch. 2: a boarding school"


class Sir(Model):
    source = "Kermack and McKendrick (1927); Keeling and Rohani (2008), Modeling infectious diseases, ch. 2 and 6"

    n_people: int = 763
    steps_per_day: int = 1

    beta = Parameter(1.66, 0.01, 20.0, "log", "per day", "transmission", SCHOOL)
    gamma = Parameter(0.4545, 0.01, 5.0, "log", "per day", "rate of recovery", SCHOOL)
    n_infected_0 = Parameter(3, 1, 1000, "linear", "people", "infected at t = 0", "this project", True)

    cases = State(0, "people per step", domain="count")
    infected = State(n_infected_0, "people", domain="count")
    susceptible = State(0, "people", domain="count")

    def start(self):
        self.susceptible = self.n_people - self.n_infected_0

    def step(self, t, draw):
        infect = 1 - exp(-self.beta / self.steps_per_day * self.infected / self.n_people)
        recover = 1 - exp(-self.gamma / self.steps_per_day)
        self.cases = draw.count(self.susceptible, infect)
        recovered = draw.count(self.infected, recover)
        self.susceptible -= self.cases
        self.infected += self.cases - recovered

    def default_free(self, regime):
        return ("beta", "gamma")

    def check(self, values: Mapping[str, float]) -> None:
        if values["n_infected_0"] > self.n_people:
            raise ParameterError(f"n_infected_0={values['n_infected_0']:g}: there are n_people={self.n_people}")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_people", "steps_per_day"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name}={getattr(self, name)}: give at least 1")


MODEL = Sir
