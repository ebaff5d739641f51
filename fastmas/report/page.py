"""The report as one HTML page: verdict and estimates first, then figures, then how to run it again."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fastmas.report.pictures import Picture
from fastmas.report.reading import Run

NEAR_BOUND = 0.01  # share of the way between the bounds, in the search coordinate

STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #5f6368; --line: #d9d9de; --card: #f5f5f7;
  --warn: #8a4b00; --warn-card: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --soft: #a6a6ad; --line: #3c3c42;
  --card: #232327; --warn: #ffc46b; --warn-card: #3a2a10; } body { background: #161618; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 46rem; margin: 0 auto;
  padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.soft, figcaption, small { color: var(--soft); } small { font-size: .85rem; }
.verdict, .warn { background: var(--card); border-radius: 8px; padding: .8rem 1rem; margin: 1rem 0; }
.warn { background: var(--warn-card); color: var(--warn); } .warn ul { margin: 0; padding-left: 1.2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; } td.word { overflow-wrap: anywhere; }
figure { margin: 1rem 0; } img { width: 100%; height: auto; background: #fff; border-radius: 8px; }
"""


def page(run: Run, drawn: Sequence[tuple[Picture, bytes]]) -> str:
    """Return the page; `drawn` holds each figure with its PNG."""
    what = "A network trained on" if run.is_network else f"Calibration of {run.config['model']} to"
    title = f"{what} {_source(run)}"
    parts = [
        f"<h1>{escape(title)}</h1>", _opening(run), _unfinished(run), _verdict(run), _warnings(run),
        _against(run), _estimates(run),
        *(figure(picture, image) for picture, image in drawn if picture.name == "posterior"),
        _search(run), _gradients(run), _figures(run), _told_apart(run), _stationarity(run),
        *(figure(picture, image) for picture, image in drawn if _kind(picture) in _FIT), _facts(run),
        *(figure(picture, image) for picture, image in drawn if _kind(picture) not in _FIT | {"posterior"}),
        _settings(run)]
    return document(title, parts)


def document(title: str, parts: Iterable[str], more_style: str = "") -> str:
    """A page of these parts of HTML, in one file; `more_style` is CSS of its own."""
    body = "\n".join(part for part in parts if part)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(title)}</title>\n<style>{STYLE}{more_style}</style>\n</head>\n"
            f"<body>\n{body}\n</body>\n</html>\n")


_FIT = {"paths", "returns", "autocorrelations"}  # figures that stand before the stylised facts


def _kind(picture: Picture) -> str:
    """What a picture shows, of whichever observable."""
    return picture.name.partition("-")[0]


def number(value: Any, digits: int = 4) -> str:
    """Return a number in so many significant digits, or a dash for none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return "–"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}".replace("-", "−")
    return f"{value:,.0f}" if 1e4 <= value < 1e15 else f"{value:.{digits}g}".replace("-", "−")


def _source(run: Run) -> str:
    return str(run.config["data"].get("source") or "data")


def _opening(run: Run) -> str:
    data, result = run.config["data"], run.result
    column = f", column {data['column']}" if data.get("column") else ""
    kind = "windows of one series" if run.one_series else "paths"
    sentences = [
        f"Trained: {number(result.get('n_parameters'))} weights of a network in place of a model." if run.is_network
        else f"Calibrated: {', '.join(run.free)} of the {run.config['model']} model{_rules(run.config)}.",
        f"Data: {_source(run)}{column}, {number(data.get('n_paths'))} {kind} of "
        f"{number(data.get('n_times'))} {_values(data)}, {number(data.get('n_heldout'))} held out from training."]
    if run.finished:
        sentences.append(f"The search simulated {number(result.get('paths_simulated'))} paths in "
                         f"{_duration(result.get('seconds'))}.")
    return f'<p class="soft">{escape(" ".join(sentences))}</p>'


def _values(data: Mapping[str, Any]) -> str:
    """What the data are: prices, or the observables by name with their domains."""
    names, kinds = data.get("names") or ["price"], data.get("domains") or [""]
    if len(names) == 1 and kinds[0] in ("", "price"):
        return "prices"
    named = [f"{name} ({kind or 'by its values'})" for name, kind in zip(names, kinds, strict=False)]
    return f"times of {', '.join(named)}"


def _rules(config: Mapping[str, Any]) -> str:
    """What is said of a model's decision rules: nothing, if it has one kind alone."""
    return f" with {config['rule']} decision rules" if config.get("rule") else ""


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, (int, float)) or seconds < 90:
        return f"{number(seconds)} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _unfinished(run: Run) -> str:
    if run.finished:
        return ""
    return (f'<p class="warn"><strong>This run is not finished:</strong> {run.n_generations} of '
            f"{number(run.config.get('generations'))} generations are on record. What follows is the state "
            "so far, not a result. "
            f"<code>fastmas resume {escape(run.directory.name)}</code> continues it.</p>")


