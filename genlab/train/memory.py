"""Settings of the process's memory allocator for training."""

from __future__ import annotations

import ctypes
import functools
import sys

# Numbers of mallopt's parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


@functools.cache
def keep_memory() -> bool:
    """Keep freed memory for the next step instead of returning it to the system.

    A training step allocates and frees the same megabytes again and again. By default glibc gives
    large blocks back at once and faults every page in anew: measured on DCGAN at 28 pixels, four
    thousand page faults and a tenth of the time of each step. No number changes.

    Returns:
        whether the allocator took the setting; False on systems without glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 1 << 26))
    result: bool = min(mallopt(name, value) for name, value in settings) == 1
    return result
