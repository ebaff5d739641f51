"""Placeholder."""
import math
from numpy import float32
from fastmas.kernel import kernel
@kernel
def tanh(x):
    return float32(math.tanh(x))
@kernel
def sigmoid(x):
    return float32(0.5)*float32(math.tanh(float32(0.5)*x))+float32(0.5)
@kernel
def exp(x):
    return float32(math.exp(x))
@kernel
def log(x):
    return float32(math.log(x))
