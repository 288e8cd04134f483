"""Real servers for tests: PostgreSQL and S3, whose addresses stand in the environment.

``.ci/run`` starts both. Elsewhere a test that needs one is skipped and says why; under ``CI=true``
it fails, so that no test is left out unseen.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import socket
import threading
import time
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


def postgres_program(name: str) -> str:
    """The path of a program of PostgreSQL, which may lie where no shell looks."""
    places = [os.environ.get("PATH", ""), *sorted(glob.glob("/usr/lib/postgresql/*/bin"))[::-1]]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        words = f"{name} is not installed here; it comes with PostgreSQL"
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
        # A file system that was made before may know another server.
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        files.mkdir(name)
        yield f"s3://{name}/files"
        with contextlib.suppress(OSError):
            files.rm(name, recursive=True)


class Door:
    """A door on loopback to a server, which can be shut, and behind which nobody may answer.

    Args:
        host, port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._open, self._mute = True, threading.Event()
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def shut(self) -> None:
        """Cut every connection, and refuse new ones."""
        self._open = False
        for one in self._pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def open(self) -> None:
        """Let everybody through again."""
        self._open = True
        self._mute.clear()

    def mute(self) -> None:
        """Hold back all answers, as a server does that was stopped."""
        self._mute.set()

    def close(self) -> None:
        """Close it for good."""
        self.shut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._open:
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                self._pairs += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                while self._mute.is_set():
                    time.sleep(0.02)
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
