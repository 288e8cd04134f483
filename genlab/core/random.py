"""Seeded randomness: one global torch stream per run, and side streams that leave it unchanged.

``torch.distributions`` takes no generator, so a run owns the process's global stream; whatever
only looks at a run (probes, previews, sampling for a page) works inside :func:`scope`.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator

import torch
from torch import Tensor

_ONE_AT_A_TIME = threading.RLock()


def derive(seed: int, *names: object) -> int:
    """A seed for a named side stream, the same on every machine and in every process.

    Example:
        >>> derive(0, "probe", 3) == derive(0, "probe", 3), derive(0, "a") == derive(0, "b")
        (True, False)
    """
    return _hashed(repr((int(seed), *map(str, names))))


def _hashed(text: str) -> int:
    """Hash a text to 63 bits; the only function that makes the seeds given to torch."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def seed_run(seed: int) -> None:
    """Seed the process's global stream for a run."""
    torch.manual_seed(derive(seed, "run"))


def seed_devices(seed: int, step: int) -> None:
    """Seed the streams of every device for a run that goes on from a step."""
    torch.manual_seed(derive(seed, "resumed", step))


def capture() -> Tensor:
    """The state of the global stream, as a byte tensor."""
    return torch.get_rng_state().clone()


def restore(state: Tensor) -> None:
    """Restore a captured state of the global stream."""
    torch.set_rng_state(state.clone())


@contextlib.contextmanager
def scope(seed: int, *names: object) -> Iterator[None]:
    """Draw from a side stream inside the block; the global stream is as before afterwards.

    One thread at a time is inside a scope: the stream is the process's, and two viewers who
    sample at once would else draw each other's numbers.

    Example:
        >>> before = capture()
        >>> with scope(0, "look"):
        ...     _ = torch.randn(3)
        >>> bool((capture() == before).all())
        True
    """
    with _ONE_AT_A_TIME:
        saved = capture()
        torch.default_generator.manual_seed(derive(seed, *names))
        try:
            yield
        finally:
            restore(saved)


def generator(seed: int, *names: object) -> torch.Generator:
    """A generator of its own for code that takes one.

    Example:
        >>> draws = [torch.rand(2, generator=generator(0, "noise")) for _ in range(2)]
        >>> torch.equal(*draws)
        True
    """
    return torch.Generator().manual_seed(derive(seed, *names))
