"""Files of a teacher's own questions: what is read, and what is refused with its line."""

from __future__ import annotations

import inspect
import textwrap

import pytest

from genlab.classroom import question_files
from genlab.classroom.asked import outcome
from genlab.classroom.question_files import QuestionFileError, read_questions
from genlab.lessons.questions import Choices, DrawnCurve, Number

EXAMPLE = textwrap.dedent(inspect.getdoc(question_files).split("::\n")[1].split("``answer")[0])


def test_the_example_of_the_documentation_is_read() -> None:
    found = read_questions(EXAMPLE)
    assert found.title == "My lesson"
    choices, number, curve = found.questions
    assert choices.form == Choices(("0", "1/2", "1"))
    assert outcome(choices).right == 1
    assert "$p / (p + q) = 1/2$" in choices.because
    assert number.form == Number(0.0, 8.0, 0.5, "modes")
    assert (number.source.kind, number.source.name) == ("run", "modes")
    assert curve.form == DrawnCurve((0.0, 1000.0), (0.0, 20.0), "step", "nats", 3.0)


def test_choices_about_a_run_and_a_stated_curve() -> None:
    found = read_questions(
        "## a\n- [0, 3] few\n- [4, 8] many\nanswer: run modes\n\n"
        "## b\nx: 0 to 1\ny: 0 to 2, nats\ntolerance: 0.1\nanswer: 0 0; 1 2\n"
    )
    few, curve = found.questions
    assert few.source.ranges == ((0.0, 3.0), (4.0, 8.0))
    assert outcome(curve).right[20] == pytest.approx(1.0)
    assert found.title == "My questions"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "no question"),
        ("# only a title\n", 1, "no question"),
        ("text\n", 1, "begins with"),
        ("# t\n\n## a\n- [x] yes\n- [ ] <b>no</b>\n", 5, "HTML is not read"),
        ("# <script>alert(1)</script>\n## a\n", 1, "HTML is not read"),
        ("## a <img src=x onerror=alert(1)>\n", 1, "HTML is not read"),
        ("## a\n- [x] ![](http://evil.test/x.png)\n- [ ] b\n", 2, "links and images"),
        ("## a\n- [x] [b](javascript:alert(1))\n- [ ] b\n", 2, "links and images"),
        ("## a ![](HTTP://evil.test/x.png)\n", 1, "links and images"),
        ("## See WWW.evil.test\n", 1, "links and images"),
        (r"## It costs \$![](//evil.test/x.png)\$" + "\n", 1, "links and images"),
        ("## $ 5, [b](//evil.test), 6 $\n", 1, "links and images"),
        (r"## It costs \$<b>5</b>\$" + "\n", 1, "HTML is not read"),
        (r"## $\$$ <b>5</b> $\$$" + "\n", 1, "HTML is not read"),
        ("## $" + "x" * 1_000 + "$\n", 1, "a formula has 1,000 characters"),
        (r"## $\def\a{\a\a}\a$" + "\n", 1, r"\def is not allowed"),
        (r"## $\href{http://evil.test}{x}$" + "\n", 1, "is not allowed"),
        ("## " + "a" * 700 + "\n", 1, "characters; at most 600"),
        ("## a\n- [x] yes\n", 1, "2 to 8 choices"),
        ("## a\n" + "".join(f"- [ ] {k}\n" for k in range(9)), 1, "2 to 8 choices"),
        ("## a\n- [ ] yes\n- [ ] no\n", 1, "0 choices are marked"),
        ("## a\n- [x] yes\n- [x] no\n", 1, "2 choices are marked"),
        ("## a\n- yes\n- no\n", 2, "a choice begins with"),
        ("## a\n- [x] yes\n- [ ] yes\n", 1, "two choices are the same"),
        ("## a\n- [x] yes\n- [ ]  \n", 3, "1 to 120 characters"),
        ("## a\nfrom: 0\nto: 1\ntolerance: 0.1\n", 1, "no `answer:`"),
        ("## a\nfrom: 0\nto: 1\nanswer: 0.5\n", 1, "no `tolerance:`"),
        ("## a\nfrom: 1\nto: 0\ntolerance: 1\nanswer: 0\n", 3, "is empty"),
        ("## a\nfrom: 0\nto: 1\ntolerance: -1\nanswer: 0\n", 4, "at least 0"),
        ("## a\nfrom: 0\nto: 1\ntolerance: 1\nanswer: 7\n", 5, "a number from 0 to 1"),
        ("## a\nfrom: 0\nto: 1\ntolerance: 1\nanswer: nan\n", 5, "no finite number"),
        ("## a\nfrom: 0\nto: inf\ntolerance: 1\nanswer: 0\n", 3, "no finite number"),
        ("## a\nfrom: 0\nfrom: 1\n", 3, "given twice"),
        ("## a\nsize: 3\n", 2, "expected a choice"),
        ("## a\n- [x] y\n- [ ] n\nunit: m\n", 4, "does not belong"),
        ("## a\n- [0, 3] few\n- [3, 8] many\nanswer: run modes\n", 1, "have 3 in their range"),
        ("## a\n- few\n- many\nanswer: run modes\n", 2, "begins with its range"),
        ("## a\n- [4, 3] few\n- [5, 8] many\nanswer: run modes\n", 2, "is empty"),
        ("## a\nx: 0 1\ny: 0 to 1\n", 2, "write `x: 0 to 10"),
        ("## a\nx: 0 to 1\ny: 0 to 1\ntolerance: 1\nanswer: 1 0; 0 1\n", 5, "from left to right"),
        ("## a\nfrom: 0\nto: 1\ntolerance: 1\nanswer: run a b\n", 5, "run NAME"),
        ("# t\n## a\n", 2, "no `from:`"),
        ("## a\x00b\n", 1, "control character"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(QuestionFileError) as caught:
        read_questions(text)
    message = str(caught.value)
    assert message.startswith(f"Line {line}: "), message
    assert what in message
    assert message.endswith("Nothing was kept.")


def test_a_file_that_is_too_long_or_no_text_is_refused() -> None:
    with pytest.raises(QuestionFileError, match="at most 65,536 are read"):
        read_questions(b"## $" + b"x" * 1_000_000 + b"$")
    with pytest.raises(QuestionFileError, match="Line 2: the file is not text"):
        read_questions(b"# a\n\xff\xfe")
    many = "".join(f"## q{k}\n- [x] y\n- [ ] n\n" for k in range(51))
    with pytest.raises(QuestionFileError, match="Line 151: there are more than 50"):
        read_questions(many)


def test_less_than_in_a_formula_is_no_html() -> None:
    for asks in ("Is $a<b$, or 1 < 2?", r"Is $\$5<x$, or \$5 < 6?", r"$\mathrm{[a, b)}<c$?"):
        found = read_questions(f"## {asks}\n- [x] yes\n- [ ] no\n")
        assert found.questions[0].asks == asks
