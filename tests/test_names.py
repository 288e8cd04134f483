"""Identifiers and texts use the field's standard words.

The rule: a name is the standard term of the papers, of PyTorch or of scikit-learn; a function is
a verb with its object; no bare participle is a name. A sentence is plain English, subject first.
When this test fails, rename; do not extend ``STORED``, which lists names that files contain.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Names that say nothing of their content, and what to write instead.
WORDS = {
    "told": "notes, test_part, classifier",
    "said": "message, text",
    "lowered": "loss",
    "held": "detached, conditioned, held_out, game",
    "_given": "_inputs",
    "taken": "steps, claimed, acceptance",
    "law": "distribution, density",
    "laws": "distributions, densities",
    "hung_on": "orient_tree",
    "referee": "c2st (classifier two-sample test), reference",
    "Referee": "ReferencePosterior",
    "misfit": "incompatibility",
    "Measured": "MetricValue",
    "Given": "Condition",
    "read_given": "parse_conditions",
    "lay_out": "find_layout",
    "judges_examples": "scores_single_examples",
    "trained_on": "training_examples",
    "logit_of": "critic_gives_logit",
    "digits_of": "distinguishing_digits",
    "ladder_of": "ordinal_scale",
    "white_of": "white_value",
    "Seen": "ColumnEvidence, the noun of what was seen",
    "Glance": "ImageSummary",
    "OnTheLine": "DensitiesOnTheLine",
    "AnyPart": "Inpainting",
}
#: Phrases of texts that readers had to read twice, and what to write instead.
PHRASES = {
    r"off the request path": "in the background",
    r"\b(what|that) is lowered\b": "the loss",
    r"\b(power|exponential|equal|either|two) laws\b(?<!power laws)": "distributions",
    r"\bnought\b|\bwhosoever\b|\bthereof\b|\bwhereof\b": "modern English",
    r"\bof then\b": "at that time",
    r"\breferee\b": "classifier two-sample test (C2ST), reference",
    r"\bone\'s own\b": "your own, a user's",
    r"\bsays? of (it|them|one)\b": "tells about",
    r"\bmay meet\b": "supports",
    r"\bhow (it|they|one) came about\b": "how it was computed",
    r"\b(a|the) law of\b(?! large)": "distribution",
    r"\bmade up by\b": "simulated with",
    r"\bhangs? on (one other|another|each other)\b": "depends on, has the parent",
    r"\bfor people\b": "for users",
    r"\bcame about\b": "was computed",
    r"\bbe had\b": "is known, exists",
    r"\bat will\b": "optionally",
    r"\bhow (it|they|a study|a run) stands?\b": "its status",
    r"\blooked at as\b": "evaluated as, used as",
    r"\bhangs? on\b": "depends on",
    r"\b(the|of|at|equal|normal|two) laws?\b(?! of large)": "distribution",
    r"\bon their ground\b": "background",
    r"\bleft as it was\b": "left in the mode it was in",
    r"\b(may|can) be said\b": "name what is measured or known",
    r"\bdear\b": "expensive",
    r"\btakes? for granted\b": "requires, assumes",
    r"\bgives? itself away\b": "is easy to recognise",
    r"\b(lies?|stands?) over each other\b": "overlap",
    r"\btwin of\b": "does the same for",
    r"\b(people|a person) (bring|say|tell)s?\b": "users' own, the user's choice",
}
#: Names in files of version 0.1.0, in links, and those of the modules below are kept.
STORED = {("genlab/lessons/wgan.py", "law")}
#: Names of random streams, on which stored numbers depend.
STREAMS = {"referee's examples"}


def modules() -> list[Path]:
    return sorted((ROOT / "genlab").rglob("*.py"))


def names(tree: ast.AST) -> list[tuple[str, int]]:
    """The names that a module defines, with their lines."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append((node.name, node.lineno))
        elif isinstance(node, ast.arg):
            found.append((node.arg, node.lineno))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append((node.id, node.lineno))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.append((node.attr, node.lineno))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_names_are_terms_of_the_field(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    found = [
        f"{where}:{line}: {name!r}; better: {WORDS[name]}"
        for name, line in names(ast.parse(path.read_text(encoding="utf-8")))
        if name in WORDS and (where, name) not in STORED
    ]
    assert not found, "\n".join(found)


def test_what_fits_is_a_yes_or_no() -> None:
    """A method that returns a reason or None is called ``incompatibility``, never ``fits``."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or node.name != "fits" or not node.returns:
                continue
            if "None" in ast.unparse(node.returns):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_docstrings_are_plain_english(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node) or ""
            found += [
                f"{path.name}, {getattr(node, 'name', 'module')}: {match.group(0)!r}; "
                f"better: {better}"
                for phrase, better in PHRASES.items()
                if (match := re.search(phrase, re.sub(r"``[^`]*``", "", text)))
            ]
    assert not found, "\n".join(found)


def texts() -> list[Path]:
    """What readers read besides docstrings: strings of programs, and the documents."""
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    programs = [
        path for folder in ("pages", "bench", "scripts") for path in (ROOT / folder).glob("*.py")
    ]
    return [*documents, *programs, *modules()]


@pytest.mark.parametrize("path", texts(), ids=lambda p: str(p.relative_to(ROOT)))
def test_texts_are_plain_english(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    parts = [content]
    if path.suffix == ".py":
        nodes = ast.walk(ast.parse(content))
        parts = [
            n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
    found = [
        f"{match.group(0)!r}; better: {better}"
        for text in parts
        # A single word is a key, not a text.
        if " " in text and text not in STREAMS
        for phrase, better in PHRASES.items()
        if (match := re.search(phrase, re.sub(r"``[^`]*``", "", text)))
    ]
    assert not found, "\n".join(found)
