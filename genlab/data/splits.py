"""Which examples are held out: drawn by a fixed seed, equal examples always on one side."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

PARTS = ("train", "validation", "test")


def sizes(n: int) -> dict[str, int]:
    """The number of examples of each part: a tenth is for validation, a tenth for the test.

    Of a small set it is up to a fifth each: 100 examples say little enough.

    Example:
        >>> sizes(150), sizes(2000)["test"]
        ({'train': 90, 'validation': 30, 'test': 30}, 200)
    """
    held_out = min(n // 5, max(100, n // 10))
    return {"train": n - 2 * held_out, "validation": held_out, "test": held_out}


def groups(x: NDArray[np.generic]) -> NDArray[np.int64]:
    """For each example the index of the first one that equals it, (n, ...) -> (n,).

    Equal is equal to the bit; NaN equals NaN.

    Example:
        >>> groups(np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])).tolist()
        [0, 1, 0]
    """
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    if flat.dtype.itemsize == 8 and len(flat):
        words = flat.view(np.uint64)
        hashes = _mixed(words)
        if _all_distinct(hashes):
            return np.arange(len(flat))
        _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
        found = np.asarray(first[which], dtype=np.int64)
        # Two rows of one hash are compared; if they differ, all rows are compared one by one.
        if all(bool((words[:, k] == words[found, k]).all()) for k in range(words.shape[1])):
            return found
    return _one_by_one(flat)


def _all_distinct(values: NDArray[np.uint64]) -> bool:
    """Whether no value occurs twice; a sort of values is several times cheaper than of indices."""
    ordered = np.sort(values)
    return bool((ordered[1:] != ordered[:-1]).all())


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of each row of 64-bit words, (n, k) -> (n,), by the finaliser of SplitMix64.

    Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
    """
    made = np.zeros(len(words), dtype=np.uint64)
    for column in words.T:
        made = made * np.uint64(0x9E3779B97F4A7C15) + column
        made ^= made >> np.uint64(30)
        made *= np.uint64(0xBF58476D1CE4E5B9)
        made ^= made >> np.uint64(27)
        made *= np.uint64(0x94D049BB133111EB)
        made ^= made >> np.uint64(31)
    return made


def _one_by_one(flat: NDArray[np.generic]) -> NDArray[np.int64]:
    """As :func:`groups`, by the bytes of each row."""
    known: dict[bytes, int] = {}
    found = np.empty(len(flat), dtype=np.int64)
    for k, row in enumerate(flat):
        key = row.tobytes()
        if len(key) > 64:
            key = hashlib.blake2b(key, digest_size=16).digest()
        found[k] = known.setdefault(key, k)
    return found


def part(order: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int8]:
    """The part of each example: 0 training, 1 validation, 2 test.

    Groups are taken in the order of their first example in the permutation, whole: first those
    of the training part until it is full, then validation, then test.

    Args:
        order: (n,) a permutation of the examples.
        group: (n,) see :func:`groups`.

    Returns:
        (n,) int8. Parts have the :func:`sizes` of n, but for what a whole group moves; each has
        at least one example where there are three groups.

    Example:
        >>> part(np.arange(10), np.arange(10)).tolist()
        [0, 0, 0, 0, 0, 0, 1, 1, 2, 2]
    """
    n = len(order)
    wanted = list(sizes(n).values())
    if np.array_equal(group, np.arange(n)):
        found = np.empty(n, dtype=np.int8)
        found[order] = np.repeat(np.arange(3, dtype=np.int8), wanted)
        return found
    _, first, index, size = np.unique(
        group[order], return_index=True, return_inverse=True, return_counts=True
    )
    # Groups first, in their order; the single examples then fill what is left.
    left = np.array(wanted, dtype=np.int64)
    of_group = np.zeros(len(size), dtype=np.int8)
    many = np.flatnonzero(size > 1)
    for g in many[np.argsort(first[many])]:
        # The part with the most room, as a share of what it should hold.
        k = int((left / np.maximum(wanted, 1)).argmax())
        of_group[g] = k
        left[k] -= size[g]
    one = np.flatnonzero(size == 1)
    one = one[np.argsort(first[one])]
    # If groups fill one part too much, the other parts are smaller.
    room = np.maximum(left, 0)
    over = int(room.sum()) - len(one)
    while over > 0:
        k = int(room.argmax())
        room[k] -= 1
        over -= 1
    of_group[one] = np.repeat(np.arange(3, dtype=np.int8), room)
    _fill(of_group, size)
    found = np.empty(n, dtype=np.int8)
    found[order] = of_group[index]
    return found


def _fill(of_group: NDArray[np.int8], size: NDArray[np.int64]) -> None:
    """Give an empty part the smallest group of the part with the most groups."""
    if len(size) < 3:
        return
    for k in range(3):
        if (of_group == k).any():
            continue
        full = int(np.bincount(of_group, minlength=3).argmax())
        able = np.flatnonzero(of_group == full)
        of_group[able[size[able].argmin()]] = k


def given_parts(part: NDArray[np.int8]) -> NDArray[np.int8]:
    """The parts that a file itself names, completed: a part that is not there is taken from the
    training part, by a fixed seed, in its usual size.

    Args:
        part: (n,) 0, 1 or 2.

    Raises:
        ValueError: if there is no training part.

    Example:
        >>> made = given_parts(np.array([0] * 20 + [2] * 5, dtype=np.int8))
        >>> np.bincount(made).tolist()
        [16, 4, 5]
    """
    assigned = part.copy()
    if not (assigned == 0).any():
        raise ValueError("no training part")
    source = np.random.default_rng(len(part))
    for missing in (1, 2):
        if not (part == missing).any():
            rows = np.flatnonzero(assigned == 0)
            chosen = source.permutation(rows)[: max(1, min(len(rows) // 5, len(part) // 10 + 2))]
            assigned[chosen[: max(0, len(rows) - 1)]] = missing
    return assigned
