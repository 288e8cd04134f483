"""What a follower's bar asks for is opened, also by a later run of the script."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st

from genlab.ui import room


def test_a_request_that_a_run_did_not_reach_is_opened_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[tuple[str, str]] = []
    state: dict[str, Any] = {}
    shared = type("Shared", (), {"code": "ABCD"})
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(room, "led_by", lambda _store, _id: None)
    monkeypatch.setattr(room, "find_room", lambda _store, _code: shared)
    monkeypatch.setattr(room, "acting", lambda: type("Me", (), {"id": "b", "room": "ABCD"}))
    monkeypatch.setattr(room, "component", lambda *_: lambda **_values: None)
    monkeypatch.setattr(room, "panel", lambda *_: None)
    monkeypatch.setattr(room, "_go", lambda path, query, _pages: opened.append((path, query)))
    state[room.BAR] = {"go": {"path": "/watch", "query": "run=b"}}
    room._remember()
    # The run that had the request was cut off; the next one no longer has it.
    state[room.BAR] = {"go": None}
    room._remember()
    room.bar("learn", ["learn", "watch"])
    room.bar("watch", ["learn", "watch"])
    assert opened == [("/watch", "run=b")]
