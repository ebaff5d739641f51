"""Built-in models are found by the names of their files, and imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastmas import models

LAZY = """
import sys
from fastmas import models
names = models.names()
assert not [m for m in sys.modules if m.startswith("fastmas.models.")]
assert models.herd is models.factory("herd")
import fastmas.models.garch
assert models.garch is sys.modules["fastmas.models.garch"].Garch
assert {m for m in sys.modules if m.startswith("fastmas.models.")} == {"fastmas.models.garch", "fastmas.models.herd"}
"""


def test_models_are_imported_when_they_are_asked_for():
    subprocess.run([sys.executable, "-c", LAZY], check=True)


def test_file_names_are_shown_with_hyphens():
    assert {"otc-market", "stock-market", "herd"} <= set(models.names())
    assert {"otc_market", "stock_market", "herd"} <= set(dir(models))
    assert models.origin(models.otc_market()) == "otc-market"
    assert not any("_" in name for name in models.names())


@pytest.mark.parametrize("name", ["weather", "_windows_of", "otc-market"])
def test_what_is_no_model_is_no_attribute(name):
    with pytest.raises(AttributeError, match=name):
        getattr(models, name)


@pytest.mark.parametrize("name", models.names())
def test_every_model_says_what_it_is_and_where_it_is_from(name):
    model = models.get(name)
    assert model.name == name
    assert model.source
    assert all(p.doc for p in model.parameters)
    assert (sys.modules[type(model).__module__].__doc__ or "").strip()
