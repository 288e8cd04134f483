"""The report as one HTML file: no script, no network, light and dark, for the screen and paper.

Whatever a person typed (titles, names) is escaped where it enters; the file's own policy forbids
scripts and anything that is not in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genlab.compare.answer import answer
from genlab.compare.side_by_side import NO_PART, shared_real, titles_of
from genlab.core.escape import escape_html
from genlab.figures import svg
from genlab.figures.live import finite_or_none
from genlab.figures.svg import Trace
from genlab.panels import form_of
from genlab.panels.colours import DARK_ROLES
from genlab.panels.run_marks import MARK_CSS, REAL_MARK, mark_at, run_mark
from genlab.report.collect import Curves, Report, Side
from genlab.report.tables import (
    C2ST,
    CAUTION,
    SEED,
    N,
    alike,
    data_of,
    difference_table,
    format_value,
    option_tables,
    shared_settings,
    step_mismatch_note,
    table,
)

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5c5c5c; --back: #fff; --card: #f5f5f5;
  --faint: #d5d5d5; --mark: #fff0c9; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a9a9a9; --back: #121212;
  --card: #1d1d1d; --faint: #3a3a3a; --mark: #4a3c10; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 1120px; color: var(--ink);
  background: var(--back); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 20px; margin: 36px 0 8px; }
h3 { font-size: 15px; margin: 18px 0 6px; }
p, figcaption, li { margin: 4px 0; } .soft, figcaption { color: var(--soft); font-size: 13px; }
.runs, .charts { display: grid; gap: 14px; }
.runs { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
figure, .card { margin: 0; padding: 10px 12px; background: var(--card); border-radius: 8px;
  min-width: 0; break-inside: avoid; }
figure h3, figure h4 { margin: 0; font-size: 14px; }
img { width: 100%; height: auto; image-rendering: pixelated; display: block; margin: 6px 0; }
figure > svg { width: 100%; height: auto; display: block; }
.answer { margin: 12px 0; } .lead { font-size: 19px; line-height: 1.4; }
summary { cursor: pointer; padding: 10px 0; min-height: 44px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; overflow-wrap: normal; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--faint);
  vertical-align: top; min-width: 6.2em; } td { font-variant-numeric: tabular-nums; }
tr.differs td, tr.differs th { background: var(--mark); }
ul.keys { list-style: none; margin: 4px 0 0; padding: 0; font-size: 12px; }
ul.keys li { margin: 0; } ul.keys svg { display: inline-block; margin-right: 6px; }
pre { background: var(--card); padding: 10px; border-radius: 8px; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: 12px; }
@media print { body { max-width: none; padding: 0; font-size: 11px; }
  :root { --ink: #000; --back: #fff; --card: #fff; --soft: #333; --faint: #bbb; --mark: #eee; }
  .lead { font-size: 14px; } th, td { min-width: 0; }
  figure, .card { border: 1px solid #ccc; } h2 { break-after: avoid; } }
"""
STYLE += MARK_CSS + f"@media screen and (prefers-color-scheme: dark) {{ {DARK_ROLES}}}\n"


def html(report: Report) -> str:
    """The report as one HTML file."""
    sides = report.sides
    title = " against ".join(side.title for side in sides)
    when = report.moment.words
    parts = [
        f"<h1>{escape_html(title)}</h1>",
        _answer(sides),
        f'<p class="soft">{escape_html(f"A comparison {when}, made {report.created}.")}</p>',
        _runs(sides),
        "<h2>Side by side</h2>",
        f"<p>{escape_html(_same(sides))}</p>",
        _pictures(sides),
        "<h2>Curves</h2>",
        _curves(report),
        "<h2>On held-out examples</h2>",
        _metrics(report),
        _ledgers(sides),
        "<h2>What happened on the way</h2>",
        _events(sides),
        "<h2>What is different and what is alike</h2>",
        _specs(sides),
        f"<p>{escape_html(alike([side.budget for side in sides]))}</p>",
        _budgets(sides),
        "<h2>How to make it again</h2>",
        _again(report),
        "<h2>What to bear in mind</h2>",
        _notes(),
    ]
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape_html(title)}</title><style>{STYLE}</style></head><body>"
    )
    return head + "\n".join(filter(None, parts)) + "</body></html>\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[bool] = ()) -> str:
    """A table of plain text; some rows may be marked."""
    top = "".join(f"<th>{escape_html(cell)}</th>" for cell in head)
    body = []
    for i, row in enumerate(rows):
        kind = ' class="differs"' if i < len(marked) and marked[i] else ""
        cells = "".join(f"<td>{escape_html(cell)}</td>" for cell in row)
        body.append(f"<tr{kind}>{cells}</tr>")
    inner = f"<thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody>"
    frame = 'class="scroll" tabindex="0" role="region" aria-label="Table"'
    return f"<div {frame}><table>{inner}</table></div>"


