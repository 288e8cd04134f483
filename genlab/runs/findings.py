"""The sentinel on a stored run: reads new records, and turns remedies into forks."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genlab import sentinel
from genlab.core.errors import GenlabError
from genlab.runs import forks
from genlab.runs.catalog import RunView
from genlab.sentinel import Finding, History, Remedy

#: Records of a page.
PAGE = 2000


class RunSentinel:
    """The sentinel of one run; each call reads only the new records.

    Args:
        run: its id.
    """

    def __init__(self, run: str) -> None:
        self.run, self._cursor = run, 0
        self._history: History | None = None
        self._seen: tuple[Any, ...] = ()
        self._findings: list[Finding] = []
        self._titles: list[str] = []
        self._lock = threading.Lock()

    def look(self, view: RunView) -> list[Finding]:
        """The present findings in the run, the most serious first.

        Raises:
            RunNotFound, StoreError: if it cannot be read.
        """
        with self._lock:
            row = view.row
            if self._history is None:
                self._history = History(row.spec)
            self._history.tell(row.series, steps=row.steps, status=row.status, message=row.message)
            while page := view.read(after=self._cursor, limit=PAGE, kinds={"scalars"}):
                for record in page:
                    self._history.add(record.step, record.payload)
                self._cursor = page[-1].seq
            seen = (self._cursor, row.status, len(row.series))
            if seen != self._seen:
                self._findings = sentinel.look(self._history)
                self._titles = sentinel.watched_symptoms(self._history)
                self._seen = seen
            return self._findings

    @property
    def watched_titles(self) -> list[str]:
        """The titles of the symptoms that the run's series can show, as of the last call."""
        return list(self._titles)


@dataclass(frozen=True)
class Offer:
    """A fork that may help.

    Args:
        step: the snapshot that it begins with, the last one before it went wrong.
        changes: of the options.
        words: the changes, for display.
        text: why, in a phrase that follows "with".
    """

    step: int
    changes: Mapping[str, Any]
    words: str
    text: str


def remedy_forks(
    view: RunView, finding: Finding, beside: Sequence[Finding] = (), most: int = 4
) -> list[Offer]:
    """The first forks with a remedy that are possible.

    A fork of which less than half of the run would be left is given half of it.

    Args:
        view: the run.
        finding: the symptom to remedy.
        beside: what else is seen: where that began earlier, a fork must begin before it.
        most: how many.
    """
    steps = view.snapshots()
    finding = replace(finding, since=min(one.since for one in (finding, *beside)))
    found: list[Offer] = []
    for remedy in finding.remedies if steps else ():
        offer = _offer(view, steps, finding, remedy)
        if offer is not None and offer.words not in {one.words for one in found}:
            found.append(offer)
    return found[:most]


def _offer(
    view: RunView, steps: tuple[int, ...], finding: Finding, remedy: Remedy
) -> Offer | None:
    # What is seen at a step was so at the snapshot of that step too.
    before = [step for step in steps if step < finding.since and not remedy.anew]
    if remedy.anew and steps[0] > 0:
        return None
    at = before[-1] if before else steps[0]
    whole = view.spec.train.steps
    more = {"steps": at + max(1, whole // 2)} if 2 * (whole - at) < whole else {}
    changes = {**remedy.changes, **more}
    try:
        after = forks.change_spec(view.spec, changes)
    except GenlabError:
        return None
    words = forks.in_words(forks.difference(view.spec, after))
    return Offer(at, changes, words, remedy.text) if words else None


def findings_as_json(view: RunView) -> list[dict[str, Any]]:
    """The findings in a run as plain values for JSON."""
    findings = RunSentinel(view.id).look(view)
    return [
        {
            "name": one.name,
            "title": one.title,
            "severity": one.severity,
            "since": one.since,
            "evidence": list(one.evidence),
            "cause": one.cause,
            "forks": [
                {"step": offer.step, "changes": dict(offer.changes), "text": offer.text}
                for offer in remedy_forks(view, one, findings)
            ],
        }
        for one in findings
    ]
