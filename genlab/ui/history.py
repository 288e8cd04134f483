"""The browser's history: parameters that a page adds to its own address make no new entry."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

#: Streamlit pushes an entry for each change of the parameters. Here a change within a page
#: replaces the entry, so that Back leaves the page with one press. Each lesson has its own entry.
SCRIPT = """
export default function () {
  const { history, location, navigation } = window;
  if (history.genlabReplaces) return;
  history.genlabReplaces = true;
  const push = history.pushState.bind(history);
  const lesson = (url) => url.searchParams.get("lesson");
  const isSamePlace = (a, b) => a.pathname === b.pathname && lesson(a) === lesson(b);
  history.pushState = (state, unused, address) => {
    const here = new URL(location.href), next = new URL(address ?? here, here);
    if (isSamePlace(next, here)) history.replaceState(state, unused, address);
    else push(state, unused, address);
  };
  // What was pushed before this script ran: go back to the first of these entries, and let it have
  // the present address.
  const entries = navigation?.entries?.() ?? [];
  const last = navigation?.currentEntry?.index ?? 0, here = new URL(location.href);
  let first = last;
  while (first > 0) {
    const entry = entries[first - 1];
    if (!entry.sameDocument || !isSamePlace(new URL(entry.url), here)) break;
    first--;
  }
  if (first === last) return;
  const arrive = (event) => {
    window.removeEventListener("popstate", arrive, true);
    event.stopImmediatePropagation();
    history.replaceState(kept.state, "", kept.href);
  };
  const kept = { state: history.state, href: location.href };
  window.addEventListener("popstate", arrive, true);
  history.go(first - last);
}
"""


@cache
def _component() -> Any:
    return st.components.v2.component("genlab_history", js=SCRIPT)


def keep_one_entry() -> None:
    """Let each page keep one entry of the browser's history."""
    _component()(key="genlab.history")
