"""Components with a script that the browser caches, at an address with the script's hash."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from genlab.panels.scripts import static_files, static_version

LOADER = """
const loaded = import(new URL("genlab/static/%s/%s.js", document.baseURI));
export default function (component) {
  let rest = null, gone = false;
  loaded.then(
    (module) => { if (!gone) rest = module.mount(component); },
    () => { component.parentElement.textContent = "%s did not load; reload the page."; },
  );
  return () => { gone = true; if (rest) rest(); };
}
"""


@cache
def component(
    script: str, title: str, html: str = "", style: str = "", also: tuple[str, ...] = ()
) -> Any:
    """A component drawn by the function ``mount`` of a script, with its style sheet.

    Args:
        script: its path below ``genlab/ui/static``, without its ending (``explore/map``).
        title: what the message names if the script does not load (``The map``).
        html: the elements that are shown before the script has loaded.
        style: the style sheet, without its ending; by default it has the script's name.
        also: further style sheets, for components that the script draws inside.
    """
    sheets = (style or script, *also)
    css = "\n".join(static_files()[f"{name}.css"].decode() for name in sheets)
    js = LOADER % (static_version(), script, title)
    name = script.rpartition("/")[2]
    return st.components.v2.component(f"genlab_{name}", html=html or None, css=css, js=js)
