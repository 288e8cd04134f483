"""Real servers for tests: PostgreSQL and S3, whose addresses stand in the environment.

``.ci/run`` starts both. Elsewhere a test that needs one is skipped and says why; under ``CI=true``
it fails, so that no test is left out unseen.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

POSTGRES = "GENLAB_TEST_POSTGRES"
S3 = "GENLAB_TEST_S3"


def address(name: str) -> str:
    """The address of a server, from a variable of the environment.

    Args:
        name: of the variable.
    """
    found = os.environ.get(name, "")
    if not found:
        words = f"{name} is not set: `source .ci/services; genlab_services_start` sets it"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    return found


@contextlib.contextmanager
def empty_database() -> Iterator[str]:
    """The URL of an empty database of the PostgreSQL server, dropped afterwards."""
    server = sa.make_url(address(POSTGRES))
    name = f"genlab_{secrets.token_hex(6)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        engine.dispose()


@contextlib.contextmanager
def empty_bucket() -> Iterator[str]:
    """The fsspec URL of an empty bucket of the S3 server; the environment names the server."""
    import fsspec

    server = address(S3)
    settings = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    name = f"genlab-{secrets.token_hex(6)}"
    with pytest.MonkeyPatch.context() as patch:
        for key, value in settings.items():
            patch.setenv(key, value)
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        files.mkdir(name)
        yield f"s3://{name}/files"
        with contextlib.suppress(OSError):
            files.rm(name, recursive=True)
