"""The identity of a browser: an anonymous id in a signed cookie, and the secrets it has shown.

The cookie says ``v1.<id>.<issued>.<grants>.<signature>``. The signature is the HMAC-SHA-256 of all
that stands before it, under a key in a file beside the run store. A grant is an HMAC of a secret,
so a changed secret takes back what the older one granted. Nothing about a person is stored.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genlab.core.errors import StoreError
from genlab.core.folders import home
from genlab.runs.settings import local_folder

#: Seconds after which a cookie is no identity any more, and after which a page renews it.
LIFETIME = 400 * 86_400.0
RENEW = 7 * 86_400.0
#: A clock of another host may go so much ahead, in seconds.
AHEAD = 300.0
KEY_BYTES = 32
ID = re.compile(r"[a-z2-7]{16}")
COOKIE = re.compile(r"v1\.([a-z2-7]{16})\.([0-9]{1,12})\.([0-9a-z-]{1,80})\.([0-9a-f]{64})")
#: The longest Cookie header that is read.
LONGEST = 8192


@dataclass(frozen=True)
class Identity:
    """What a valid cookie says.

    Args:
        id: of the browser.
        issued: when the cookie was made, in seconds since the epoch.
        grants: what the browser has shown: grants of secrets.
    """

    id: str
    issued: float
    grants: frozenset[str] = frozenset()


def new_id() -> str:
    """A fresh id: 80 random bits.

    Example:
        >>> bool(ID.fullmatch(new_id())), new_id() != new_id()
        (True, True)
    """
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def key_file(store_url: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the key lies: beside the run store, or where ``GENLAB_KEY_FILE`` says.

    Several servers of one database share a key by ``GENLAB_KEY_FILE``.
    """
    given = environ.get("GENLAB_KEY_FILE", "").strip()
    if given:
        return Path(given)
    return (local_folder(store_url) or home() / "checkpoints") / "identity.key"


def read_key(path: Path) -> bytes:
    """The key in a file; the first caller makes it, whole or not at all, for its owner alone.

    Raises:
        StoreError: if it cannot be read or made, or is damaged.
    """
    try:
        if not path.exists():
            _make_key(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"The key of the identities {path} cannot be used: {error}. Check its permissions."
        ) from None
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"The key of the identities {path} is damaged. It was left as it is: restore it from "
            "a copy, or move it away to make a new one. With a new one no browser owns the runs "
            "that it made; the command line still does."
        )
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(KEY_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        # A link fails where the file is there: of several makers the first one wins.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()


@functools.lru_cache(maxsize=8)
def _cached_key(path: Path) -> bytes:
    return read_key(path)


def key_of(store_url: str) -> bytes:
    """The key of a store, read once; a store in memory has one of its process.

    Raises:
        StoreError: see :func:`read_key`.
    """
    return _MEMORY_KEY if store_url == "memory:" else _cached_key(key_file(store_url))


_MEMORY_KEY = secrets.token_bytes(KEY_BYTES)


def cookie_name(key: bytes) -> str:
    """The name of the cookie: servers on other ports of one host share its cookies.

    Example:
        >>> cookie_name(b"x" * 32).startswith("genlab_")
        True
    """
    return f"genlab_{hmac.new(key, b'name', hashlib.sha256).hexdigest()[:8]}"


def _sign(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def grant_of(key: bytes, role: str, secret: str) -> str:
    """The grant that a secret gives: what the cookie holds instead of it."""
    return _sign(key, f"{role}:{secret}")[:20]


def to_cookie(key: bytes, identity: Identity) -> str:
    """The signed text of an identity.

    Example:
        >>> ada = Identity("a" * 16, 1e9)
        >>> from_cookie(b"k" * 32, to_cookie(b"k" * 32, ada), now=1e9) == ada
        True
    """
    grants = "-".join(sorted(identity.grants)) or "-"
    text = f"v1.{identity.id}.{int(identity.issued)}.{grants}"
    return f"{text}.{_sign(key, text)}"


def from_cookie(key: bytes, text: str, now: float | None = None) -> Identity | None:
    """The identity of a cookie; None if it is forged, foreign or expired.

    Args:
        key: that signed it.
        text: of the cookie.
        now: seconds since the epoch.
    """
    found = COOKIE.fullmatch(text)
    if found is None:
        return None
    signed, _, signature = text.rpartition(".")
    if not hmac.compare_digest(_sign(key, signed), signature):
        return None
    issued, now = float(found[2]), time.time() if now is None else now
    if not issued - AHEAD <= now < issued + LIFETIME:
        return None
    return Identity(found[1], issued, frozenset(filter(None, found[3].split("-"))))


def identity_in(key: bytes, header: str, now: float | None = None) -> Identity | None:
    """The identity in a Cookie header.

    Example:
        >>> identity_in(b"k" * 32, "a=1; genlab_0=forged") is None
        True
    """
    text = cookies_in(header).get(cookie_name(key))
    return None if text is None else from_cookie(key, text, now)


def cookies_in(header: str) -> dict[str, str]:
    """The cookies of a header by name; nothing of one that is too long."""
    if len(header) > LONGEST:
        return {}
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, sign, value = part.strip().partition("=")
        if sign:
            found[name] = value
    return found


def set_cookie(name: str, value: str, *, secure: bool, age: float = LIFETIME) -> str:
    """The Set-Cookie header of a cookie that no script reads and no other site sends.

    Example:
        >>> set_cookie("a", "b", secure=True, age=60)
        'a=b; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure'
    """
    end = "; Secure" if secure else ""
    return f"{name}={value}; Max-Age={int(age)}; Path=/; HttpOnly; SameSite=Lax{end}"
