"""The votes on a question as a picture, with the right answer marked."""

from __future__ import annotations

from genlab.classroom.polls import Poll, Tally
from genlab.core.escape import escape_html
from genlab.lessons.panels import Curve, Curves, array
from genlab.lessons.questions import Answer, Choices, DrawnCurve, Number
from genlab.panels.colours import COLOURS

VOTES, RIGHT = COLOURS[:2]


def tally_html(poll: Poll, tally: Tally, mine: Answer | None = None) -> str:
    """The histogram of choices or numbers; the right answer is marked once it is revealed.

    Args:
        poll: the question.
        tally: its votes.
        mine: the vote of who looks, which is marked too; None for none.
    """
    form, found = poll.asked.form, poll.outcome
    if isinstance(form, Choices):
        right = None if found is None else form.read(found.right)
        return _bars(form, tally, right, None if mine is None else form.read(mine))
    if isinstance(form, Number):
        at = None if found is None else float(found.right)
        return _histogram(form, tally, at, None if mine is None else float(mine))
    return ""


def _bars(form: Choices, tally: Tally, right: int | None, mine: int | None) -> str:
    most = max(1, *tally.counts)
    rows = []
    for place, (text, count) in enumerate(zip(form.options, tally.counts, strict=True)):
        colour = RIGHT if place == right else VOTES
        mark = " ✓" if place == right else ""
        mark += " (your vote)" if place == mine else ""
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


def _histogram(form: Number, tally: Tally, right: float | None, mine: float | None) -> str:
    most = max(1, *tally.counts)
    bars = "".join(
        f'<div style="flex:1;height:{100 * count / most:.1f}%;background:{VOTES};'
        f'margin:0 1px" title="{count}"></div>'
        for count in tally.counts
    )
    label = f"Highest bar: {most} {'vote' if most == 1 else 'votes'}"
    if tally.middle:
        label += f"; median {form.words(tally.middle[0])}"
    band = line = flag = yours = ""
    if right is not None:
        at = _share(form, right)
        outside = "" if form.low <= right <= form.high else ", outside the range of the guesses"
        label += f"; line: the answer, {form.words(right)}{outside}; shaded: counted as right"
        low, high = _share(form, right - form.tolerance), _share(form, right + form.tolerance)
        band = (
            f'<div style="position:absolute;left:{low:.1f}%;width:{high - low:.1f}%;top:0;'
            f'bottom:0;background:{RIGHT};opacity:.25"></div>'
        )
        line = (
            f'<div style="position:absolute;left:calc({at:.1f}% - 2px);top:0;bottom:0;'
            'width:4px;background:currentColor"></div>'
        )
        # Moved back by its share of its own width, the text ends where the picture ends.
        flag = (
            '<div style="position:relative;height:1.4em"><b style="position:absolute;'
            f'left:{at:.1f}%;transform:translateX(-{at:.1f}%);white-space:nowrap">'
            f"{escape_html(form.words(right))}</b></div>"
        )
    if mine is not None:
        at = _share(form, mine)
        label += "; triangle: your vote"
        yours = (
            '<div style="position:relative;height:1.1em"><span style="position:absolute;'
            f'left:{at:.1f}%;transform:translateX(-50%)">▲</span></div>'
        )
    ends = f"{form.low:.4g}", f"{form.high:.4g} {form.unit}".rstrip()
    middle = f"{(form.low + form.high) / 2:.4g}"
    return (
        f'<div role="img" aria-label="{escape_html(label)}">{flag}'
        '<div style="position:relative;display:flex;align-items:flex-end;height:6.5rem;'
        f'border-bottom:2px solid currentColor">{band}{bars}{line}</div>{yours}'
        '<div style="display:grid;grid-template-columns:1fr auto 1fr">'
        f"<span>{escape_html(ends[0])}</span><span>{escape_html(middle)}</span>"
        f'<span style="text-align:right">{escape_html(ends[1])}</span></div></div>'
        f'<p style="margin:.3rem 0 0">{escape_html(label)}.</p>'
    )


def _share(form: Number, value: float) -> float:
    """Where a number stands in the range of the guesses, in percent; an end for one outside."""
    return 100 * (min(max(value, form.low), form.high) - form.low) / (form.high - form.low)


def tally_curves(form: DrawnCurve, poll: Poll, tally: Tally, mine: Answer | None = None) -> Curves:
    """The curves of a question: the median, the middle half, the reader's own, the right one."""
    curves = []
    if tally.n:
        rows = (array(row) for row in (tally.middle, tally.low, tally.high))
        middle, low, high = rows
        curves.append(Curve("median of the votes", form.axis, middle, low=low, high=high))
    if poll.outcome is not None:
        right = array(poll.outcome.right)
        curves.append(Curve("right", form.axis, right, style="dash", colour=1))
    if mine is not None:
        curves.append(Curve("yours", form.axis, form.read(mine), style="dot", colour=-1))
    note = f"Curves: {tally.n}. The band holds the middle half of them at each point."
    return Curves("The votes", note, tuple(curves), form.x_title, form.y_title)
