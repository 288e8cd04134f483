"""The votes on a question as a picture, with the right answer marked: HTML and SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genlab.classroom.polls import Poll, Tally
from genlab.core.escape import escape_html
from genlab.lessons.questions import Choices, DrawnCurve, Number

VOTES, RIGHT = "#0072b2", "#d55e00"
#: Size of a plot, and of the space for its labels: left, bottom, top.
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 200, 44, 40, 22


def tally_html(poll: Poll, tally: Tally) -> str:
    """The histogram of the votes; the right answer is marked once it is revealed.

    Args:
        poll: the question.
        tally: its votes.
    """
    form = poll.asked.form
    if isinstance(form, Choices):
        return _bars(form, tally, None if poll.outcome is None else form.read(poll.outcome.right))
    right = None if poll.outcome is None else poll.outcome.right
    if isinstance(form, Number):
        return _histogram(form, tally, None if right is None else float(right))
    return _curves(form, tally, None if right is None else np.asarray(right))


def _bars(form: Choices, tally: Tally, right: int | None) -> str:
    most = max(1, *tally.counts)
    rows = []
    for place, (text, count) in enumerate(zip(form.options, tally.counts, strict=True)):
        colour = RIGHT if place == right else VOTES
        mark = " ✓" if place == right else ""
        share = f"{100 * count / tally.n:.0f} %" if tally.n else "0 %"
        weight = "700" if place == right else "400"
        rows.append(
            f'<div style="margin:0 0 .6rem"><div style="font-weight:{weight};'
            f'overflow-wrap:anywhere">{escape_html(text)}{mark}</div>'
            f'<div style="display:flex;align-items:center;gap:.5rem"><div style="height:1.1rem;'
            f"width:{70 * count / most:.1f}%;min-width:2px;background:{colour};"
            f'border-radius:3px"></div><span>{count} ({share})</span></div></div>'
        )
    return "".join(rows)


def _svg(label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape_html(label)}" '
        'style="width:100%;max-width:640px;height:auto;color:inherit" fill="currentColor" '
        f'font-size="13" font-family="sans-serif">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", colour: str = "") -> str:
    fill = f' fill="{colour}"' if colour else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{fill}>{escape_html(text)}</text>'


def _across(value: float, low: float, high: float) -> float:
    return LEFT + (min(max(value, low), high) - low) / (high - low) * (WIDTH - LEFT - 12)


def _up(value: float, low: float, high: float) -> float:
    return (
        HEIGHT
        - BOTTOM
        - (min(max(value, low), high) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)
    )


def _frame(x: tuple[float, float], x_title: str) -> list[str]:
    base = HEIGHT - BOTTOM
    parts = [f'<rect x="{LEFT}" y="{base}" width="{WIDTH - LEFT - 12}" height="1"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = x[0] + share * (x[1] - x[0])
        parts.append(_text(_across(value, *x), base + 16, f"{value:.4g}"))
    return [*parts, _text((LEFT + WIDTH) / 2, HEIGHT - 6, x_title)]


def _histogram(form: Number, tally: Tally, right: float | None) -> str:
    ends, most = (form.low, form.high), max(1, *tally.counts)
    parts = _frame(ends, form.unit)
    base, edges = HEIGHT - BOTTOM, tally.edges
    for k, count in enumerate(tally.counts):
        left, end = _across(edges[k], *ends), _across(edges[k + 1], *ends)
        top = _up(count, 0, most)
        parts.append(
            f'<rect x="{left + 0.5:.1f}" y="{top:.1f}" width="{max(1.0, end - left - 1):.1f}" '
            f'height="{base - top:.1f}" fill="{VOTES}"/>'
        )
    parts.append(_text(LEFT - 6, TOP + 8, str(most), "end"))
    parts.append(_text(LEFT - 6, base, "0", "end"))
    label = f"{tally.n} votes"
    if tally.middle:
        label += f", median {tally.middle[0]:.4g}"
    if right is not None:
        at = _across(right, *ends)
        label += f", right: {form.words(right)}"
        outside = "" if form.low <= right <= form.high else ", outside the guesses"
        parts.append(
            f'<rect x="{at - 1.5:.1f}" y="{TOP}" width="3" height="{base - TOP}" fill="{RIGHT}"/>'
        )
        words = f"right: {form.words(right)}{outside}"
        anchor = "start" if at < WIDTH / 2 else "end"
        parts.append(_text(at, TOP - 6, words, anchor))
    return _svg(label, parts)


def _curves(form: DrawnCurve, tally: Tally, right: np.ndarray | None) -> str:
    parts = _frame(form.x, form.x_title)
    for value in form.y:
        parts.append(_text(LEFT - 6, _up(value, *form.y) + 4, f"{value:.3g}", "end"))
    parts.append(_text(LEFT + 4, TOP - 6, form.y_title, "start"))

    def points(ys: Sequence[float], xs: Sequence[float]) -> str:
        pairs = zip(xs, ys, strict=True)
        return " ".join(f"{_across(x, *form.x):.1f},{_up(y, *form.y):.1f}" for x, y in pairs)

    axis = form.axis.tolist()
    if tally.n:
        around = [*tally.high, *reversed(tally.low)]
        band = points(around, [*axis, *reversed(axis)])
        parts.append(f'<polygon points="{band}" fill="{VOTES}" opacity="0.25"/>')
        line = points(tally.middle, axis)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{VOTES}" stroke-width="2.5"/>'
        )
    label = f"{tally.n} curves: their median, and the middle half of them as a band"
    if right is not None:
        line = points(right.tolist(), axis)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{RIGHT}" stroke-width="2.5" '
            'stroke-dasharray="7 4"/>'
        )
        label += "; dashed: the right curve"
    return _svg(label, parts) + f"<p>{escape_html(label)}.</p>"
