"""The files of questions that a teacher keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab import runs
from genlab.classroom import question_store
from genlab.classroom.question_files import read_questions
from genlab.core.errors import NotAllowed, RunStateError
from genlab.runs.access import NOBODY, Actor, acting_as
from genlab.runs.store import RunStore

ADA, BOB = Actor("a" * 16), Actor("b" * 16)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    runs.configure("memory:", tmp_path / "files")
    yield runs.store()
    runs.configure()


def file(k: int) -> str:
    return f"# Number {k}\n\n## Is it {k}?\n- [x] yes\n- [ ] no\n"


def test_a_file_is_kept_once_and_deleted_by_who_brought_it(store: RunStore) -> None:
    with acting_as(ADA):
        names = {question_store.add_questions(store, read_questions(file(1))) for _ in range(2)}
        assert len(names) == 1
        (name,) = names
        found = question_store.question_files(store, ADA.id)
        assert [(one, kept.title, kept.text) for one, kept in found] == [
            (name, "Number 1", file(1))
        ]
    with acting_as(BOB):
        assert question_store.question_files(store, BOB.id) == []
        with pytest.raises(NotAllowed):
            question_store.delete_questions(store, name)
    with acting_as(ADA):
        question_store.delete_questions(store, name)
        assert question_store.question_files(store, ADA.id) == []


def test_too_many_files_and_files_of_nobody_are_refused(store: RunStore) -> None:
    with acting_as(ADA):
        for k in range(question_store.MOST):
            question_store.add_questions(store, read_questions(file(k)))
        with pytest.raises(RunStateError, match="20 files already"):
            question_store.add_questions(store, read_questions(file(99)))
    with acting_as(NOBODY), pytest.raises(NotAllowed, match="cookies"):
        question_store.add_questions(store, read_questions(file(1)))
