"""The file lock that allows one supervisor for each host and store."""

from __future__ import annotations

import fcntl
import os
import time
from typing import IO

from genlab.runs import settings

#: The environment variable with the descriptor of a lock that a parent process hands over.
HANDED = "GENLAB_LOCK"


class Lock:
    """The lock that allows one supervisor for each host and store."""

    def __init__(self, url: str) -> None:
        self.path = settings.lock_file(url)
        self._file: IO[bytes] | None = None

    def take(self, patience: float = 0.0) -> bool:
        """Take the lock; False if another process still holds it after the timeout."""
        until = time.monotonic() + patience
        file = open(self.path, "ab")  # noqa: SIM115 - the lock lives as long as the file is open
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= until:
                    file.close()
                    return False
                time.sleep(0.05)
                continue
            self._file = file
            return True

    @property
    def number(self) -> int:
        """The descriptor of the open file, by which a child process takes the lock over."""
        assert self._file is not None
        return self._file.fileno()

    def adopt(self, number: int) -> bool:
        """Take over the lock that the parent process took, by its descriptor.

        Returns:
            False if the descriptor is not the one of this lock's file.
        """
        try:
            if not os.path.samestat(os.stat(self.path), os.fstat(number)):
                return False
        except OSError:
            return False
        os.set_inheritable(number, False)
        self._file = os.fdopen(number, "ab")
        return True

    def close(self) -> None:
        """Close the file; the lock is free once no process has it open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def is_removed(self) -> bool:
        """Whether the lock file was removed while held: another process may lock a new one."""
        if self._file is None:
            return False
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def is_held(self) -> bool:
        """Whether some process holds the lock now."""
        if self.take():
            self.close()
            return False
        return True
