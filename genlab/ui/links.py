"""Links between pages; each holds the state of the page that it opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import streamlit as st

from genlab.core.folders import ROOT
from genlab.ui.page_states import COMPARE, EXPLORE, STUDIES, TRAIN, WATCH


def page(name: str) -> str:
    """The file of a page, as ``st.switch_page`` takes it."""
    return str(ROOT / "pages" / f"{name}.py")


def open_watch(run: str) -> NoReturn:
    """Open Watch on a run."""
    st.switch_page(page("watch"), query_params=WATCH.url(run=run))


def explore(run: str) -> NoReturn:
    """Open Explore on a run or a shipped model."""
    st.switch_page(page("explore"), query_params=EXPLORE.url(run=run))


def compare(runs: Sequence[str]) -> NoReturn:
    """Open Compare on up to four runs."""
    st.switch_page(page("compare"), query_params=COMPARE.url(runs=",".join(runs)))


def train(values: dict[str, str]) -> NoReturn:
    """Open Train with a form filled in."""
    st.switch_page(page("train"), query_params=TRAIN.url(**values))


def open_study(name: str) -> NoReturn:
    """Open Studies on a study."""
    st.switch_page(page("studies"), query_params=STUDIES.url(study=name))


def new_study(values: dict[str, str]) -> NoReturn:
    """Open Studies with the base of a new study."""
    st.switch_page(page("studies"), query_params=STUDIES.url(**values))
