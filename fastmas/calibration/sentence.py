"""The verdict in words, the same in terminal, Python, result.json and report."""

from __future__ import annotations

from fastmas.calibration.bootstrap import N_SETS
from fastmas.calibration.goodness import MOST_SDS
from fastmas.calibration.judgement import Judgement
from fastmas.statistics.named_figures import percent

DOUBTFUL, REJECTED = 0.05, 0.01
NO_MISFIT, DOUBT, MISFIT, WRONG_PLACE = "no misfit found", "doubtful", "does not fit", "these parameters do not fit"
N_TOLD, N_NUMBERS = 4, 5  # figures, path numbers
FEW = 100  # paths, below which only gross misfits are found
ODD_SHARE = 0.2  # of the paths: more are no odd ones out, the model is off


def grade_of(judged: Judgement, start: Judgement | None) -> str:
    """The grade in a few words; `start` is the judgement of the moment fit, if that was asked."""
    if judged.p_value > DOUBTFUL:
        return NO_MISFIT
    if start is not None and start.p_value > DOUBTFUL:
        return WRONG_PLACE
    return DOUBT if judged.p_value > REJECTED else MISFIT


def sentence(judged: Judgement, start: Judgement | None = None) -> str:
    """What the grade is, and what is off, in a user's units."""
    grade = grade_of(judged, start)
    parts = [_opening(judged, start, grade), _ran_away(judged)]
    if grade == NO_MISFIT:
        parts.append(_few_paths(judged))
    else:
        parts += [_few_odd_paths(judged), _figures(judged), _many_odd_paths(judged), _only_the_grid(judged)]
    return " ".join(part for part in parts if part)


def p_in_words(judged: Judgement) -> str:
    """p = 0.30, or p < 0.002 where no simulated data set was as far out."""
    p = judged.p_value
    return f"p = {p:.2f}" if p > 0.1 else f"p = {p:.3f}" if not _at_least(judged) else f"p < {judged.least_p:.3f}"


def _at_least(judged: Judgement) -> bool:
    return judged.p_value <= 1.01 * judged.least_p


def _opening(judged: Judgement, start: Judgement | None, grade: str) -> str:
    sets = "series simulated at the estimate" if judged.n_paths is None else "data sets simulated at the estimate"
    p = p_in_words(judged)
    if grade == NO_MISFIT:
        other = "other " if judged.lost else ""
        return f"No {other}misfit found: {sets} differ from their kind as much as the data do ({p})."
    if grade == WRONG_PLACE:
        assert start is not None
        return f"These parameters do not fit ({p}); those of the moment fit do ({p_in_words(start)})."
    verdict = "Doubtful" if grade == DOUBT else "The model does not fit"
    if not judged.deviations:
        return f"{verdict} ({p})."
    if _at_least(judged):
        return f"{verdict}: none of {N_SETS} {sets} differs as much as the data ({p})."
    return f"{verdict}: {'few' if grade == DOUBT else 'hardly any'} {sets} differ as much as the data ({p})."


def _ran_away(judged: Judgement) -> str:
    if not judged.lost:
        return ""
    what = "series" if judged.n_paths is None else "paths"
    share = percent(judged.lost) if judged.lost >= 0.001 else "Less than 0.1%"
    return f"{share} of the {what} simulated at the estimate ran away, or fell to 0 or below; none of the data did."


def _few_paths(judged: Judgement) -> str:
    if judged.n_paths is None or judged.n_paths >= FEW:
        return ""
    return f"With {judged.n_paths} paths only gross misfits can be found."


def _few_odd_paths(judged: Judgement) -> str:
    n = judged.n_paths or 0
    if not 0 < len(judged.odd_paths) <= max(1.0, ODD_SHARE * n):
        return ""
    numbers = ", ".join(map(str, judged.odd_paths[:N_NUMBERS])) + (", ..." if len(judged.odd_paths) > N_NUMBERS else "")
    one = len(judged.odd_paths) == 1
    return (f"{len(judged.odd_paths)} of {n} paths {'is' if one else 'are'} unlike any simulated one ({numbers}): look "
            f"at {'it, leave it' if one else 'them, leave them'} out, fit again.")


def _many_odd_paths(judged: Judgement) -> str:
    n = judged.n_paths or 0
    if len(judged.odd_paths) <= max(1.0, ODD_SHARE * n):
        return ""
    return f"{len(judged.odd_paths)} of {n} paths are unlike any simulated one."


def _figures(judged: Judgement) -> str:
    told = judged.told
    if not told:
        alone = judged.deviations and judged.p_figures <= DOUBTFUL
        return "No single figure is off, a combination of moments is." if alone else ""
    first = "; ".join(f"{d.text} ({sds_in_words(d.sds)} sd)" for d in told[:N_TOLD])
    more = f"; {len(told) - N_TOLD} more in the report." if len(told) > N_TOLD else "."
    return f"At the estimate: {first}{more}"


def sds_in_words(sds: float) -> str:
    """A whole number, or more than the most that is counted."""
    return f"more than {MOST_SDS:.0f}" if abs(sds) >= MOST_SDS else f"{abs(sds):.0f}"


def _only_the_grid(judged: Judgement) -> str:
    only = judged.p_figures <= DOUBTFUL < judged.p_without_grid and not judged.odd_paths and not judged.lost
    if not only:
        return ""
    return f"Apart from the grid on which {judged.changes} lie no misfit is found (p = {judged.p_without_grid:.2f})."
