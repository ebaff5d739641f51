"""Parameters of a model: bounds, scale, and the search coordinates of the free ones.

`theta` holds values in natural units, `z` the same in search coordinates: the identity, the
logarithm or the logit within the bounds, one coordinate per free value.
"""

from fastmas.parameters.parameter import SCALES, Parameter, check_seed, check_whole, is_whole, shown
from fastmas.parameters.space import ParameterSpace

__all__ = ["SCALES", "Parameter", "ParameterSpace", "check_seed", "check_whole", "is_whole", "shown"]