def _runs(sides: Sequence[Side]) -> str:
    cards = []
    for i, side in enumerate(sides):
        at = f"shown after step {side.step:,}, {side.seconds:.1f} s of training"
        state = f"{side.status}, step {side.last:,} of {side.steps:,}"
        cards.append(
            f'<div class="card"><strong>{_name(i, side)}</strong>'
            f'<p class="soft">{escape_html(f"{side.id}: {state}; {at}")}</p></div>'
        )
    return f'<div class="runs">{"".join(cards)}</div>'


def _answer(sides: Sequence[Side]) -> str:
    """The result in sentences, the first of them large."""
    found = {side.title: side.metrics for side in sides}
    result = answer(found, [data_of(side.spec) for side in sides])
    lead = "".join(f'<p class="lead">{escape_html(text)}</p>' for text in result.headline)
    rest = " ".join(filter(None, [result.interval, *result.more]))
    return f'<div class="answer">{lead}<p>{escape_html(rest)}</p></div>'


def _name(i: int, side: Side) -> str:
    """The mark and the title of a run."""
    return f"{run_mark(i)} {escape_html(side.title)}"


def _specs(sides: Sequence[Side]) -> str:
    head, differ, same = option_tables({side.title: side.spec for side in sides})
    first = _table(head, differ, [True] * len(differ)) if differ else "<p>No option differs.</p>"
    rest = f"<summary>The {len(same)} options that are equal</summary>{_table(head, same)}"
    return f"{first}<details>{rest}</details>"


def _budgets(sides: Sequence[Side]) -> str:
    parts = list(dict.fromkeys(part for side in sides for part in side.budget.parts))
    rows = [
        [
            part,
            *(
                f"{side.budget.parts[part]:,}" if part in side.budget.parts else ""
                for side in sides
            ),
        ]
        for part in parts
    ]
    rows.append(["all", *(f"{side.budget.total:,}" for side in sides)])
    return _table(["parameters", *(side.title for side in sides)], rows)


def _same(sides: Sequence[Side]) -> str:
    sentences = [
        *shared_settings({side.title: side.examples for side in sides}),
        step_mismatch_note({side.title: side.step for side in sides}),
    ]
    return " ".join(filter(None, sentences))


def _pictures(sides: Sequence[Side]) -> str:
    blocks = []
    real = shared_real([side.examples for side in sides])
    for part, title in titles_of(side.examples for side in sides).items():
        figures = []
        for i, side in enumerate(sides):
            picture = side.examples.pictures.get(part)
            head = f"<h4>{_name(i, side)}</h4>"
            if picture is None:
                why = escape_html(side.examples.missing.get(part, NO_PART))
                figures.append(f"<figure>{head}<figcaption>Not here: {why}.</figcaption></figure>")
            else:
                note = f"<figcaption>{escape_html(picture.note)}</figcaption>"
                figures.append(f"<figure>{head}{form_of(picture).html(picture)}{note}</figure>")
        if picture := real.get(part):
            note = f"<figcaption>{escape_html(picture.note)}</figcaption>"
            drawn = form_of(picture).html(picture)
            figures.append(f"<figure><h4>{REAL_MARK} Real data</h4>{drawn}{note}</figure>")
        blocks.append(f'<h3>{escape_html(title)}</h3><div class="runs">{"".join(figures)}</div>')
    return "".join(blocks)


def _keys(traces: Iterable[Trace]) -> str:
    items = []
    for one in traces:
        dashes = f' stroke-dasharray="{one.dash}"' if one.dash else ""
        mark = "" if one.run is None else mark_at(one.run, 13, 6)
        line = (
            '<svg width="26" height="12" aria-hidden="true"><line x1="0" x2="26" y1="6" y2="6" '
            f'stroke="{one.colour}" stroke-width="2.5"{dashes}/>{mark}</svg>'
        )
        items.append(f"<li>{line}{escape_html(one.name)}</li>")
    return f'<ul class="keys">{"".join(items)}</ul>'


def _metrics(report: Report) -> str:
    found = {side.title: side.metrics for side in report.sides}
    head, body = table({title: one["metrics"] for title, one in found.items()})
    sentences = (
        f"Up to {N:,} test examples, seed {SEED}, {report.moment.words}; 95 % intervals in "
        "brackets. A metric is missing where the model does "
        "not define it."
    )
    parts = [_table(head, body), f'<p class="soft">{escape_html(sentences)}</p>']
    if report.c2st:
        parts.append(f'<p class="soft">Classifier two-sample test: {escape_html(C2ST)}</p>')
    head, body = difference_table(found)
    if body:
        parts += [
            "<h3>Differences</h3>",
            _table(head, body),
            f'<p class="soft">{escape_html(CAUTION)}</p>',
        ]
    else:
        parts.append("<p>These runs share no metric that has a better end.</p>")
    return "".join(parts)


