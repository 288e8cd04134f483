"""The stored question files of teachers: items of the store, owned by their authors."""

from __future__ import annotations

import hashlib

from genlab.classroom.question_files import QuestionFile, QuestionFileError, read_questions
from genlab.core.errors import RunStateError
from genlab.runs import access
from genlab.runs.items import Item
from genlab.runs.store import RunStore

#: Files that one person keeps.
MOST = 20


def question_files(store: RunStore, owner: str) -> list[tuple[str, QuestionFile]]:
    """The files of somebody with their names in the store, the oldest first."""
    found = []
    for item in store.items("questions"):
        if item.owner == owner:
            try:
                found.append((item.id, read_questions(str(item.values["text"]))))
            except QuestionFileError:  # kept by a version that read more
                continue
    return found


def add_questions(store: RunStore, file: QuestionFile) -> str:
    """Keep a file of questions; the same file twice is one.

    Returns:
        Its name in the store.

    Raises:
        NotAllowed: for a browser without an identity.
        RunStateError: if there are too many already.
    """
    actor = access.require("add_questions")
    if len(question_files(store, actor.id)) >= MOST:
        raise RunStateError(f"You keep {MOST} files already; delete one first. Nothing was kept.")
    name = hashlib.sha256(f"{actor.id}\n{file.text}".encode()).hexdigest()[:20]
    store.put_item(
        Item("questions", name, {"text": file.text}), action="add_questions", only_new=True
    )
    return name


def delete_questions(store: RunStore, name: str) -> None:
    """Forget a file of questions.

    Raises:
        NotAllowed: for anybody but its owner.
    """
    store.remove("questions", name, action="delete_questions")
