"""What a text cannot say: each reason and construct that can be reached, with its place, the line and a remedy."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from contextlib import nullcontext

import pytest

import fastmas as fm
from fastmas import models
from fastmas.errors import FastmasError, ModelError, ParameterError
from fastmas.language.addresses import Addresses
from fastmas.language.following import follow_step
from fastmas.language.oracle import oracle
from fastmas.language.reading import read_start, read_step
from fastmas.language.refusals import CONSTRUCTS, REASONS, NotForLanes, Refused
from fastmas.language.text import Text

HEAD = """
import math
import numpy as np
import fastmas as fm
from fastmas.language import *
K = 3


def helper(a):
    return a * 2


def drawing(d):
    return d.normal()


class Market(fm.Model):
    n: int = 5
    pairs: tuple = ((1, 2), (3, 4))
    rule: str = "a"
    a = Parameter(0.5, 0.0, 1.0)
    k = Parameter(2, 1, 4, integer=True)
    own = Parameter(0.5, 0.0, 1.0, each="n")
    x = State(0.5)
    y = State(0.0)
    v = Agents("n", 1)
    u = Agents("n")
"""
# key -> (the step, with the line that is to blame marked by #!, and methods before it)
OF_REASON = {
    "dropped": "self.x + 1 #!",
    "unpack": "p, q = 1, 2, 3 #!",
    "not a state": "self.cash = 3 #!",
    "parameter set": "self.a = draw.normal() #!",
    "option set": "self.n = 4 #!",
    "unknown": "self.x = elsewhere #!",
    "self": "self.x = helper(self) #!",
    "no member": "self.x = self.cash #!",
    "one way": "if self.x > 0:\n    z = 1\nself.x = z #!",
    "else": "for i in range(3): #!\n    self.x = 1\nelse:\n    self.x = 2",
    "loop over": "for c in self.rule: #!\n    self.x = 1",
    "no elements": "self.x = self.x[2] #!",
    "outside": "self.x = self.pairs[2][0] #!",
    "operator": "self.x = self.x @ 2 #!",
    "no value": "self.x = 1 / (self.n - 5) #!",
    "comparison": "if self.x is self.y: #!\n    self.x = 1",
    "mixed": "self.x = self.x + self.rule #!",
    "all of them": "self.x = self.own + 1 #!",
    "keywords": "self.x = exp(x=2) #!",
    "arity": "self.x = exp(self.x, 2) #!",
    "looks back": "z = draw.normal()\nself.x = mean(z, 3) #!",
    "steps back": "self.x = mean(self.x, self.y) #!",
    "longest": "self.x = past(self.x, t) #!",
    "least": "self.x = past(self.x, 0) #!",
    "no word": "self.x = math.gamma(self.x) #!",
    "no draw": "self.x = draw.poisson(3) #!",
    "a draw": "d = draw #!",
    "helper draws": "self.x = drawing(draw) #!",
    "name of a draw": "self.x = draw.normal(name=self.rule) #!",
    "name twice": "self.x = draw.normal('news')\nself.y = draw.normal('news') #!",
    "crowd": "self.x = draw.count(-3, 0.5) #!",
    "recursion": ("self.x = self.again(2)", "def again(self, z):\n    return self.again(z) #!"),
    "no choice": "if self.v: #!\n    self.x = 1",
    "condition": "z = self.x > 0\nfor i in range(self.n): #!\n    z = draw.normal()\nself.x = z",
}
# What lanes cannot follow and a path can.
FOR_PATHS = {
    "other agent": "self.v[0] = 3 #!",
    "set while read": "for i in range(self.n): #!\n    self.v[i] = self.v[0] + 1",
    "set twice": "for i in range(self.n): #!\n    for j in range(self.n):\n        self.v[j] += 1\n    self.v[i] = 2",
    "range": "for i in range(2, 5): #!\n    self.x += i",
    "length": "for i in range(self.a): #!\n    self.x += 1",
    "index": "self.x = self.own[self.x] #!",
    "whole division": "self.x = self.x // 2 #!",
    "whole part": "self.x = int(self.x) #!",
    "short circuit": "if self.x > 0 and draw.chance(0.5): #!\n    self.x = 1",
}
OF_CONSTRUCT = {
    "While": "while self.x < 3: #!\n    self.x += 1",
    "Break": "for i in range(self.n):\n    self.x += draw.normal()\n    break #!",
    "Continue": "for i in range(self.n):\n    self.x += draw.normal()\n    continue #!",
    "Return": "if self.x > 0:\n    return #!\nself.x = 1",
    "Try": "try: #!\n    self.x = 1\nexcept ValueError:\n    pass",
    "With": "with open('x'): #!\n    self.x = 1",
    "Raise": "raise ValueError #!",
    "Assert": "assert t > 0 #!",
    "Import": "import math #!",
    "ImportFrom": "from math import pi #!",
    "Global": "global K #!",
    "Nonlocal": None,  # Python itself has no outer function here
    "Delete": "z = 1\ndel z #!",
    "FunctionDef": "def f(z): #!\n    return z",
    "ClassDef": "class F: #!\n    pass",
    "Yield": "z = yield #!",
    "Lambda": "f = lambda z: z #!",
    "ListComp": "z = [i for i in (1, 2)] #!",
    "SetComp": "z = {i for i in (1, 2)} #!",
    "DictComp": "z = {i: i for i in (1, 2)} #!",
    "GeneratorExp": "z = sum(i for i in (1, 2)) #!",
    "List": "z = [1, 2] #!",
    "Dict": "z = {1: 2} #!",
    "Set": "z = {1, 2} #!",
    "JoinedStr": "z = f'{t}' #!",
    "NamedExpr": "self.x = (z := 2) #!",
    "Await": None,  # of a coroutine, which no step is
    "Starred": "self.x = max(*(1, 2)) #!",
    "Match": "match t: #!\n    case 1:\n        self.x = 1",
    "Slice": "self.x = self.pairs[1:][0][0] #!",
}
FOLLOWED = ("While", "Break", "Continue", "Return")  # by a path alone
ELSEWHERE = {"signature", "start", "names meet", "crowd in a loop", "too many draws", "source"}  # tests of their own


def written(tmp_path, code):
    """The module of this code, imported from a file market.py."""
    path = tmp_path / "market.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("market_of_a_test", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def market(tmp_path, step, more="", head=HEAD):
    """The model with this step, and the number and text of the marked line."""
    body = textwrap.indent(more + "\n\ndef step(self, t, draw):\n" + textwrap.indent(step, "    ") + "\n", "    ")
    code = head + body
    marked = [(n, line) for n, line in enumerate(code.splitlines(), 1) if "#!" in line]
    return written(tmp_path, code).Market(), *(marked[0] if marked else (0, ""))


def check_message(message, line, said, reason, remedy):
    """File and line, the line itself, why, and what to write instead; all in one line."""
    assert message.startswith(f"market.py:{line}, `{' '.join(said.split())}`: "), message
    for one in (reason, remedy):
        for part in one.replace("{0}", "\0").replace("{1}", "\0").split("\0"):
            assert part in message, (part, message)
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize("key", OF_REASON)
def test_reasons(tmp_path, key):
    step, more = OF_REASON[key] if isinstance(OF_REASON[key], tuple) else (OF_REASON[key], "")
    model, line, said = market(tmp_path, step, more)
    with pytest.raises(Refused) as lanes:
        read_step(Text(model))
    assert not isinstance(lanes.value, NotForLanes)
    check_message(str(lanes.value), line, said, *REASONS[key])
    with pytest.raises(ModelError, match=r"market\.py"):
        fm.simulate(model, n_paths=1, n_steps=1)


@pytest.mark.parametrize("key", FOR_PATHS)
def test_reasons_that_a_path_can_follow(tmp_path, key):
    model, line, said = market(tmp_path, FOR_PATHS[key])
    with pytest.raises(NotForLanes) as lanes:
        read_step(Text(model))
    check_message(str(lanes.value), line, said, *REASONS[key])
    assert f"line {line}" in lanes.value.because
    follow_step(Text(model))


@pytest.mark.parametrize("key", [key for key, step in OF_CONSTRUCT.items() if step])
def test_constructs(tmp_path, key):
    model, line, said = market(tmp_path, OF_CONSTRUCT[key])
    with pytest.raises(NotForLanes) as lanes:
        read_step(Text(model))
    check_message(str(lanes.value), line, said, *CONSTRUCTS[key])
    assert lanes.value.line == line
    if key in FOLLOWED:
        follow_step(Text(model))
    else:
        with pytest.raises(Refused, match=f"market.py:{line}"):
            follow_step(Text(model))


def test_nothing_is_left_out():
    assert set(OF_CONSTRUCT) == set(CONSTRUCTS)
    assert set(OF_REASON) | set(FOR_PATHS) | ELSEWHERE == set(REASONS)


def test_heads(tmp_path):
    head = HEAD.partition("class Market")[0] + "class Market(fm.Model):\n    x = State(0.5)\n"
    step = "    def step(self, t):  #!\n        self.x = 1\n"
    with pytest.raises(Refused, match=r"market\.py:\d+.*a step is `def step\(self, t, draw\)`"):
        read_step(Text(written(tmp_path, head + step).Market()))
    start = "    def start(self, t):\n        self.x = 1\n    def step(self, t, draw):\n        self.x = 1\n"
    with pytest.raises(Refused, match=r"market\.py:\d+.*a start is `def start\(self\)`"):
        read_start(Text(written(tmp_path, head + start).Market()))


def test_addresses(tmp_path):
    step = "for i in range(self.n):\n    c = floor(5 * draw.uniform())\n    self.x += draw.count(c, 0.5)"
    model = market(tmp_path, step)[0]
    with pytest.raises(ModelError, match=r"'market', line \d+: a count in a loop, .* use mode='aggregate'"):
        Addresses(read_step(Text(model)), "agents")
    Addresses(read_step(Text(model)), "aggregate")
    names = _names_that_meet()
    step = "\n".join(f"for i in range(self.n):\n    self.x += draw.normal('{name}')" for name in names)
    with pytest.raises(ModelError, match=f"the names {names[0]} and {names[1]} stand for one address; rename"):
        Addresses(read_step(Text(market(tmp_path, step)[0])))


def test_a_count_with_a_name_has_words_for_so_many(tmp_path):
    from fastmas.language.addresses import MOST_NAMED  # noqa: PLC0415

    for n, refused in ((MOST_NAMED, False), (MOST_NAMED + 1, True)):
        text = Text(market(tmp_path, f"self.x = draw.count({n}, 0.5, 'crowd')")[0])
        expected = pytest.raises(ParameterError, match=f"draw 'crowd'.*at most {MOST_NAMED} agents, and there are {n}")
        with expected if refused else nullcontext():
            Addresses(read_step(text), "agents")
        Addresses(read_step(text), "aggregate")


def _names_that_meet():
    """Two words whose draws in loops would have the same slots."""
    import zlib  # noqa: PLC0415

    from fastmas.language.addresses import NAMED_RANGES  # noqa: PLC0415

    seen = {}
    for k in range(100):
        code = zlib.crc32(f"news{k}".encode()) % NAMED_RANGES
        if code in seen:
            return seen[code], f"news{k}"
        seen[code] = f"news{k}"
    raise AssertionError


DECLARATIONS = {
    "opt: list = [1, 2]": "option opt=[1, 2] could change under way: write a tuple",
    "opt: dict = {}": "option opt={} could change under way: write a tuple",
    "q = State('a')": "State('a'): a state starts at a number or at a Parameter",
    "b = Parameter(0.5, 0, 1, each='n')\n    q = State(b)": "state q starts at b, of which each agent has its own",
    "w = Agents(-1)": "Agents(-1): give a whole number of agents, or the name of an option",
    "w = Agents('nobody')": "w has a number for each of 'nobody', which is no option; there are: n",
    "w = Agents('rule')\n    rule: str = 'x'": "rule='x': give a whole number of agents",
    "b = Parameter(0.5, 0, 1, each='nobody')": "b has a number for each of 'nobody', which is no option",
    "q = Observable(of='nothing')": "'nothing', which is no state",
    "n: float = 2.5\n    w = Agents('n')": "n=2.5: give a whole number of agents",
}


@pytest.mark.parametrize("line", DECLARATIONS)
def test_declarations(tmp_path, line):
    code = f"""
