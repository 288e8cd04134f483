"""The map of a latent space: its content, and the message from which the browser draws it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.colors
from numpy.typing import NDArray

from genlab.figures.style import COLOURS

SPACES: Mapping[str, str] = {
    "posterior mean": "posterior means",
    "critic feature": "critic features",
    "data": "examples, as they are",
}
#: Even in lightness, and read alike by colour-blind eyes.
RAMP = tuple(plotly.colors.sample_colorscale("Viridis", 16))


@dataclass(frozen=True)
class MapInfo:
    """A map of codes.

    Args:
        xy: (N, dims) positions.
        label: (N,) class index, -1 where there is none.
        generated: (N,) whether the point was made by the model.
        classes: names of the classes.
        method: the title of the method.
        space: what was mapped, with its number of dimensions.
        trustworthiness, continuity: 0 to 1; ``neighbours``: how many were looked at;
            ``compared``: of how many points.
        explained: the share of the variance on each axis, NaN where the method has none.
        iterations: made, 0 where there are none; ``stopped``: whether it was stopped then.
        loss: KL divergence in nats, NaN where there is none.
    """

    xy: NDArray[np.float32]
    label: NDArray[np.int64]
    generated: NDArray[np.bool_]
    classes: tuple[str, ...]
    method: str
    space: str
    trustworthiness: float
    continuity: float
    neighbours: int
    compared: int
    explained: tuple[float, ...]
    iterations: int = 0
    stopped: bool = False
    loss: float = float("nan")

    @property
    def quality(self) -> str:
        """The trustworthiness of neighbours, printed on the map."""
        trust, whole = self.trustworthiness, self.continuity
        return f"trustworthiness {trust:.3f} · continuity {whole:.3f} (k = {self.neighbours})"

    @property
    def caption(self) -> str:
        """The caption of the map."""
        text = f"{self.method} of {len(self.xy):,} {self.space}"
        if np.isfinite(self.explained[0]):
            text += f" · variance shown {100 * sum(self.explained):.0f} %"
        if np.isfinite(self.loss):
            text += f" · KL {self.loss:.3f} nats after {self.iterations:,} iterations"
        if self.stopped:
            text += " (stopped there)"
        some = self.compared < len(self.xy)
        on = f", from {self.compared:,} of the points" if some else ""
        return f"{text} · on the map: how far its neighbours are to be believed, 1 is best{on}"


def map_info(
    result: Mapping[str, Any], *, method: str, space: str, classes: Sequence[str] = ()
) -> MapInfo:
    """Convert the result of the job ``project`` to the content of the map.

    Args:
        result: arrays ``xy``, ``code``, ``label``, ``index``, ``explained``, ``trustworthiness``,
            ``continuity``, ``neighbours``, ``compared``, ``iterations``, ``stopped``, ``loss``.
        method: the title of how the map was made.
        space: what the codes are.
        classes: names of the classes.
    """
    dims = np.asarray(result["code"]).shape[1]
    share = np.asarray(result["explained"], dtype=float)
    return MapInfo(
        xy=np.asarray(result["xy"]),
        label=np.asarray(result["label"]),
        generated=np.asarray(result["index"]) < 0,
        classes=tuple(classes),
        method=method,
        space=f"{SPACES.get(space, space)} ({dims}-d)",
        trustworthiness=float(np.asarray(result["trustworthiness"])),
        continuity=float(np.asarray(result["continuity"])),
        neighbours=int(np.asarray(result["neighbours"])),
        compared=int(np.asarray(result["compared"])),
        explained=tuple(float(s) for s in share),
        iterations=int(np.asarray(result["iterations"])),
        stopped=bool(np.asarray(result["stopped"])),
        loss=float(np.asarray(result["loss"])),
    )


def pack_positions(values: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> str:
    """Positions (N, d) within their box as 16-bit little-endian numbers in base 64."""
    return base64.b64encode(_quantised(values, low, high).tobytes()).decode()


def _quantised(values: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.uint16]:
    span = np.maximum(high - low, 1e-12)
    return np.clip(np.round(65535 * (values - low) / span), 0, 65535).astype("<u2")


def map_bytes(
    xy: NDArray[Any],
    label: NDArray[np.int64],
    classes: Sequence[str],
    generated: NDArray[np.bool_],
) -> bytes:
    """A map as a file: 16-bit positions, a byte for the class, a byte that is 1 where generated.

    Args:
        xy: (N, d); label: (N,); generated: (N,).
        classes: names of the classes.

    Example:
        >>> len(map_bytes(np.zeros((5, 2)), np.zeros(5, int), ("a",), np.zeros(5, bool)))
        30
    """
    low, high = xy.min(axis=0).astype(float), xy.max(axis=0).astype(float)
    level, _ = class_levels(label, classes, generated)
    parts = (_quantised(xy, low, high), level, generated.astype(np.uint8))
    return b"".join(part.tobytes() for part in parts)


def positions(frames: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """The positions of one map, or of several over time in the same box."""
    low = np.min([xy.min(axis=0) for xy in frames], axis=0).astype(float)
    high = np.max([xy.max(axis=0) for xy in frames], axis=0).astype(float)
    packed: dict[str, Any] = {
        "n": len(frames[0]),
        "dims": frames[0].shape[1],
        "low": low.tolist(),
        "high": high.tolist(),
    }
    if len(frames) == 1:
        return packed | {"xy": pack_positions(frames[0], low, high)}
    return packed | {"frames": [pack_positions(xy, low, high) for xy in frames]}


def by_class(
    label: NDArray[np.int64], classes: Sequence[str], generated: NDArray[np.bool_]
) -> dict[str, Any]:
    """A colour and a shape for each class; points of none share one."""
    level, names = class_levels(label, classes, generated)
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(names))]
    return {
        "colour": base64.b64encode(level.tobytes()).decode(),
        "names": names,
        "palette": colours,
    }


def class_levels(
    label: NDArray[np.int64], classes: Sequence[str], generated: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], list[str]]:
    """The class of each point as a byte (N,), and the names; points of none share the last."""
    names = list(classes) or [str(k) for k in range(int(label.max(initial=-1)) + 1)]
    level = label.copy()
    if ((label < 0) & ~generated).any() or not names:
        names.append("data")
    level[label < 0] = len(names) - 1
    return level.astype(np.uint8), names


def by_value(values: NDArray[Any], title: str) -> dict[str, Any]:
    """A ramp between the 1st and the 99th percentile; beyond them, and without a value: the ends.

    Args:
        values: (N,), NaN where a point has none.
        title: what they are, with the unit.
    """
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, [0.01, 0.99]) if len(finite) else (0.0, 0.0)
    span = max(float(high - low), 1e-12)
    level = np.clip(255 * (np.nan_to_num(values, nan=low) - low) / span, 0, 255).round()
    return {
        "colour": base64.b64encode(level.astype(np.uint8).tobytes()).decode(),
        "palette": list(RAMP),
        "values": {"title": title, "low": float(low), "high": float(high)},
    }


def map_data(
    info: MapInfo,
    key: str,
    colours: Mapping[str, Any] | None = None,
    binary: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The message from which the browser draws a map; equal inputs give equal messages.

    Args:
        info: the map.
        key: its identity: the view stays while it stays.
        colours: of :func:`by_class` or :func:`by_value`; None: by class.
        binary: the address of :func:`map_bytes`, for a map of many points; None: in the message.
        more: further fields (sprites, marks, set).
    """
    points = positions([info.xy])
    shown = dict(colours or by_class(info.label, info.classes, info.generated))
    generated = generated_field(info.generated)
    if binary is not None:
        # The browser fetches the points; only values that colour them come with the message.
        points.pop("xy")
        generated = {}
        if colours is None:
            shown.pop("colour")
        points["binary"] = binary
    return {
        "id": key,
        **points,
        **shown,
        **generated,
        # A screen reader has the canvas's words alone.
        "words": f"{info.caption}: {info.quality}",
        "quality": info.quality,
        "axes": ["PC 1", "PC 2"] if np.isfinite(info.explained[0]) else None,
        **more,
    }


def generated_field(generated: NDArray[np.bool_]) -> dict[str, str]:
    """Which points are generated; left out where none is."""
    if not generated.any():
        return {}
    return {"generated": base64.b64encode(generated.astype(np.uint8).tobytes()).decode()}
