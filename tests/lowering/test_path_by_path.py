"""A text path by path: the bits of the lanes where they can run it, Python's numbers where they cannot."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fastmas.engine.job import Job
from fastmas.errors import ModelError
from fastmas.language import Agents, Model, Parameter, State, exp, past
from fastmas.language.addresses import RANGED, RANGES, WORD, Place
from fastmas.language.path_words import PathWords
from fastmas.language.refusals import Refused
from fastmas.lowering.program import Derivatives, program_of
from fastmas.lowering.text_program import LANES, PATH_BY_PATH, lower
from fastmas.model import PROGRAMS, Observable
from fastmas.models.stock_market import stock_market
from fastmas.random.address import Address
from fastmas.simulate import simulate_job

SEED, N_PATHS, N_STEPS = 5, 70, 24
FAR = 1e6  # of a dealer who gives no quote


def states(model, how="", dtype="float32", n_paths=N_PATHS, n_steps=N_STEPS):
    """Every state of some paths, (n_states, n_paths, n_steps + 1), run in this way."""
    program = lower(model, None, how)
    vars(model).setdefault(PROGRAMS, {})[None] = program
    n_states = sum(isinstance(getattr(type(model), n, None), State) for n in dir(type(model)))
    rows = tuple(Observable(str(k), k) for k in range(n_states))
    job = Job(model=model, values=model.space().base[None].copy(), n_paths=n_paths, n_steps=n_steps, dtype=dtype,
              observables=rows, address=Address(SEED))
    return simulate_job(job, check=False)[:, 0]


# ---- inside the lanes' subset
class Herd(Model):
    """The more traders bought in the last step, the likelier each buys in this one."""

    n_traders: int = 20
    rho = Parameter(0.05, 0.001, 0.5, "log")
    price = State(100)
    mood = State(0)

    def step(self, t, draw):
        buyers = draw.count(self.n_traders, 0.5 + 0.25 * self.mood)
        self.mood = 2 * buyers / self.n_traders - 1
        self.price *= 1 + self.rho * self.mood


class Epidemic(Model):
    """People with an identity; quotes of dealers in a loop with two draws."""

    n: int = 30
    a = Parameter(1.5, 0.1, 5.0)
    n_sick_0 = Parameter(3, 0, 30, integer=True)
    sick = State(n_sick_0)
    best = State(0)
    cover = State(0)
    health = Agents("n")

    def start(self):
        for i in range(self.n):
            self.health[i] = 1 if i < self.n_sick_0 else 0

    def step(self, t, draw):
        catch = 1 - exp(-self.a * self.sick / self.n)
        for i in range(self.n):
            u = draw.uniform()
            if self.health[i] == 0 and u < catch:
                self.health[i] = 1
                self.sick += 1
            elif self.health[i] == 1 and u < 0.2:
                self.health[i] = 0
                self.sick -= 1
        first, second = FAR, FAR
        for _ in range(5):
            quote = self.a + 0.5 * draw.laplace()
            if not draw.chance(0.7):
                quote = FAR
            second = min(second, max(first, quote))
            first = min(first, quote)
        self.best = first if first < FAR else 0
        self.cover = second - first if second < FAR else 0


class Named(Model):
    """Names, gamma numbers, methods that draw, a start that draws, what a path picks and looks back at."""

    pairs: tuple = (0.5, 1.5)
    a = Parameter(1.5, 0.1, 5.0)
    n = State(0)  # a name that kernels have too
    y = State(0)
    z = State(1)
    memory = Agents(4, start=0.5)

    def start(self, draw):
        self.n = draw.normal("first") + self.a
        self.y = self.shock(draw, 2.0)

    def shock(self, draw, scale):
        return scale * draw.exponential() - draw.uniform()

    def step(self, t, draw):
        news = draw.normal("news")
        self.z = draw.gamma(self.a)
        total = 0
        for p in self.pairs:
            total += p * self.shock(draw, p)
        for _ in range(3):
            total += draw.normal(name="each") + draw.gamma(0.5) / 10
        self.y = self.shock(draw, 1.0) + self.memory[self.z]
        for i in range(4):
            self.memory[i] = 0.9 * self.memory[i] + 0.1 * news
        old = past(self.n, 2) if t > 2 else 0
        self.n = 0.5 * self.n + 0.1 * total + news + 0.1 * old


class FrankeWesterhoff(Model):
    """Franke and Westerhoff (2012), discrete choice with herding, predisposition and misalignment."""

    sigma_f = Parameter(0.758, 0.01, 5.0, "log")
    sigma_c = Parameter(2.087, 0.01, 5.0, "log")
    alpha_0 = Parameter(-0.327, -3.0, 3.0)

    p = State(0)
    before = State(0, shown=False)
    share = State(0.5)

    def step(self, t, draw):
        f, c = self.share, 1 - self.share
        demand = f * 0.12 * (0 - self.p) + c * 1.5 * (self.p - self.before)
        sd = math.sqrt((f * self.sigma_f) ** 2 + (c * self.sigma_c) ** 2)
        attraction = self.alpha_0 + 1.79 * (f - c) + 18.43 * self.p**2
        self.before = self.p
        self.p += 0.01 * (demand + sd * draw.normal())
        self.share = 1 / (1 + exp(-attraction))


INSIDE = {
    "herd": Herd,
    "a crowd one by one": lambda: Herd(n_traders=75, mode="agents"),
    "a crowd as one number": lambda: Herd(n_traders=75, mode="aggregate"),
    "epidemic": Epidemic,
    "named": Named,
    "franke-westerhoff": FrankeWesterhoff,
    "market": stock_market,
    "own kappas": lambda: stock_market(per_agent=("kappa",)),
}


@pytest.mark.parametrize(("name", "dtype"), [
    *((name, "float32") for name in INSIDE), ("epidemic", "float64"),
    ("franke-westerhoff", "float64")])
def test_bits_of_the_lanes(name, dtype):
    lanes, alone = (states(INSIDE[name](), how, dtype) for how in (LANES, PATH_BY_PATH))
    assert np.array_equal(lanes, alone)
    assert lanes[0, :, -1].std() > 0
    assert lanes.dtype == dtype


# ---- beyond it
class Orders(Model):
    """Orders that arrive one by one; whoever is hit pays another, and a search stops at the first who can."""

    n: int = 5
    steps: tuple = (0.5, 1.0, 2.0)

    rate = Parameter(4.0, 0.1, 100.0, "log")

    price = State(100)
    orders = State(0)
    found = State(0)
    wealth = Agents("n", start=2.0)

    def search(self, level):
        for i in range(self.n):
            if self.wealth[i] > level:
                return i
        return -1

    def step(self, t, draw):
        clock, n = draw.exponential() / self.rate, 0
        while clock < 1:
            n += 1
            if n >= 12:
                break
            clock += draw.exponential() / self.rate
            if n % 3 == 0:
                continue
            i, j = int(draw.uniform() * self.n), n % self.n
            self.wealth[i] -= 0.25
            self.wealth[j] += 0.25
            for k in range(n):
                if draw.chance(0.4):
                    break
                self.price += 0.5 - 0.125 * k
        for size in self.steps:
            if self.price > 100 + size and draw.chance(0.5):
                continue
            if self.price < 90:
                break
            self.price -= size * draw.uniform()
        self.orders = n
        self.found = self.search(2.0 + t / 16)


class Plain:
    """The same in plain Python, with the words where they must be."""

    ROOM = 0x30000000  # slots of each draw in a loop: exponential, uniform, chance

    def __init__(self, path):
        self.path, self.price, self.wealth, self.shown = path, 100.0, [2.0] * 5, [(100.0, 0.0, 0.0)]

    def word(self, place, turn=0):
        self.words.place, self.words.turn = place, turn
        return self.words

    def uniform(self, place, turn=0):
        return (self.word(place, turn).word() >> 9) * 2.0**-23 + 2.0**-24

    def advance(self, t):
        self.words = PathWords(Address(SEED)._replace(first_path=self.path), t)
        clock, n, turn, inner = -math.log(self.uniform(Place(WORD, 0))) / 4.0, 0, -1, -1
        while True:
            turn += 1
            if not clock < 1:
                break
            n += 1
            if n >= 12:
                break
            clock += -math.log(self.uniform(Place(RANGED, RANGES), turn)) / 4.0
            if n % 3 == 0:
                continue
            i, j = int(self.uniform(Place(RANGED, RANGES + self.ROOM), turn) * 5), n % 5
            self.wealth[i] -= 0.25
            self.wealth[j] += 0.25
            for k in range(n):
                inner += 1
                if self.word(Place(RANGED, RANGES + 2 * self.ROOM), inner).is_below(int(0.4 * 2.0**32)):
                    break
                self.price += 0.5 - 0.125 * k
        for k, size in enumerate((0.5, 1.0, 2.0)):
            if self.price > 100 + size and self.word(Place(WORD, 1 + 2 * k)).is_below(2**31):
                continue
            if self.price < 90:
                break
            self.price -= size * self.uniform(Place(WORD, 2 + 2 * k))
        found = next((i for i in range(5) if self.wealth[i] > 2.0 + t / 16), -1)
        self.shown.append((self.price, float(n), float(found)))


def test_numbers_of_plain_python():
    paths = states(Orders(), dtype="float64", n_paths=16)
    for p in range(16):
        plain = Plain(p)
        for t in range(1, N_STEPS + 1):
            plain.advance(t)
        np.testing.assert_allclose(paths[:, p].T, plain.shown, rtol=0, atol=1e-11)
    assert paths[1].max() == 12  # the break
    assert len(set(paths[2].ravel())) > 3  # early returns


def test_program_says_how_and_why():
    program = program_of(Orders())
    line = next(k for k, one in enumerate(Path(__file__).read_text().splitlines(), 1) if "while clock < 1:" in one)
    assert (program.lowering, program.reason) == (PATH_BY_PATH, f"because of `while` in line {line}")
    assert program_of(FrankeWesterhoff()).lowering == LANES
    with pytest.raises(ModelError, match="path by path, because of `while`.*no derivatives"):
        program_of(Orders(), Derivatives(("rate",)))


class Early(Model):
    x = State(1)

    def level(self, draw):
        if self.x > 1:
            return draw.uniform(), 1
        return 0.5, 2

    def step(self, t, draw):
        u, n = self.level(draw)
        if draw.chance(u) and draw.chance(0.5) or self.x > 2:
            self.x = 0.5
            return
        self.x = n + u


def test_early_returns_and_what_stops_early():
    x = states(Early(), n_paths=500)[0]
    assert program_of(Early()).reason.startswith("because of `return`")
    assert set(np.unique(x[:, 1])) == {np.float32(0.5), np.float32(2.5)}
    after = x[:, 2:][x[:, 1:-1] == 2.5]  # above 2: set to a half whatever is drawn
    assert set(np.unique(after)) == {np.float32(0.5)}


class Trying(Model):
    x = State(0)

    def step(self, t, draw):
        while self.x < 1:
            try:
                self.x += 1
            finally:
                pass


class Listing(Model):
    x = State(0)

    def step(self, t, draw):
        self.x = sum([draw.normal() for _ in range(3)])


class Unknown(Model):
    x = State(0)

    def step(self, t, draw):
        while self.x < 1:
            self.x += missing  # noqa: F821


@pytest.mark.parametrize(("model", "said"), [
    (Trying, r"test_path_by_path.py:\d+, `try:`: try has no place in a step; say with an `if`"),
    (Listing, r"test_path_by_path.py:\d+, .*: a list has no place in a step; keep a number"),
    (Unknown, r"test_path_by_path.py:\d+, `self.x \+= missing.*: missing is not known here"),
])
def test_what_no_path_can_follow(model, said):
    with pytest.raises(Refused, match=said) as caught:
        program_of(model())
    assert type(caught.value) is Refused
    assert "\n" not in str(caught.value)
