"""Small pictures that live without a rerun: a run's newest samples, the preview of a preset."""

from __future__ import annotations

from urllib.parse import quote

from genlab.ui.component import component
from genlab.ui.presets import FRAMES, Preset
from genlab.ui.routes import static_version

HTML = '<img class="thumb" alt="" width="160" height="160">'


def draw_thumbnail(run: str, alt: str, *, active: bool, key: str) -> None:
    """Draw the thumbnail of a run; that of an active run renews itself every two seconds."""
    address = f"genlab/thumb/{quote(run, safe=':')}.png"
    component("cards/thumb", "The picture", HTML)(
        key=key, data={"address": address, "alt": alt, "active": active}
    )


def draw_preview(preset: Preset) -> None:
    """Draw the moving preview of a preset."""
    html = '<div class="preview" role="img"></div>'
    component("cards/preview", "The preview", html)(
        key=f"preview.{preset.key}",
        data={
            "address": f"genlab/static/{static_version()}/cards/{preset.key}.webp",
            "frames": FRAMES,
            "shape": len(preset.runs),
            "alt": preset.preview,
        },
    )
