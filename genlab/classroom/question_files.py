"""A teacher's own questions, in a small Markdown file.

A file is a title and questions. A question is a heading, lines ``key: value``, and for choices a
list::

    # My lesson

    ## What does the best critic say of an example, once the generator is perfect?
    - [ ] 0
    - [x] 1/2
    - [ ] 1
    because: Both densities are equal there, and $p / (p + q) = 1/2$.

    ## How many of the eight modes will the generator reach?
    from: 0
    to: 8
    unit: modes
    tolerance: 0.5
    answer: run modes

    ## How does the KL go over the steps?
    x: 0 to 1000, step
    y: 0 to 20, nats
    tolerance: 3
    answer: run kl

``answer: run NAME`` takes the number from the run that the room looks at; choices then begin with
their range, ``- [0, 3] few of them``. A curve's answer may be points, ``0 0; 500 12; 1000 15``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

import numpy as np

from genlab.classroom.asked import Asked, Source
from genlab.core.errors import GenlabError, SpecError
from genlab.lessons.questions import Choices, DrawnCurve, Form, Number

#: Bytes of a file, questions in it, characters of a text, of a formula, of a choice.
BYTES, QUESTIONS, TEXT, FORMULA, CHOICE = 65_536, 50, 600, 200, 120
LEAST_CHOICES, MOST_CHOICES = 2, 8
KEYS = ("from", "to", "unit", "tolerance", "x", "y", "answer", "because")
HTML = re.compile(r"<[a-zA-Z/!?]")
LINK = re.compile(r"!\[|\]\(|\]\[|https?:|www\.", re.IGNORECASE)
#: A sign after a backslash is no sign of Markdown, so that none begins or ends a formula.
FORMULAS = re.compile(r"(?<!\\)\$+((?:\\.|[^$\\])*)\$+")
#: Commands of TeX that define others, or fetch something.
COMMANDS = re.compile(
    r"\\(?:def|gdef|edef|xdef|let|futurelet|(?:re|provide)?newcommand|renewcommand|href|url"
    r"|includegraphics|html\w*|char|unicode)\b"
)
RANGE = re.compile(r"\[\s*([^\],]+),\s*([^\],]+)\]\s*(.+)")
AXIS = re.compile(r"(\S+)\s+to\s+([^,\s]+)(?:\s*,\s*(.*))?")


class QuestionFileError(GenlabError):
    """A file of questions that cannot be read; the message names the line."""


@dataclass(frozen=True)
class QuestionFile:
    """Questions of a teacher's own.

    Args:
        title: of the file.
        questions: in its order.
        text: the file itself.
    """

    title: str
    questions: tuple[Asked, ...]
    text: str


@dataclass
class _Block:
    """The lines of one question, with the number of each."""

    line: int
    asks: str
    values: dict[str, tuple[int, str]]
    choices: list[tuple[int, str]]


def _wrong(line: int, what: str) -> NoReturn:
    raise QuestionFileError(f"Line {line}: {what} Nothing was kept.")


def read_questions(content: bytes | str) -> QuestionFile:
    """Read a file of questions.

    Raises:
        QuestionFileError: with the line that is wrong, and what is.

    Example:
        >>> found = read_questions("# Mine\\n\\n## Is it so?\\n- [x] yes\\n- [ ] no\\n")
        >>> found.title, found.questions[0].form
        ('Mine', Choices(options=('yes', 'no')))
    """
    raw = content.encode() if isinstance(content, str) else content
    if len(raw) > BYTES:
        _wrong(1, f"the file has {len(raw):,} bytes; at most {BYTES:,} are read.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _wrong(raw[: error.start].count(b"\n") + 1, "the file is not text in UTF-8.")
    title, blocks = _blocks(text)
    if not blocks:
        _wrong(1, "there is no question; a question begins with `## `.")
    if len(blocks) > QUESTIONS:
        _wrong(blocks[QUESTIONS].line, f"there are more than {QUESTIONS} questions.")
    return QuestionFile(title, tuple(_asked(block) for block in blocks), text)


def _blocks(text: str) -> tuple[str, list[_Block]]:
    title, blocks = "My questions", list[_Block]()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line:
            continue
        check_text(line, number)
        if line.startswith("## "):
            blocks.append(_Block(number, line[3:].strip(), {}, []))
        elif line.startswith("# ") and not blocks:
            title = line[2:].strip()
        elif not blocks:
            _wrong(number, "a file begins with `# ` and its title; a question begins with `## `.")
        elif line.startswith("- "):
            blocks[-1].choices.append((number, line[2:].strip()))
        else:
            _key(blocks[-1], number, line)
    return title, blocks


def _key(block: _Block, number: int, line: str) -> None:
    key, colon, value = line.partition(":")
    if not colon or key not in KEYS:
        _wrong(number, f"expected a choice (`- `) or `key: value`; keys: {', '.join(KEYS)}.")
    if key in block.values:
        _wrong(number, f"`{key}` is given twice for this question.")
    block.values[key] = number, value.strip()


def check_text(line: str, number: int) -> None:
    """Refuse what is no plain text with formulas: HTML, links, images, and what is too long.

    Raises:
        QuestionFileError: with the line and what is wrong.
    """
    if any(ord(sign) < 32 and sign != "\t" for sign in line):
        _wrong(number, "there is a control character.")
    for formula in FORMULAS.findall(line):
        if len(formula) > FORMULA:
            _wrong(
                number, f"a formula has {len(formula):,} characters; at most {FORMULA} are read."
            )
    if len(line) > TEXT:
        _wrong(number, f"the line has {len(line):,} characters; at most {TEXT} are read.")
    plain = FORMULAS.sub("", line)
    if HTML.search(plain):
        _wrong(number, "HTML is not read; write the text as Markdown.")
    if found := COMMANDS.search(line):
        _wrong(number, f"the command {found[0]} is not allowed in a formula.")
    # Where a formula ends is Markdown's to say, so that a link is refused within one too.
    if LINK.search(line):
        _wrong(number, "links and images are not read: a question fetches nothing.")


def _asked(block: _Block) -> Asked:
    if not block.asks:
        _wrong(block.line, "the question has no text.")
    because = block.values.get("because", (0, ""))[1]
    reads = _choices if block.choices else _curve if "x" in block.values else _number
    form, source = reads(block)
    return Asked(block.asks, form, source, because)


def _answer(block: _Block) -> tuple[int, str, str]:
    """The line of the answer, the series of a run that is the answer, and the answer as text."""
    if "answer" not in block.values:
        _wrong(block.line, "the question has no `answer:`; state it, or write `answer: run NAME`.")
    line, text = block.values["answer"]
    words = text.split()
    if words[:1] == ["run"]:
        if len(words) != 2 or not re.fullmatch(r"[\w.:-]{1,80}", words[1]):
            _wrong(line, "write `answer: run NAME` with the name of one number of a run.")
        return line, words[1], ""
    return line, "", text


def _float(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e12:
        _wrong(line, f"{text[:40]!r} is no finite number.")
    return value


def _need(block: _Block, key: str) -> tuple[int, str]:
    if key not in block.values:
        _wrong(block.line, f"the question has no `{key}:`.")
    return block.values[key]


def _only(block: _Block, *allowed: str) -> None:
    for key, (line, _) in block.values.items():
        if key not in (*allowed, "answer", "because"):
            _wrong(line, f"`{key}` does not belong to a question of this form.")


def _choices(block: _Block) -> tuple[Form, Source]:
    _only(block)
    if not LEAST_CHOICES <= len(block.choices) <= MOST_CHOICES:
        _wrong(block.line, f"a question has {LEAST_CHOICES} to {MOST_CHOICES} choices.")
    if "answer" in block.values:
        line, series, _ = _answer(block)
        if not series:
            _wrong(line, "mark the right choice with `- [x]`, or write `answer: run NAME`.")
        return _ranged(block, series)
    texts, right = [], []
    for place, (line, text) in enumerate(block.choices):
        mark, _, words = text.partition("]")
        if mark not in {"[ ", "[x", "[X"}:
            _wrong(line, "a choice begins with `- [ ]`, the right one with `- [x]`.")
        if mark != "[ ":
            right.append(place)
        texts.append(_choice(words, line))
    if len(right) != 1:
        _wrong(block.line, f"{len(right)} choices are marked as right; mark one with `- [x]`.")
    return Choices(_distinct(block, texts)), Source("stated", stated=right[0])


def _ranged(block: _Block, series: str) -> tuple[Form, Source]:
    texts, ranges = [], []
    for line, text in block.choices:
        found = RANGE.fullmatch(text)
        if found is None:
            _wrong(line, "a choice about a run begins with its range: `- [0, 3] few of them`.")
        low, high = _float(found[1], line), _float(found[2], line)
        if low > high:
            _wrong(line, f"the range from {low:g} to {high:g} is empty.")
        ranges.append((low, high))
        texts.append(_choice(found[3], line))
    for (_, high), (low, _) in pairwise(sorted(ranges)):
        if low <= high:
            _wrong(block.line, f"two choices have {low:g} in their range; a number has one.")
    return Choices(_distinct(block, texts)), Source("run", series, ranges=tuple(ranges))


def _choice(text: str, line: int) -> str:
    words = text.strip()
    if not words or len(words) > CHOICE:
        _wrong(line, f"a choice has 1 to {CHOICE} characters.")
    return words


def _distinct(block: _Block, texts: list[str]) -> tuple[str, ...]:
    if len(set(texts)) != len(texts):
        _wrong(block.line, "two choices are the same.")
    return tuple(texts)


def _tolerance(block: _Block) -> float:
    line, text = _need(block, "tolerance")
    tolerance = _float(text, line)
    if tolerance < 0:
        _wrong(line, "a tolerance is at least 0.")
    return tolerance


def _number(block: _Block) -> tuple[Form, Source]:
    _only(block, "from", "to", "unit", "tolerance")
    (line, start), (end_line, end) = _need(block, "from"), _need(block, "to")
    low, high = _float(start, line), _float(end, end_line)
    if low >= high:
        _wrong(end_line, f"the range from {low:g} to {high:g} is empty.")
    form = Number(low, high, _tolerance(block), block.values.get("unit", (0, ""))[1][:40])
    line, series, text = _answer(block)
    if series:
        return form, Source("run", series)
    return form, _stated(form, _float(text, line), line)


def _axis(block: _Block, key: str) -> tuple[tuple[float, float], str]:
    line, text = _need(block, key)
    found = AXIS.fullmatch(text)
    if found is None:
        _wrong(line, f"write `{key}: 0 to 10, unit`.")
    low, high = _float(found[1], line), _float(found[2], line)
    if low >= high:
        _wrong(line, f"the axis from {low:g} to {high:g} is empty.")
    return (low, high), (found[3] or key)[:60]


def _curve(block: _Block) -> tuple[Form, Source]:
    _only(block, "x", "y", "tolerance")
    (x, x_title), (y, y_title) = _axis(block, "x"), _axis(block, "y")
    form = DrawnCurve(x, y, x_title, y_title, _tolerance(block))
    line, series, text = _answer(block)
    if series:
        return form, Source("run", series)
    points = []
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        words = pair.split()
        if len(words) != 2:
            _wrong(line, "write the points of the curve as `0 0; 500 12; 1000 15`.")
        points.append((_float(words[0], line), _float(words[1], line)))
    if len(points) < 2 or any(a >= b for (a, _), (b, _) in pairwise(points)):
        _wrong(line, "a curve has at least two points, from left to right.")
    curve = np.interp(form.axis, [p[0] for p in points], [p[1] for p in points])
    return form, _stated(form, curve.tolist(), line)


def _stated(form: Form, answer: object, line: int) -> Source:
    try:
        form.read(answer)
    except SpecError as error:
        _wrong(line, f"this is no answer; {error.allowed}.")
    return Source("stated", stated=answer)
