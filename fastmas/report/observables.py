"""What a report draws of each observable: its paths, and what its domain reads of them step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas import domains
from fastmas.domains import Domain
from fastmas.errors import DataError
from fastmas.statistics.stylised_facts import log_returns


@dataclass(frozen=True, eq=False)
class Seen:
    """One observable of a run: `sample` holds its arrays alone, as of a run that has no other.

    `mark` ends the names of its figures, and `of` their titles; both are empty for the only one, or the first.
    """

    name: str
    domain: Domain
    sample: Mapping[str, np.ndarray]
    mark: str = ""
    of: str = ""

    @property
    def is_series(self) -> bool:
        return "series_obs" in self.sample

    @property
    def label(self) -> str:
        """Of an axis."""
        return "price" if self.domain.logarithm and not self.of else self.name

    @property
    def unit(self) -> str:
        """What is read step by step, one of it."""
        return "log return" if self.domain.logarithm else self.name

    @property
    def units(self) -> str:
        return "returns" if self.domain.logarithm else f"values of {self.name}"

    def moves(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Observed and simulated returns, (n, T) and (m, T), or values of what is no price.

        None if prices are not all above 0.
        """
        sample = self.sample
        both = ((sample["series_obs"][None], sample["series_sim"]) if self.is_series
                else (sample["x_obs"], sample["x_sim"]))
        try:
            return (log_returns(both[0]), log_returns(both[1])) if self.domain.logarithm else both
        except DataError:
            return None


def observables(sample: Mapping[str, np.ndarray], data: Mapping[str, Any]) -> Iterator[Seen]:
    """Each observable of a sample whose arrays have several last; `data` is that of config.json."""
    names = _listed(data, "names", ["price"])
    kinds = _listed(data, "domains", [""])
    k = sample["x_obs"].shape[2] if sample["x_obs"].ndim == 3 else 1
    for j in range(k):
        name = names[j] if j < len(names) else f"observable {j + 1}"
        own = {key: array[..., j] for key, array in sample.items()} if k > 1 else sample
        declared = kinds[j] if j < len(kinds) and kinds[j] in domains.names() else ""
        # Runs of one price that are not all above 0 have no returns, and are prices all the same.
        domain = domains.get(declared or ("price" if k == 1 else domains.resolved("", "", "", own["x_obs"])))
        yield Seen(name, domain, own, f"-{name}" if j else "", f" of {name}" if k > 1 else "")


def _listed(data: Mapping[str, Any], key: str, otherwise: Sequence[str]) -> list[str]:
    given = data.get(key)
    return [str(one) for one in (given if isinstance(given, list) and given else otherwise)]