def _curves(report: Report) -> str:
    seconds = report.moment.clock == "seconds"
    axis = "seconds of training" if seconds else "step"
    charts = (_chart(one, axis, report.moment.at) for one in report.curves)
    return f'<div class="charts">{"".join(charts)}</div>'


def _chart(one: Curves, axis: str, mark: float | None) -> str:
    inside = max((x for trace in one.traces for x in trace.x), default=0.0)
    picture = svg.lines(
        one.traces,
        x_title=axis,
        words=one.title,
        mark=mark if mark is not None and mark <= inside else None,
        width=370,
    )
    keys = _keys(one.traces)
    note = f'<p class="soft">{escape_html(one.note)}</p>' if one.note else ""
    return f"<figure><h3>{escape_html(one.title)}</h3>{note}{picture}{keys}</figure>"


def _ledgers(sides: Sequence[Side]) -> str:
    with_ledger = [side for side in sides if side.ledger]
    if not with_ledger:
        return ""
    rows: dict[str, dict[str, str]] = {}
    about: dict[str, str] = {}
    for side in with_ledger:
        assert side.ledger is not None
        for row in side.ledger["rows"]:
            name = f"{row['title']} ({row['unit']})"
            rows.setdefault(name, {})[side.title] = _entry(row)
            about.setdefault(name, f"{row['kind']}; perfect sampler {_number(row['floor'])}")
    body = [
        [name, *(cells.get(side.title, "") for side in with_ledger), about[name]]
        for name, cells in rows.items()
    ]
    steps = ", ".join(
        f"{side.title} after step {side.ledger['step']:,}" for side in with_ledger if side.ledger
    )
    note = f"{with_ledger[0].ledger['note'] if with_ledger[0].ledger else ''}. {steps}."
    head = ["divergence to the truth", *(side.title for side in with_ledger), "kind of number"]
    return f'<h2>Divergence ledger</h2>{_table(head, body)}<p class="soft">{escape_html(note)}</p>'


def _entry(row: Mapping[str, Any]) -> str:
    value = _number(row["value"])
    error = f" ± {_number(row['error'])}" if row.get("error") is not None else ""
    least = f", at least {_number(row['at_least'])}" if row.get("at_least") is not None else ""
    return value + error + least


def _number(value: Any) -> str:
    if isinstance(value, str) or value is None:
        return str(value or "unknown")
    return format_value(float(value)) if finite_or_none(value) is not None else "not finite"


def _events(sides: Sequence[Side]) -> str:
    parts = []
    for side in sides:
        items = [
            f"<li>step {event['step']:,}, {escape_html(event['level'])}: "
            f"{escape_html(event['message'])}</li>"
            for event in side.events[-40:]
        ]
        inner = f"<ul>{''.join(items)}</ul>" if items else '<p class="soft">nothing of note</p>'
        parts.append(f'<div class="card"><strong>{escape_html(side.title)}</strong>{inner}</div>')
    return f'<div class="runs">{"".join(parts)}</div>'


def _again(report: Report) -> str:
    parts = []
    for side in report.sides:
        parts.append(f"<h3>{escape_html(side.title)}</h3><pre>{escape_html(side.command)}</pre>")
        if side.why:
            parts.append(
                f'<p class="soft">This command alone is not the run: {escape_html(side.why)}.</p>'
            )
    parts.append(f"<h3>This report</h3><pre>{escape_html(report.again)}</pre>")
    version_list = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts.append(f'<p class="soft">Made by {escape_html(version_list)}.</p>')
    return "".join(parts)


def _notes() -> str:
    notes = [
        "Each run is one training. The intervals cover the noise of test examples and "
        "samples. They do "
        "not cover the variation between training seeds: train several seeds to "
        "see it.",
        "The same seed gives the same batches in the same order. Each model also draws its "
        "own random numbers (codes, noise).",
        "Seconds of training are wall-clock seconds without pauses. They "
        "include the time of probes. Runs that train at the same time share the "
        "processor.",
        "Pictures, reconstructions and metrics come from the snapshot nearest "
        "to the chosen step or second.",
        "An encoder reconstructs an example in one pass; inversion optimises "
        "its code. The first shows what the model infers about an example, the "
        "second what its decoder can produce.",
        "Lower bounds of different models bound different quantities: a higher "
        "bound alone does not mean a better model.",
    ]
    return f"<ul>{''.join(f'<li>{escape_html(note)}</li>' for note in notes)}</ul>"
