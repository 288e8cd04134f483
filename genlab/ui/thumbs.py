"""A run's newest samples as a small picture that renews itself without a rerun or a flicker."""

from __future__ import annotations

from urllib.parse import quote

from genlab.ui.component import component

HTML = '<img class="thumb" alt="" width="160" height="160">'


def draw_thumbnail(run: str, alt: str, *, active: bool, key: str) -> None:
    """Draw the thumbnail of a run; that of an active run renews itself every two seconds."""
    address = f"genlab/thumb/{quote(run, safe=':')}.png"
    component("cards/thumb", "The picture", HTML)(
        key=key, data={"address": address, "alt": alt, "active": active}
    )
