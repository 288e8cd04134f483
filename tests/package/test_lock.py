"""The locked requirements: the pins of requirements.txt, each with hashes, and no torch."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scripts import lock
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


VULNERABLE = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("", 3, "No audit was made"),
        ("no connection", 3, "is not known"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages were asked for: 0 known"),
        ([VULNERABLE], 1, "b 2: PYSEC-1"),
        ([{"name": "c", "skip_reason": "not there"}], 1, "Not asked for: c, torch"),
    ],
)
def test_an_audit_that_could_not_be_made_is_said_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    answer: object,
    code: int,
    words: str,
) -> None:
    text = answer if isinstance(answer, str) else json.dumps({"dependencies": answer})
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(lock, "tool", lambda name: str(program))
    assert lock.audit() == code
    assert words in capsys.readouterr().out


def test_the_list_of_licences_names_every_locked_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lock.licences() == 0
    listed = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines()]
    assert listed[2:] == sorted([*locked(), *LEFT_OUT])
