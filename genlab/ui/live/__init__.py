"""The live view: a dashboard in the browser that polls the routes, so that no script reruns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any

import streamlit as st

from genlab.runs.store import RunRow

# The module is fetched once, from an address that holds its hash.
LOADER = """
const loaded = import(new URL("genlab/static/%s/live.js", document.baseURI));
export default function (component) {
  let rest = null, gone = false;
  loaded.then(
    (live) => { if (!gone) rest = live.mount(component); },
    () => { component.parentElement.textContent = "The live view did not load; try again."; },
  );
  return () => { gone = true; if (rest) rest(); };
}
"""


@cache
def _component() -> Any:
    from genlab.ui.routes import static_version

    css = (resources.files(__name__) / "static" / "live.css").read_text()
    return st.components.v2.component("genlab_live", css=css, js=LOADER % static_version())


def live(
    rows: Sequence[RunRow],
    *,
    step: int | None = None,
    key: str = "live",
    play: Callable[[], None] | None = None,
) -> int | None:
    """Draw the dashboard of one run, or of several laid over each other.

    Args:
        rows: the runs. The browser stops asking when a run has ended; a change of the status or
            of the attempt in a later call makes it look again. When it is the browser that sees
            such a change first, the whole page reruns: nothing here reruns by the clock.
        step: what the time slider shows at first, None for the newest.
        key: of the component.
        play: called when the space bar asks for pause or for going on.

    Returns:
        The step at which the time slider was let go, None while it follows the newest.
    """
    about = [
        {"id": row.id, "title": row.title or row.id, "wake": f"{row.status} {row.attempt}"}
        for row in rows
    ]
    mounted = _component()(
        key=key,
        data={"runs": about, "step": step, "play": play is not None},
        default={"step": step},
        on_step_change=lambda: None,
        on_changed_change=lambda: None,
        on_play_change=play or (lambda: None),
    )
    if mounted.changed:
        st.rerun()
    return None if mounted.step is None else int(mounted.step)
