"""The browser's history: a page that completes its own address makes no entry of its own."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

#: Streamlit pushes an entry for each change of the parameters. Here a change within a page replaces
#: the entry, so that Back leaves the page with one press; another lesson is another place.
SCRIPT = """
export default function () {
  if (window.history.genlabReplaces) return;
  window.history.genlabReplaces = true;
  const push = window.history.pushState.bind(window.history);
  const lesson = (url) => url.searchParams.get("lesson");
  window.history.pushState = (state, unused, address) => {
    const here = new URL(window.location.href), next = new URL(address ?? here, here);
    const stays = next.pathname === here.pathname && lesson(next) === lesson(here);
    if (stays) window.history.replaceState(state, unused, address);
    else push(state, unused, address);
  };
}
"""


@cache
def _component() -> Any:
    return st.components.v2.component("genlab_history", js=SCRIPT)


def keep_one_entry() -> None:
    """Let each page keep one entry of the browser's history."""
    _component()(key="genlab.history")
