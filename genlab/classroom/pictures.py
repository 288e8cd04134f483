"""The votes on a question as a picture, with the right answer marked."""

from __future__ import annotations

from genlab.classroom.polls import Poll, Tally
from genlab.core.escape import escape_html
from genlab.lessons.panels import Curve, Curves, array
from genlab.lessons.questions import Choices, DrawnCurve, Number
from genlab.panels.colours import COLOURS

VOTES, RIGHT = COLOURS[:2]


def tally_html(poll: Poll, tally: Tally) -> str:
    """The histogram of choices or numbers; the right answer is marked once it is revealed.

    Args:
        poll: the question.
        tally: its votes.
    """
    form, found = poll.asked.form, poll.outcome
    if isinstance(form, Choices):
        return _bars(form, tally, None if found is None else form.read(found.right))
    if isinstance(form, Number):
        return _histogram(form, tally, None if found is None else float(found.right))
    return ""


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


def _histogram(form: Number, tally: Tally, right: float | None) -> str:
    most = max(1, *tally.counts)
    bars = "".join(
        f'<div style="flex:1;height:{100 * count / most:.1f}%;background:{VOTES};'
        f'margin:0 1px" title="{count}"></div>'
        for count in tally.counts
    )
    label = f"{tally.n} guesses, at most {most} in a bar"
    if tally.middle:
        label += f", median {tally.middle[0]:.4g} {form.unit}".rstrip()
    line = ""
    if right is not None:
        share = (min(max(right, form.low), form.high) - form.low) / (form.high - form.low)
        line = (
            f'<div style="position:absolute;left:calc({100 * share:.1f}% - 2px);top:0;bottom:0;'
            f'width:4px;background:{RIGHT}"></div>'
        )
        outside = "" if form.low <= right <= form.high else ", outside the range of the guesses"
        label += f"; the line: the right answer {form.words(right)}{outside}"
    ends = f"{form.low:.4g}", f"{form.high:.4g} {form.unit}".rstrip()
    return (
        f'<div role="img" aria-label="{escape_html(label)}">'
        '<div style="position:relative;display:flex;align-items:flex-end;height:9rem;'
        f'border-bottom:2px solid currentColor">{bars}{line}</div>'
        '<div style="display:flex;justify-content:space-between">'
        f"<span>{escape_html(ends[0])}</span><span>{escape_html(ends[1])}</span></div></div>"
        f"<p>{escape_html(label[:1].upper() + label[1:])}.</p>"
    )


def tally_curves(form: DrawnCurve, poll: Poll, tally: Tally) -> Curves:
    """The drawn curves of a question: their median, the middle half, and the right curve."""
    curves = []
    if tally.n:
        rows = (array(row) for row in (tally.middle, tally.low, tally.high))
        middle, low, high = rows
        curves.append(Curve("median of the votes", form.axis, middle, low=low, high=high))
    if poll.outcome is not None:
        right = array(poll.outcome.right)
        curves.append(Curve("right", form.axis, right, style="dash", colour=1))
    note = f"Curves: {tally.n}. The band holds the middle half of them at each point."
    return Curves("The votes", note, tuple(curves), form.x_title, form.y_title)
