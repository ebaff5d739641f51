"""An epidemic among children and adults, each of whom is susceptible, infected or recovered.

The SIR model of Kermack and McKendrick (1927) with two groups, as program 3.3 of Keeling and Rohani (2008)
has it, for people instead of shares of a population. Its rates are the defaults, and its 20% of children.
What is decided here:

- nobody is born, grows up or dies; at t = 0 all are susceptible but `n_infected_0` children.
- in a step of 1 / `steps_per_year` a susceptible person of group g is infected with probability 1 - exp(-rate),
  rate = (beta_gc I_c + beta_ga I_a) / N / steps_per_year, where I_c and I_a are infected at t - 1; one of these
  recovers with probability 1 - exp(-gamma / steps_per_year).
"""

from collections.abc import Mapping

from fastmas.errors import ParameterError
from fastmas.language import Agents, Model, Parameter, State, exp

SUSCEPTIBLE, INFECTED, RECOVERED = range(3)
BOOK = "Keeling and Rohani (2008), program 3.3"


class SirGroups(Model):
    source = "Kermack and McKendrick (1927); Keeling and Rohani (2008), Modeling infectious diseases, s. 3.2"

    n_children: int = 20
    n_adults: int = 80
    steps_per_year: int = 52

    beta_cc = Parameter(100.0, 0.1, 1000.0, "log", "per year", "transmission from children to children", BOOK)
    beta_ca = Parameter(10.0, 0.1, 1000.0, "log", "per year", "transmission from adults to children", BOOK)
    beta_ac = Parameter(10.0, 0.1, 1000.0, "log", "per year", "transmission from children to adults", BOOK)
    beta_aa = Parameter(20.0, 0.1, 1000.0, "log", "per year", "transmission from adults to adults", BOOK)
    gamma = Parameter(10.0, 0.1, 1000.0, "log", "per year", "rate of recovery", BOOK)
    n_infected_0 = Parameter(5, 0, 1000, "linear", "people", "children infected at t = 0", "this project", True)

    infected = State(n_infected_0, "people", domain="count")
    infected_children = State(n_infected_0, "people", domain="count")
    infected_adults = State(0, "people", domain="count")
    cases = State(0, "people per step", domain="count")
    children = Agents("n_children", SUSCEPTIBLE)
    adults = Agents("n_adults", SUSCEPTIBLE)

    def start(self):
        for i in range(self.n_children):
            self.children[i] = INFECTED if i < self.n_infected_0 else SUSCEPTIBLE

    def step(self, t, draw):
        per_step = self.steps_per_year * (self.n_children + self.n_adults)
        from_children, from_adults = self.infected_children / per_step, self.infected_adults / per_step
        infect_child = 1 - exp(-(self.beta_cc * from_children + self.beta_ca * from_adults))
        infect_adult = 1 - exp(-(self.beta_ac * from_children + self.beta_aa * from_adults))
        recover = 1 - exp(-self.gamma / self.steps_per_year)
        self.cases = 0
        for i in range(self.n_children):
            changes = draw.chance(recover if self.children[i] == INFECTED else infect_child)
            if changes and self.children[i] == SUSCEPTIBLE:
                self.children[i] = INFECTED
                self.infected_children += 1
                self.cases += 1
            elif changes and self.children[i] == INFECTED:
                self.children[i] = RECOVERED
                self.infected_children -= 1
        for i in range(self.n_adults):
            changes = draw.chance(recover if self.adults[i] == INFECTED else infect_adult)
            if changes and self.adults[i] == SUSCEPTIBLE:
                self.adults[i] = INFECTED
                self.infected_adults += 1
                self.cases += 1
            elif changes and self.adults[i] == INFECTED:
                self.adults[i] = RECOVERED
                self.infected_adults -= 1
        self.infected = self.infected_children + self.infected_adults

    def check(self, values: Mapping[str, float]) -> None:
        if values["n_infected_0"] > self.n_children:
            raise ParameterError(f"n_infected_0={values['n_infected_0']:g}: there are n_children={self.n_children}")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("n_children", 0), ("n_adults", 0), ("steps_per_year", 1)):
            if getattr(self, name) < least:
                raise ParameterError(f"{name}={getattr(self, name)}: give at least {least}")
        if not self.n_children + self.n_adults:
            raise ParameterError("an epidemic among nobody: give n_children or n_adults")


MODEL = SirGroups
