"""Identities: signed and renewed; none for a forged, foreign, expired or missing cookie."""

from __future__ import annotations

import multiprocessing
import random
import stat
import time
from pathlib import Path

import pytest

from genlab.core.errors import StoreError
from genlab.serving import identity
from genlab.serving.identity import Identity

KEY, OTHER = b"k" * 32, b"o" * 32
ADA = Identity("a" * 16, 1_700_000_000.0, frozenset({"1f", "2e"}))
NOW = 1_700_000_100.0


def test_what_was_signed_is_read() -> None:
    assert identity.from_cookie(KEY, identity.to_cookie(KEY, ADA), NOW) == ADA
    plain = Identity("b" * 16, 1_700_000_000.0)
    assert identity.from_cookie(KEY, identity.to_cookie(KEY, plain), NOW) == plain


def test_every_changed_character_makes_it_forged() -> None:
    text = identity.to_cookie(KEY, ADA)
    rng = random.Random(0)
    for k, old in enumerate(text):
        new = rng.choice([c for c in "abcdef234567.-v" if c != old])
        assert identity.from_cookie(KEY, text[:k] + new + text[k + 1 :], NOW) is None
    for wrong in ("", text[:-1], text + "0", text.upper(), "v1....", "é" * 40, "x" * 100_000):
        assert identity.from_cookie(KEY, wrong, NOW) is None


def test_a_foreign_key_signs_for_nobody_here() -> None:
    assert identity.from_cookie(KEY, identity.to_cookie(OTHER, ADA), NOW) is None
    assert identity.cookie_name(KEY) != identity.cookie_name(OTHER)
    under_my_name = f"{identity.cookie_name(KEY)}={identity.to_cookie(OTHER, ADA)}"
    assert identity.identity_in(KEY, under_my_name, NOW) is None


def test_a_cookie_expires_and_is_none_before_its_time() -> None:
    text = identity.to_cookie(KEY, ADA)
    assert identity.from_cookie(KEY, text, ADA.issued + identity.LIFETIME - 1) == ADA
    assert identity.from_cookie(KEY, text, ADA.issued + identity.LIFETIME) is None
    assert identity.from_cookie(KEY, text, ADA.issued - identity.AHEAD - 1) is None


def test_the_identity_is_found_among_other_cookies() -> None:
    name = identity.cookie_name(KEY)
    header = f"a=1; {name}={identity.to_cookie(KEY, ADA)}; b"
    assert identity.identity_in(KEY, header, NOW) == ADA
    for header in ("", ";;;", f"{name}", f"{name}=", "x" * 10_000, f"{name}=\x00"):
        assert identity.identity_in(KEY, header, NOW) is None


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "identity.key"
    key = identity.read_key(path)
    assert identity.read_key(path) == key
    assert len(key) == identity.KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["identity.key"]
    path.chmod(0o644)
    assert identity.read_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _read(path: str, start: float) -> bytes:
    time.sleep(max(0.0, start - time.time()))
    return identity.read_key(Path(path))


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    path = str(tmp_path / "identity.key")
    with multiprocessing.get_context("fork").Pool(6) as pool:
        keys = pool.starmap(_read, [(path, time.time() + 0.5)] * 6)
    assert len(set(keys)) == 1


def test_a_damaged_key_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="damaged"):
        identity.read_key(path)
    assert path.read_bytes() == b"short"


def test_the_key_lies_beside_the_store(tmp_path: Path) -> None:
    assert identity.key_file(f"sqlite:///{tmp_path}/genlab.db", {}) == tmp_path / "identity.key"
    given = {"GENLAB_KEY_FILE": "/data/key"}
    assert identity.key_file("postgresql://host/genlab", given) == Path("/data/key")


def test_a_grant_says_nothing_of_the_secret_and_ends_with_it() -> None:
    grant = identity.grant_of(KEY, "admin", "correct horse")
    assert grant != identity.grant_of(KEY, "admin", "another horse")
    assert grant != identity.grant_of(KEY, "enter", "correct horse")
    assert grant != identity.grant_of(OTHER, "admin", "correct horse")
    assert "horse" not in grant
