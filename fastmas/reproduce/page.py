"""The page: figures, tables, and what the text left open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fastmas.report.page import document, figure, number, table
from fastmas.report.pictures import Picture
from fastmas.reproduce.findings import AT_BOUND, AT_GAUSSIAN, Findings
from fastmas.reproduce.setting import NAMES, PAPER_MINUTES, choices

TITLE = "The founding paper's section 4 again"
FIRST, LAST = ("figure-2",), ("figure-4", "law", "rho-and-windows")


def page(found: Findings, drawn: Sequence[tuple[Picture, bytes]]) -> str:
    """One self-contained file."""
    def shown(*names: str) -> list[str]:
        return [figure(picture, image) for picture, image in drawn if picture.name in names]

    curves = [picture.name for picture, _ in drawn if picture.name not in FIRST + LAST]
    return document(TITLE, [
        f"<h1>{TITLE}</h1>", _opening(found), _quick(found), _answers(found), *shown(*FIRST), *shown(*curves),
        _ends(found), _refused(found), *shown("figure-4"), *shown("law"), _laws(found), *shown("rho-and-windows"),
        _across(found), _signs(), _slow(found), _modes(found), _times(found), _choices(found)])


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f}%" if 0.001 <= value <= 0.999 or value in (0, 1) else f"{100 * value:.2f}%"


def _opening(found: Findings) -> str:
    setting = found.setting
    return (f'<p class="soft">The smoothed market of 7 noise, 5 technical and 3 fundamental traders, '
            f"b = {setting.b:g}, c = {setting.c:g}, d = {setting.d:g}, {setting.n_paths:,} training paths, "
            f"rho = {setting.rho:g}, {setting.n_starts} starts drawn from N(0, 1), seed {setting.seed}. Every game "
            "runs from its start alone: no fit moves it before, nothing is polished after it. Each run has one "
            "thread.</p>")


def _quick(found: Findings) -> str:
    if not found.setting.quick:
        return ""
    return (f'<p class="warn"><strong>A quick look:</strong> {found.setting.iterations} iterations in place of 2,000, '
            f"{found.setting.n_law:,} paths in place of 10,000. No figure here is a result; leave --quick away.</p>")


def _answers(found: Findings) -> str:
    """What the page comes to, in sentences made of its numbers."""
    laws, said = found.laws, []
    at_bound = laws[AT_BOUND]["share"]
    for name, one in laws.items():
        if name not in (AT_BOUND, AT_GAUSSIAN):
            said.append(f"{escape(name)}: {share(one['share'])} of paths keep every error under 1.5%, "
                        f"the median largest error is {share(one['median'])}.")
    items = "".join(f"<li>{one}</li>" for one in said)
    return (f'<div class="verdict"><strong>The paper reads 1.5% from one path. Estimates drawn at the information '
            f"bound pass on {share(at_bound)} of paths.</strong><ul>{items}</ul></div>")


def _ends(found: Findings) -> str:
    rows = [_end(row) for row in found.rows if "refused" not in row]
    note = ("Estimates with their signs folded away (means over agents where they are separate); in brackets the error "
            f"in standard errors at the bound, {_bound(found)}. Moment distance: of {found.basins.degrees} degrees of "
            "freedom at a right fit; the truth's is in brackets.")
    heads = ["Method", "Parameters, set, start", "b", "c", "d", "Moment distance", "Paths under 1.5%",
             "First path under 1.5%"]
    return f"<h2>Where the runs ended</h2><p>{note}</p>{table(heads, rows)}" if rows else ""


def _end(row: Mapping[str, Any]) -> list[str]:
    found = [f"{number(row['means'][n], 3)} ({number(row['errors_in_bounds'][n], 2)})" for n in NAMES]
    far = f"{number(row['moment_distance'], 3)} ({number(row['moment_distance_of_truth'], 3)})"
    passes = "yes" if row["largest_error_of_first_path"] < 0.015 else "no"
    return [escape(row["method"]), f"{row['parameters']}, {row['number']}, {row['start']}", *found, far,
            share(row["largest_error"]["share"]), passes]


def _refused(found: Findings) -> str:
    said = dict.fromkeys(f"{row['method']} ({row['parameters']}): {row['refused']}" for row in found.rows
                         if "refused" in row)
    items = "".join(f"<li>{escape(one)}</li>" for one in said)
    return f'<div class="warn"><strong>Not played:</strong><ul>{items}</ul></div>' if items else ""


def _bound(found: Findings) -> str:
    return ", ".join(f"{n} {number(sd, 2)}" for n, sd in zip(NAMES, found.bound.sd, strict=True))


def _laws(found: Findings) -> str:
    rows = [[escape(name), share(one["share"]), *(share(one[q]) for q in ("q05", "median", "q90", "q99")),
             f"{one['n']:,}", share(one["worst"])] for name, one in found.laws.items()]
    note = ("Largest relative error of a path, true and calibrated market under the same noises, all starts of a "
            "method together. <em>At the bound</em>: estimates drawn with the covariance that the best estimator could "
            "have; beside it one that a normal law with the prices' covariance would give. An estimator that beats "
            "the bound's share was lucky.")
    heads = ["Estimates", "Under 1.5%", "5% quantile", "Median", "90%", "99%", "Paths", "Worst"]
    return f"<p>{note}</p>{table(heads, rows)}"


def _across(found: Findings) -> str:
    kinds = [name for name in found.across[0] if name not in ("rho", "windows")]
    rows = [[" ".join(f"{a}:{b}" for a, b in row["windows"]), f"{row['rho']:g}", *(share(row[kind]) for kind in kinds),
             ""] for row in found.across]
    return ("<p>Share of paths under 1.5%. At rho = .01 hardly anything moves and parameters that were never trained "
            "pass; the paper does not give its rho.</p>"
            + table(["Windows", "rho", *map(escape, kinds), ""], rows))


def _signs() -> str:
    return ("<h2>Signs are not identified</h2><p>Both signals are symmetric about zero, so (b, S) and (−b, −S) are one "
            "law, and so are (c, S_i) and (−c, −S_i): a game may end at either sign, as b did at −1 in the paper's "
            "third start. Under the same noises the two are different paths; errors are taken after the signs are "
            "folded away. The sign of d is identified: a negative d trades against the trend.</p>")


def _slow(found: Findings) -> str:
    b, c, _ = found.bound.sd
    return ("<h2>Why c is slow</h2><p>The prices see the noise traders only through the law of their common demand. "
            "A larger b makes it wider and a larger c makes its traders less alike: raised together they nearly "
            f"cancel. At the bound the correlation of b and c is {found.bound.correlation:.2f}, the standard error of "
            f"c ({number(c, 2)}) is {number(c / b, 2)} times that of b ({number(b, 2)}): the loss has a valley along "
            "which its slope is that much smaller, and Adam's steps end where the noise of the game is as large as the "
            "slope.</p>")


def _modes(found: Findings) -> str:
    rows = [[str(k + 1), *(number(float(x), 3) for x in point), number(float(distance), 4)]
            for k, (point, distance) in enumerate(zip(found.basins.points, found.basins.distances, strict=True))]
    said = ("Simulated moments over the whole box of positive values, first data set: the best basin, and others "
            "within 8 nats (16 of distance)." if len(rows) > 1 else
            "Simulated moments over the whole box of positive values found no other basin within 8 nats in the first "
            "data set.")
    return f"<h2>Second modes</h2><p>{said}</p>{table(['Basin', *NAMES, 'Moment distance'], rows)}"


def _times(found: Findings) -> str:
    rows = [[escape(row["method"]), number(row["seconds"], 3), number(row["cpu_seconds"], 3),
             number(row["times_faster_than_torch"], 3), number(row["times_faster_than_paper"], 3)]
            for row in found.times]
    rows.append(["the paper, a laptop of 2015", number(60 * PAPER_MINUTES), "", "", "1"])
    heads = ["Method", "Seconds on the wall", "Seconds of CPU", "Times faster than torch (CPU)", "than the paper"]
    return ("<h2>Time</h2><p>Of one start, the median over starts, compilation left out; starts took turns among "
            "methods; CPU seconds tell more where other work ran beside it.</p>" + table(heads, rows))


def _choices(found: Findings) -> str:
    rows: Iterable[list[str]] = ([escape(text) for text in (c.what, c.text, c.taken, c.otherwise or "–")]
                                 for c in choices(found.setting))
    return ("<h2>What the text leaves open</h2>"
            + table(["What", "The text", "Taken here", "Otherwise"], rows, words=True))
