"""The file of a large map: its length, its order, and its precision."""

from __future__ import annotations

import numpy as np

from genlab.figures.latent import map_bytes


def test_positions_classes_and_generated_points_come_back() -> None:
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(1000, 2)) * [3.0, 0.1]
    label = rng.integers(3, size=1000)
    label[:10] = -1
    generated = label < 0
    content = map_bytes(xy, label, ("a", "b", "c"), generated)
    assert len(content) == 1000 * (2 * 2 + 1 + 1)
    whole = np.frombuffer(content, "<u2", 2000).reshape(1000, 2).astype(float)
    low, high = xy.min(0), xy.max(0)
    back = low + whole / 65535 * (high - low)
    # Half a step of 16 bits along each axis.
    assert (np.abs(back - xy) <= (high - low) / 65535 * 0.5001).all()
    levels = np.frombuffer(content, np.uint8, 1000, 4000)
    assert levels[10:].tolist() == label[10:].tolist()
    assert np.frombuffer(content, np.uint8, 1000, 5000).astype(bool).tolist() == generated.tolist()