from fastmas.language import *
class Market(Model):
    n: int = 5
    x = State(0.5)
    {line}
    def step(self, t, draw):
        self.x = draw.normal()
"""
    with pytest.raises(FastmasError) as refused:
        written(tmp_path, code).Market()
    assert DECLARATIONS[line] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_without_a_state(tmp_path):
    with pytest.raises(ModelError, match=r"has no state: declare one, as `price = State\(100\)`"):
        written(tmp_path, "from fastmas.language import *\nclass Market(Model):\n    def step(self, t, draw): pass")


@pytest.mark.parametrize(("options", "message"), [
    ({"n": 2.5}, "n=2.5: give a whole number"), ({"n": True}, "n=True: give a whole number"),
    ({"rule": ["x"], "opt": {}}, "opt"), ({"level": "high"}, "level='high': give a number"),
    ({"way": "left"}, "way='left' is none of: up, down"), ({"n": -1}, "n=-1: give a whole number of agents")])
def test_options(tmp_path, options, message):
    code = """
from typing import Literal
from fastmas.language import *
class Market(Model):
    n: int = 5
    rule: object = "a"
    level: float = 1
    way: Literal["up", "down"] = "up"
    opt: object = 1
    x = State(0.5)
    w = Agents("n")
    def step(self, t, draw):
        self.x = draw.normal()
