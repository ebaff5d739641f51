"""GARCH(1,1): returns whose variance follows their squares; no agents, but the yardstick of those that have some.

Bollerslev (1986), eqs. (1), (2) with p = q = 1, and a mean of the returns. The defaults are the benchmark of
Fiorentini, Calzolari and Panattoni (1996) for daily returns of the mark against the pound, in percent. What is
decided here:

- `variance` at t is that of the return at t + 1, which is known at t. It starts at its long-run value
  omega / (1 - alpha - beta), and at omega / .001 where alpha + beta is above .999: from 1 on there is none.
- prices are 100 exp(sum of returns / 100).
"""

from fastmas.language import Model, Parameter, State, exp, sqrt

BENCHMARK = "Fiorentini, Calzolari and Panattoni (1996)"


class Garch(Model):
    source = "Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity, J. Econometrics 31"

    mu = Parameter(-0.00619041, -1.0, 1.0, "linear", "% per step", "mean of the returns", BENCHMARK)
    omega = Parameter(0.0107613, 1e-5, 10.0, "log", "%^2", "constant of the variance, alpha_0 in eq. (2)", BENCHMARK)
    alpha = Parameter(0.153134, 0.0, 0.5, "linear", "", "weight of the last squared shock, eq. (2)", BENCHMARK)
    beta = Parameter(0.805974, 0.0, 0.99, "linear", "", "weight of the last variance, eq. (2)", BENCHMARK)

    price = State(100, "price units", domain="price")
    log_return = State(0, "% per step", domain="real")
    variance = State(0, "%^2", domain="real")

    def start(self):
        self.variance = self.omega / max(1 - self.alpha - self.beta, 0.001)

    def step(self, t, draw):
        shock = sqrt(self.variance) * draw.normal()  # eq. (1)
        self.variance = self.omega + self.alpha * shock**2 + self.beta * self.variance  # eq. (2)
        self.log_return = self.mu + shock
        self.price *= exp(self.log_return / 100)


MODEL = Garch
