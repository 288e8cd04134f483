"""The short form of the campaign of faults: each fault of a place at least once."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from genlab.testing.servers import POSTGRES, S3, address

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def faults() -> Iterator[ModuleType]:
    """bench/faults.py as a module."""
    found = importlib.util.spec_from_file_location("bench_faults", ROOT / "bench" / "faults.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["bench_faults"] = module
    found.loader.exec_module(module)
    yield module
    del sys.modules["bench_faults"]


@pytest.mark.slow
@pytest.mark.own_seed
@pytest.mark.parametrize("name", ["local", "servers"])
def test_no_run_is_lost_or_run_twice(
    faults: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "local":
        # The campaign starts servers of its own, where those of the suite are there too.
        address(POSTGRES)
        address(S3)
        for key in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
            monkeypatch.setenv(f"AWS_{key}", "")
    for key in ("WORKERS", "AUTORESUME", "EXECUTOR", "RAY_ADDRESS"):
        monkeypatch.setenv(f"GENLAB_{key}", "")
    monkeypatch.setitem(faults.SPEC, "steps", 600)
    # The folder of a test is closed to the user postgres, who runs the server.
    place = Path(tempfile.mkdtemp(prefix=f"genlab-faults-{name}-", dir="/tmp"))
    place.chmod(0o755)
    try:
        with faults.PLACES[name](place) as there:
            report = faults.campaign(there, len(there.faults), seed=1, minutes=6.0)
            assert set(report.faults) == set(there.faults)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    assert report.wrong == report.unfinished == {}
    assert report.done >= faults.TOGETHER
