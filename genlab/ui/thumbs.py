"""Small pictures that update without a rerun: a run's newest samples, a preset's preview."""

from __future__ import annotations

from urllib.parse import quote

from genlab.ui.component import component
from genlab.ui.presets import FRAMES, Preset
from genlab.ui.routes import static_version

HTML = '<img class="thumb" alt="" width="160" height="160">'


def draw_thumbnail(run: str, alt: str, *, active: bool, key: str) -> None:
    """Draw the thumbnail of a run; it refreshes every two seconds while the run is active."""
    address = f"genlab/thumb/{quote(run, safe=':')}.png"
    component("cards/thumb", "The picture", HTML)(
        key=key, data={"address": address, "alt": alt, "active": active}
    )


def draw_preview(preset: Preset) -> None:
    """Draw the animated preview of a preset."""
    html = '<figure class="preview" role="img"></figure>'
    component("cards/preview", "The preview", html)(
        key=f"preview.{preset.key}",
        data={
            "address": f"genlab/static/{static_version()}/cards/{preset.key}.webp",
            "frames": FRAMES,
            "shape": len(preset.runs),
            "alt": preset.preview,
        },
    )