def _verdict(run: Run) -> str:
    said = run.result.get("verdict")
    return f'<div class="verdict"><strong>{escape(str(said))}</strong></div>' if said else ""


def _figures(run: Run) -> str:
    """The named figures, those that deviate first."""
    rows = [row for row in run.result.get("figures") or [] if isinstance(row, dict)]
    if not rows:
        return ""
    rows.sort(key=lambda row: (row.get("rank") is None, row.get("rank") or 0))
    note = ("Each figure of the training data and at the estimate, and their distance in standard deviations of "
            f"simulated data sets{_mended(run)}. Words stand where a "
            "figure lies beyond what the largest of all reaches in 19 of 20 simulated data sets, for one of a kind.")
    listed = table(["Figure", "Model", "Data", "Model − data, sd", "Misfit"], map(_figure_row, rows))
    return f"<h2>What differs</h2><p>{note}</p>{listed}"


def _mended(run: Run) -> str:
    return "" if run.is_network else ", once a step of the fit has mended what another estimate could"


def _figure_row(row: Mapping[str, Any]) -> list[str]:
    told = "–" if row.get("rank") is None else f"<strong>{escape(str(row.get('text')))}</strong>"
    return [escape(str(row.get("title") or row.get("name"))), number(row.get("model"), 3), number(row.get("data"), 3),
            number(row.get("sds"), 2), told]


def _search(run: Run) -> str:
    said = run.result.get("search")
    return f'<p class="soft">{escape(str(said))}</p>' if said else ""


def _gradients(run: Run) -> str:
    """Those had in one way stand together: agents have hundreds of parameters."""
    names: dict[str, list[str]] = {}
    for name, way in (run.result.get("gradients") or {}).items():
        names.setdefault(str(way), []).append(name)
    said = "; ".join(f"{', '.join(those)} by {way}" for way, those in names.items())
    return f'<p class="soft">Gradients: {escape(said)}.</p>' if said else ""


def _told_apart(run: Run) -> str:
    said = run.result.get("told_apart")
    return f"<h2>How easily told apart</h2><p>{escape(str(said))}</p>" if said else ""


def _stationarity(run: Run) -> str:
    seen = run.result.get("stationarity")
    said = seen.get("sentence") if isinstance(seen, dict) else None
    return f"<h2>Warm-up</h2><p>{escape(str(said))}</p>" if said else ""


def _warnings(run: Run) -> str:
    said = [str(warning) for warning in run.result.get("warnings") or []]
    values = run.result.get("estimate", {})
    for name, spec in run.ranges.items():
        side = at_bound(values[name], spec) if name in values else ""
        if side:
            said.append(f"{name} = {number(values[name])} is at its {side} bound, {number(spec[side])}: the "
                        "data may ask for more than the bounds allow.")
    if not said:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in said)
    return f'<div class="warn"><ul>{items}</ul></div>'


def at_bound(value: float, spec: Mapping[str, Any]) -> str:
    """Return "low" or "high" if the value is within 1% of that bound on the parameter's scale, else ""."""
    low, high = float(spec["low"]), float(spec["high"])
    if spec.get("scale") == "log" and min(low, value) > 0:
        low, high, value = math.log(low), math.log(high), math.log(value)
    share = (value - low) / (high - low) if high > low else 0.5
    return "low" if share < NEAR_BOUND else "high" if share > 1 - NEAR_BOUND else ""


def _against(run: Run) -> str:
    """A network beside the mechanism that was calibrated to the same data."""
    beside = run.result.get("against")
    if not isinstance(beside, dict):
        return ""
    rows = [[escape(_plain(cell)) for cell in row] for row in beside["rows"]]
    return f"<h2>Mechanism beside black box</h2>{table(beside['columns'], rows, words=True)}"


