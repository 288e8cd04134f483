"""A run's newest samples as a small picture that renews itself without a rerun or a flicker."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote

import streamlit as st

HTML = '<img class="thumb" alt="" width="160" height="160">'
CSS = """
.thumb { width: 100%; max-width: 160px; height: auto; aspect-ratio: 1; display: block;
  margin: 0 auto; border-radius: 0.4rem; image-rendering: pixelated;
  background: var(--st-secondary-background-color); }
"""
# The new picture is decoded before it takes the old one's place: nothing flickers.
JS = """
const known = new WeakMap();
export default function ({ data, parentElement }) {
  const image = parentElement.querySelector("img");
  image.alt = data.alt;
  const mine = known.get(parentElement) || { tag: null, url: null, address: null };
  known.set(parentElement, mine);
  if (mine.address !== data.address) mine.tag = null;
  mine.address = data.address;
  let timer = null, gone = false;
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(new URL(data.address, document.baseURI), { cache: "no-cache" });
        const tag = answer.headers.get("ETag");
        if (answer.ok && !gone && (tag === null || tag !== mine.tag)) {
          const url = URL.createObjectURL(await answer.blob());
          const next = new Image();
          next.src = url;
          await next.decode();
          image.src = url;
          if (mine.url) URL.revokeObjectURL(mine.url);
          mine.url = url;
          mine.tag = tag;
        }
      } catch (error) { /* the server is away: the old picture stays */ }
    }
    if (data.active && !gone) timer = setTimeout(look, 2000);
  };
  look();
  return () => { gone = true; clearTimeout(timer); };
}
"""


@cache
def _component() -> Any:
    return st.components.v2.component("genlab_thumb", html=HTML, css=CSS, js=JS)


def draw_thumbnail(run: str, alt: str, *, active: bool, key: str) -> None:
    """Draw the thumbnail of a run; that of an active run renews itself every two seconds."""
    address = f"genlab/thumb/{quote(run, safe=':')}.png"
    _component()(key=key, data={"address": address, "alt": alt, "active": active})
