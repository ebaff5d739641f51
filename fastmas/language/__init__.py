"""The language of models: what a text may say. docs/models.md explains it."""

from __future__ import annotations

from fastmas.language.words import Phi, above, exp, floor, log, mean, past, sigmoid, sqrt, tanh
from fastmas.model import Agents, Model, Observable, State, log_return
from fastmas.parameters import Parameter

__all__ = ["Agents", "Model", "Observable", "Parameter", "Phi", "State", "above", "exp", "floor", "log", "log_return",
           "mean", "past", "sigmoid", "sqrt", "tanh"]
