"""A file appears whole, and not where it may no longer be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from genlab.core.errors import LeaseLost
from genlab.core.folders import folder


@pytest.mark.parametrize("kind", ["local", "remote"])
def test_what_is_refused_last_leaves_what_was_there(kind: str, tmp_path: Path) -> None:
    there = folder(str(tmp_path) if kind == "local" else f"memory://{tmp_path.name}-folders")
    there.write("a/b.json", b"old")

    def refuse() -> None:
        # All is written but the name: the file of then is still there.
        assert there.read("a/b.json") == b"old"
        raise LeaseLost("another worker has it")

    with pytest.raises(LeaseLost):
        there.write("a/b.json", b"new", durable=True, before=refuse)
    assert there.read("a/b.json") == b"old"
    assert there.names("a") == ["b.json"]
    there.write("a/b.json", b"new", before=lambda: None)
    assert there.read("a/b.json") == b"new"
