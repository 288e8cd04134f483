"""Components whose script the browser fetches once, from an address that holds its hash."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import streamlit as st

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
def component(package: str, module: str, words: str) -> Any:
    """The component drawn by ``mount`` of a JavaScript module, with the style of the same name.

    Args:
        package: below which ``static/`` has both.
        module: the name of the script, without its ending.
        words: what did not load, where it does not (``The map``).
    """
    from genlab.ui.routes import static_version

    css = (resources.files(package) / "static" / f"{module}.css").read_text()
    js = LOADER % (static_version(), module, words)
    return st.components.v2.component(f"genlab_{module}", css=css, js=js)
