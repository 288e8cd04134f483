"""Our own scripts and style sheets: those in ``genlab/ui/static``, and those of plugins."""

from __future__ import annotations

import functools
import hashlib
import re
from importlib import resources

from genlab.panels.base import PANELS

SCRIPT = re.compile(r"[a-z]{1,20}/[a-z][a-z0-9_]{0,40}\.(js|css|webp)")


@functools.cache
def static_files() -> dict[str, bytes]:
    """Our own scripts and style sheets by their paths, such as ``explore/map.js``.

    The folders are those of ``genlab/ui/static``, so that scripts import each other by the same
    relative paths in a browser, in node and in the type checker. The folder ``forms`` has the
    scripts of the forms of pictures that plugins add.
    """
    found = {
        f"{folder.name}/{entry.name}": entry.read_bytes()
        for folder in (resources.files("genlab") / "ui" / "static").iterdir()
        if folder.is_dir()
        for entry in folder.iterdir()
    }
    for name in PANELS:
        if (source := PANELS[name].javascript()) is not None:
            found[f"forms/{name}.js"] = source.encode()
    return {path: found[path] for path in sorted(found) if SCRIPT.fullmatch(path)}


@functools.cache
def static_version() -> str:
    """A hash of the static files: part of their address, so they can be cached for ever."""
    joined = b"".join(path.encode() + body for path, body in static_files().items())
    return hashlib.blake2b(joined, digest_size=6).hexdigest()