"""
    with pytest.raises((ParameterError, ModelError), match=message):
        written(tmp_path, code).Market(**options)


def test_a_required_option(tmp_path):
    path = tmp_path / "market.py"
    path.write_text("import fastmas as fm\n\nclass Market(fm.Model):\n    n: int\n    x = fm.State(1)\n"
                    "    def step(self, t, draw):\n        self.x = draw.normal() * self.n\n\nMODEL = Market\n")
    with pytest.raises(ModelError, match=r"needs the option n"):
        models.get(str(path))
    assert models.get(str(path), n=3).n == 3
    with pytest.raises(ModelError, match=r"no option 'm'; it has: n"):
        models.get(str(path), n=3, m=4)


def test_the_oracle_says_where_python_fails(tmp_path):
    model, line, _ = market(tmp_path, "self.y = t\nself.x = 1 / (self.y - 2) #!")
    with pytest.raises(FastmasError, match=rf"at t=2: ZeroDivisionError: .*market.py:{line}"):
        oracle(model, n_paths=1, n_steps=3)
    with pytest.raises(FastmasError, match=r"7 past values of x at t=1, where 1 exist: let the rule wait until t >= 7"):
        oracle(market(tmp_path, "self.x = mean(self.x, 7)")[0], n_paths=1, n_steps=3)
    with pytest.raises(FastmasError, match=r"v\[5\]: agents are 0 to 4"):
        oracle(market(tmp_path, "self.x = self.v[t + 2]")[0], n_paths=1, n_steps=3)
