"""Training problems of a run: evidence, likely cause, and forks that may help."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import GenlabError, RunNotFound
from genlab.core.escape import escape_markdown
from genlab.runs.findings import Offer, RunSentinel, remedy_forks
from genlab.runs.store import ACTIVE, RunRow
from genlab.sentinel import Finding
from genlab.ui import links
from genlab.ui.messages import fragment, plain_sentence

#: Seconds between two checks of an active run.
EVERY = 3.0
SIGNS = {"serious": ":material/emergency_heat:", "warning": ":material/warning:"}


@st.cache_resource(max_entries=64, show_spinner=False)
def _sentry(run: str) -> RunSentinel:
    """The sentinel of a run, shared by all pages that show the run."""
    return RunSentinel(run)


def sentinel_panel(row: RunRow) -> None:
    """Draw the panel of the sentinel; it refreshes while the run is active."""
    fragment(EVERY if row.status in ACTIVE else None)(_panel)(row.id)


def _panel(run: str) -> None:
    try:
        view = runs.open_run(run)
        sentry = _sentry(run)
        findings = sentry.look(view)
    except RunNotFound:
        return
    if not findings:
        _nothing(sentry.watched_titles)
        return
    for number, finding in enumerate(findings):
        _finding(view, finding, remedy_forks(view, finding, findings), first=number == 0)


def _nothing(watched: list[str]) -> None:
    if not watched:
        return
    st.caption(
        ":material/visibility: No problem found so far.",
        help=f"The recorded numbers were checked for: {', '.join(watched)}.",
    )


def _finding(view: runs.RunView, finding: Finding, found: list[Offer], *, first: bool) -> None:
    title = f"**{finding.title}** since step {finding.since:,}"
    with st.expander(
        title, expanded=first, icon=SIGNS[finding.severity], key=f"sentinel.{finding.name}"
    ):
        st.markdown("\n".join(f"- {escape_markdown(line)}" for line in finding.evidence))
        st.markdown(f"**Likely cause.** {escape_markdown(finding.cause)}")
        if not found:
            st.caption(
                "No single change of an option is known to help from this step. Vary opens all "
                "options on Train."
            )
            return
        st.markdown(f"**What may help**, as a fork from step {found[0].step:,}:")
        with st.container(horizontal=True, gap="small"):
            for number, offer in enumerate(found):
                if st.button(
                    _label(offer, found[0].step),
                    key=f"sentinel.{finding.name}.{number}",
                    icon=":material/call_split:",
                    help=f"Fork with {offer.text}.",
                ):
                    _fork(view.id, offer)


def _label(offer: Offer, usual: int) -> str:
    """The label of a button.

    Example:
        >>> _label(Offer(64, {"lr": 1e-4}, "lr 0.001 → 0.0001", ""), 64)
        'lr 0.001 → 0.0001'
        >>> _label(Offer(0, {"warmup": 9}, "warmup 0 → 9", ""), 64)
        'From step 0: warmup 0 → 9'
    """
    return offer.words if offer.step == usual else f"From step {offer.step:,}: {offer.words}"


def _fork(run: str, offer: Offer) -> None:
    try:
        forked = runs.fork(run, offer.step, offer.changes)
    except GenlabError as error:
        st.toast(plain_sentence(error), icon=":material/error:")
        return
    links.compare([run, forked])
