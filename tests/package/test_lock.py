"""The locked requirements: the pins of requirements.txt, each with hashes, and no torch."""

from __future__ import annotations

import re

from scripts.lock import LEFT_OUT, LOCKED, NAME, licence_of, locked, normal, wanted


def test_each_pin_is_locked_at_its_version() -> None:
    pins = {normal(name): version for name, version in NAME.findall(wanted())}
    assert pins
    found = locked()
    assert {name: found.get(name) for name in pins} == pins


def test_each_locked_package_has_hashes_and_none_comes_with_torch() -> None:
    text = LOCKED.read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text[text.index("\n\n") if "\n\n" in text else 0 :])
    for block in blocks:
        if NAME.search(block):
            assert "--hash=sha256:" in block, block[:80]
    assert not {name for name in locked() if name in LEFT_OUT or name.startswith("nvidia")}
    assert "file:" not in text


def test_a_licence_is_read_from_what_a_package_states() -> None:
    from importlib import metadata

    assert "BSD" in licence_of(metadata.distribution("numpy"))
    assert licence_of(metadata.distribution("segno")) != "not stated"
