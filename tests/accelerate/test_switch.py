"""The switch: on by default, off by the environment or inside a ``with``, in this thread alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from genlab.accelerate import enabled, is_enabled

CODE = "from genlab import accelerate; print(accelerate.is_enabled())"


@pytest.mark.parametrize(
    ("value", "on"), [(None, True), ("1", True), ("0", False), ("off", False), ("False", False)]
)
def test_the_environment_decides_at_the_start(value: str | None, on: bool) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GENLAB_ACCELERATE"}
    if value is not None:
        environment["GENLAB_ACCELERATE"] = value
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == str(on), done.stderr


def test_it_is_put_back_also_after_an_error() -> None:
    before = is_enabled()
    with enabled(not before):
        assert is_enabled() is not before
    with pytest.raises(KeyError), enabled(not before):
        raise KeyError
    assert is_enabled() is before


def test_another_thread_is_not_concerned() -> None:
    seen: list[bool] = []
    with enabled(False):
        thread = threading.Thread(target=lambda: seen.append(is_enabled()))
        thread.start()
        thread.join()
    with enabled(True):
        assert is_enabled()
    assert seen == [is_enabled()]
