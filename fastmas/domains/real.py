"""Any real numbers: changes and levels are read."""

from __future__ import annotations

import numpy as np

from fastmas.domains import Domain

DOMAIN = Domain(change="change", changes="changes", values="values", is_wrong=lambda x: np.zeros(x.shape, dtype=bool),
                fault=lambda x: f"{float(x)} is no real number; correct or drop it")
