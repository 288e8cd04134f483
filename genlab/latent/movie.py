"""Maps over training time: every frame starts from the previous one and is aligned with it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import codes_of
from genlab.latent.projection_methods import Array, Method
from genlab.latent.projections import continuity, parse_request, trustworthiness

FRAMES = 24


def procrustes(x: Array, y: Array, *, scale: bool = False) -> Array:
    """Align y with x by rotation, reflection and translation: min over R, t of |x - (y R + t)|^2.

    With y'x = U S V' of the centred points, R = U V', R orthogonal. Source: Schönemann 1966; Gower
    and Dijksterhuis 2004.

    Args:
        x: (N, d) the points that stay.
        y: (N, d) the points that move.
        scale: whether y may be scaled, by tr(S) / |y|^2.

    Example:
        >>> x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        >>> turned = x @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 3.0
        >>> bool(np.allclose(procrustes(x, turned), x))
        True
    """
    centre = x.mean(axis=0)
    moved = y - y.mean(axis=0)
    u, s, v = np.linalg.svd(moved.T @ (x - centre))
    size = float((moved**2).sum())
    factor = float(s.sum()) / size if scale and size > 0 else 1.0
    return np.asarray(factor * moved @ (u @ v) + centre)


def frames(
    codes: Sequence[NDArray[Any]],
    method: Method,
    seed: int,
    dims: int = 2,
    progress: Progress | None = None,
) -> list[Array]:
    """Maps of the codes of the same examples at several times, each aligned with the one before.

    A method starts from the previous frame if it can. Codes that did not change keep exactly the
    same frame: points move only if the model changes.

    Args:
        codes: (N, d) for each time; row i is always the same example.
        method: how the maps are made.
        seed: of the maps.
        dims: 2 or 3.
        progress: called with a fraction and a sentence.
    """
    layouts: list[Array] = []
    for k, now in enumerate(codes):
        if progress is not None:
            progress(k / len(codes), f"{method.title}, frame {k + 1} of {len(codes)}")
        if k and np.array_equal(now, codes[k - 1]):
            layouts.append(layouts[-1])
            continue
        init = layouts[-1] if layouts and method.start else None
        xy = method.fit(now, seed, dims, init, None).xy
        layouts.append(procrustes(layouts[-1], xy) if layouts else xy)
    return layouts


def drift(layouts: Sequence[Array]) -> Array:
    """How far the points move from frame to frame: the root mean square, (frames - 1,)."""
    return np.array(
        [float(np.sqrt(((b - a) ** 2).sum(1).mean())) for a, b in itertools.pairwise(layouts)]
    )


def choose_steps(steps: Sequence[int], most: int = FRAMES) -> list[int]:
    """At most this many of the steps, evenly by position, including the first and the last.

    Example:
        >>> choose_steps([1, 2, 3, 4, 5, 6, 7], 3)
        [1, 4, 7]
    """
    if len(steps) <= most:
        return list(steps)
    return [steps[round(i)] for i in np.linspace(0, len(steps) - 1, most)]


@JOBS.register("movie", title="Map over training time")
def movie(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, NDArray[Any]]:
    """Map the same examples (or the same z) at several snapshots.

    Args:
        model: a function from a step to the model then, in evaluation mode; a single model stands
            for itself at every step.
        data: the run's dataset.
        values: those of the job ``project``, and ``steps``, the snapshots.
        progress: called with a fraction and a sentence.

    Returns:
        ``xy`` (frames, N, dims), ``steps`` (frames,), ``drift`` (frames - 1,), ``label`` and
        ``index`` (N,), ``trustworthiness`` and ``continuity`` (frames,).

    Raises:
        SpecError: for an unknown method or choice of points.
    """
    method, what, n, seed, dims = parse_request(values)
    steps = [int(step) for step in values["steps"]]
    at = getattr(progress, "model_at", None)
    found = []
    for k, step in enumerate(steps):
        progress(0.3 * k / len(steps), f"codes at step {step:,}")
        then = model if at is None else at(step)
        found.append(codes_of(then, data, what, n, seed))  # type: ignore[arg-type]
    codes = [one.code for one in found]

    def tell(fraction: float, message: str) -> None:
        progress(0.3 + 0.6 * fraction, message)

    layouts = frames(codes, method, seed, dims, tell)
    progress(0.9, "trustworthiness and continuity of the frames")
    pairs = list(zip(codes, layouts, strict=True))
    return {
        "xy": np.stack(layouts).astype(np.float32),
        "steps": np.asarray(steps),
        "drift": drift(layouts),
        "label": found[0].label,
        "index": found[0].index,
        "trustworthiness": np.array([trustworthiness(c, xy) for c, xy in pairs]),
        "continuity": np.array([continuity(c, xy) for c, xy in pairs]),
    }