def _estimates(run: Run) -> str:
    result = run.result
    if run.is_network or not (result or run.history):
        return ""
    names = ["Parameter", "Estimate", f"{_level(result)} interval", "Moment fit", "Bounds", "Unit"]
    if not result:
        names[1] = "Value so far"
    rows = [_estimate_row(run, name, spec) for name, spec in run.ranges.items()]
    method = result.get("interval_method")
    note = "No intervals were computed." if result and not result.get("interval") else ""
    note = f"Intervals: {method}." if method and result.get("interval") else note
    return f"<h2>Estimates</h2>{table(names, rows)}<p><small>{escape(note)}</small></p>"


def _estimate_row(run: Run, name: str, spec: Mapping[str, Any]) -> list[str]:
    result = run.result
    value = result["estimate"][name] if result else float(run.history[name][-1])
    ends = (result.get("interval") or {}).get(name)
    doc = f"<br><small>{escape(str(spec['doc']))}</small>" if spec.get("doc") else ""
    return [f"{escape(name)}{doc}", f"<strong>{number(value)}</strong>", _span(ends),
            number((result.get("start") or {}).get(name)), _span([spec["low"], spec["high"]]),
            escape(str(spec.get("unit") or "–"))]


def _level(result: Mapping[str, Any]) -> str:
    return f"{100 * float(result.get('interval_level') or 0.9):.3g}%"


def _span(ends: Sequence[Any] | None, digits: int = 4) -> str:
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}" if ends else "–"


def _facts(run: Run) -> str:
    rows = [row for row in run.result.get("stylised_facts") or [] if isinstance(row, dict)]
    if not rows:
        return ""
    n_met = sum(bool(row.get("reproduced")) for row in rows)
    centre = "median of simulated series" if run.one_series else "mean over simulated paths"
    note = (f"{n_met} of {len(rows)} are reproduced. Simulated: {centre}; range: where the observed value "
            "lies nine times in ten if the model is right, so that even a perfect model misses about one in "
            "ten.")
    listed = table(["Stylised fact", "Observed", "Simulated", "90% range", "Verdict"], map(_fact_row, rows))
    return f"<h2>Stylised facts</h2><p>{note}</p>{listed}"


def _fact_row(row: Mapping[str, Any]) -> list[str]:
    low, high, observed = row.get("low"), row.get("high"), row.get("observed")
    verdict = "reproduced"
    if not row.get("reproduced"):
        above = number(high) != "–" and number(observed) != "–" and float(observed or 0) > float(high or 0)
        verdict = f"<strong>not reproduced</strong>: the data lie {'above' if above else 'below'}"
    return [escape(str(row.get("title") or row.get("name"))), number(observed, 3),
            number(row.get("simulated"), 3), _span([low, high], 3), verdict]


def figure(picture: Picture, image: bytes) -> str:
    """A picture with its PNG inside the page."""
    data = base64.b64encode(image).decode("ascii")
    return (f"<h2>{escape(picture.title)}</h2><figure>"
            f'<img src="data:image/png;base64,{data}" alt="{escape(picture.title)}">'
            f"<figcaption>{escape(picture.caption)}</figcaption></figure>")


def _settings(run: Run) -> str:
    config = {key: value for key, value in run.config.items() if key not in ("parameters", "curves", "budget")}
    shown = {"value", "seconds_by_phase", "version"}
    result = {f"result.{key}": value for key, value in run.result.items() if key in shown}
    rows = [[escape(key), escape(_plain(value))] for key, value in _flat(config | result)]
    return f"<h2>Settings, seeds and versions</h2>{table(['Setting', 'Value'], rows, words=True)}"


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value) or "none"
    return "–" if value is None or value == {} else str(value)


def table(names: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """Return a table of escaped cells; columns 2 to the last but one are numbers unless `words`."""
    def kind(i: int) -> str:
        return ' class="word"' if words else ' class="n"' if 0 < i < len(names) - 1 else ""
    head = "".join(f"<th{kind(i)}>{escape(name)}</th>" for i, name in enumerate(names))
    body = "".join(
        "<tr>" + "".join(f"<td{kind(i)}>{cell}</td>" for i, cell in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
