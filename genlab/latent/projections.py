"""Maps of the codes in 2-D or 3-D: one row per method, seeded, with their quality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genlab.core.errors import SpecError
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import codes_of
from genlab.latent.projection_methods import (
    DIMS,
    NEIGHBOURS,
    Array,
    Method,
    Projection,
    Watch,
    isomap,
    kernel_pca,
    mds,
    pca,
    pca_embed,
    random_projection,
    transformer,
    tsne,
    tsne_embed,
    umap,
    umap_embed,
)

#: The quality of a map compares all pairs of points: above this many, of a seeded choice of them.
COMPARED = 2000


def check_codes(codes: NDArray[Any], title: str, least: int) -> None:
    """Refuse codes of which a method can make no map, in words.

    Raises:
        SpecError: for codes that are not finite, too few points, or points that are all the same.

    Example:
        >>> check_codes(np.ones((1, 2)), "t-SNE", 4)
        Traceback (most recent call last):
        ...
        genlab.core.errors.SpecError: points = 1 is not possible: t-SNE needs at least 4 ...
    """
    x = np.asarray(codes)
    wrong = int((~np.isfinite(x).all(axis=1)).sum())
    if wrong:
        why = f"{wrong:,} of {len(x):,} codes are not finite numbers (NaN or infinite)"
        raise SpecError("points", len(x), why)
    if len(x) < least:
        raise SpecError("points", len(x), f"{title} needs at least {least} points")
    if least > 1 and (x == x[0]).all():
        why = f"all {len(x):,} points are the same, so that {title} has no distances to show"
        raise SpecError("points", len(x), why)


def _guarded(method: Method, least: int) -> Method:
    """The method with its codes checked before a map is made."""
    fit = method.fit

    def checked_fit(
        codes: NDArray[Any],
        seed: int = 0,
        dims: int = 2,
        init: Array | None = None,
        watch: Watch | None = None,
    ) -> Projection:
        check_codes(codes, method.title, least)
        found = fit(codes, seed, dims, init, watch)
        if not np.isfinite(found.xy).all():
            why = f"{method.title} gives no finite map of them in {dims} dimensions"
            raise SpecError("points", len(codes), why)
        return found

    return dataclasses.replace(method, fit=checked_fit)


_METHODS: Mapping[str, tuple[Method, int]] = {
    "pca": (Method("PCA", pca, pca_embed, most=100_000), 1),
    "tsne": (Method("t-SNE", tsne, tsne_embed, start=True), 4),
    "umap": (Method("UMAP", umap, umap_embed, start=True), 4),
    "isomap": (transformer("Isomap", isomap, most=2000), 3),
    "mds": (
        transformer(
            "MDS",
            mds,
            alone="MDS fits the distances of all pairs at once: a new point would move the others",
            most=1000,
        ),
        2,
    ),
    "kernel": (transformer("Kernel PCA", kernel_pca, most=2000), 2),
    "random": (transformer("Random", random_projection), 1),
}
#: Each method with the least number of points of which it makes a map.
PROJECTIONS: Mapping[str, Method] = {
    name: _guarded(method, least) for name, (method, least) in _METHODS.items()
}


def _chosen(n: int) -> NDArray[np.intp]:
    if n <= COMPARED:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).permutation(n)[:COMPARED])


def neighbours_of(n: int, k: int = NEIGHBOURS) -> int:
    """The k of :func:`trustworthiness` for n points: ``k``, or fewer if n is small.

    Example:
        >>> neighbours_of(8), neighbours_of(500)
        (3, 10)
    """
    return max(1, min(k, (min(n, COMPARED) - 1) // 2))


def trustworthiness(codes: NDArray[Any], xy: Array, neighbours: int = NEIGHBOURS) -> float:
    """How far the map's neighbours are neighbours in the space too, 0 to 1 (1 is best).

    T(k) = 1 - 2/(n k (2n - 3k - 1)) sum_i sum_{j in map-only neighbours of i} (rank(i, j) - k), as
    scikit-learn computes it; of 2,000 points chosen by a fixed seed where there are more.
    Source: Venna and Kaski 2001.

    Args:
        codes: (N, d); xy: (N, dims).
        neighbours: k; made smaller where there are too few points.

    Returns:
        NaN for fewer than three points.
    """
    from sklearn.manifold import trustworthiness as score

    rows = _chosen(len(xy))
    if len(rows) < 3:
        # Of two points each is the other's neighbour on every map.
        return float("nan")
    k = neighbours_of(len(rows), neighbours)
    return float(score(np.asarray(codes, dtype=np.float64)[rows], xy[rows], n_neighbors=k))


def continuity(codes: NDArray[Any], xy: Array, neighbours: int = NEIGHBOURS) -> float:
    """How far the space's neighbours stay neighbours on the map, 0 to 1 (1 is best).

    C(k) = 1 - 2/(n k (2n - 3k - 1)) sum_i sum_{j in space-only neighbours of i} (r'(i, j) - k)
    with r' the rank on the map: the trustworthiness with both sides exchanged.
    Source: Venna and Kaski 2001.

    Args:
        codes: (N, d); xy: (N, dims).
        neighbours: k; made smaller where there are too few points.
    """
    return trustworthiness(xy, np.asarray(codes, dtype=np.float64), neighbours)


def row(method: str) -> Method:
    """The row of a method.

    Raises:
        SpecError: if there is none.
    """
    if method not in PROJECTIONS:
        raise SpecError.unknown("method", method, PROJECTIONS)
    return PROJECTIONS[method]


#: What the points of a map are.
SUBJECTS = ("data", "train", "prior", "both")


def parse_request(values: Mapping[str, Any]) -> tuple[Method, str, int, int, int]:
    """Method, what, n, seed and dims of the values of a job.

    Raises:
        SpecError: for a value that there is not, or more points than the method can do.
    """
    method, what = row(str(values["method"])), str(values.get("what", "data"))
    if what not in SUBJECTS:
        raise SpecError.unknown("what", what, SUBJECTS)
    n, dims = int(values["n"]), int(values.get("dims", 2))
    if n > method.most:
        raise SpecError("n", n, f"{method.title} takes {method.most:,} points at most")
    if dims not in DIMS:
        raise SpecError("dims", dims, "allowed: 2, 3")
    return method, what, n, int(values["seed"]), dims


@JOBS.register("project", title="Map of the latent space")
def project(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, NDArray[Any]]:
    """Compute the codes of a model and their map.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``method`` (a row of :data:`PROJECTIONS`), ``n``, ``seed``, ``what`` (data, train,
            prior, both), ``dims`` (2, 3).
        progress: called with a fraction and a sentence; where it has ``live``, that is given the
            map so far (arrays by name) and says whether to go on.

    Returns:
        ``xy`` (N, dims), ``code`` (N, d), ``z`` (N, latent), ``label`` (N,), ``index`` (N,),
        ``explained`` (dims,), ``trustworthiness``, ``continuity``, ``neighbours``, ``compared``,
        ``iterations``, ``stopped`` and ``loss`` ().

    Raises:
        SpecError: for an unknown method or choice of points.
    """
    method, what, n, seed, dims = parse_request(values)
    progress(0.05, "codes of the points")
    codes = codes_of(model, data, what, n, seed)  # type: ignore[arg-type]
    words = f"{method.title} of {len(codes):,} points in {codes.code.shape[1]} dimensions"
    progress(0.3, words)
    live = getattr(progress, "live", None)

    def watch(iteration: int, of: int, xy: Array) -> bool:
        progress(0.3 + 0.6 * iteration / of, f"{words}: iteration {iteration} of {of}")
        shown = {"xy": xy.astype(np.float32), "label": codes.label, "index": codes.index}
        return live is None or bool(live(shown))

    projection = method.fit(codes.code, seed, dims, None, watch)
    progress(0.9, "trustworthiness and continuity of the map")
    return {
        "xy": projection.xy.astype(np.float32),
        "code": codes.code,
        "z": codes.z,
        "label": codes.label,
        "index": codes.index,
        "part": np.asarray(codes.part),
        "explained": np.asarray(projection.explained),
        "trustworthiness": np.asarray(trustworthiness(codes.code, projection.xy)),
        "continuity": np.asarray(continuity(codes.code, projection.xy)),
        "neighbours": np.asarray(neighbours_of(len(codes))),
        "compared": np.asarray(min(COMPARED, len(codes))),
        "iterations": np.asarray(projection.iterations),
        "stopped": np.asarray(projection.stopped),
        "loss": np.asarray(projection.loss),
    }


def embed_points(
    method: str, codes: NDArray[Any], xy: Array, seed: int, new: NDArray[Any]
) -> Array:
    """Put new codes on an existing map, (M, d) -> (M, dims).

    Args:
        method: that made the map.
        codes: (N, d) and xy: (N, dims), the map.
        seed: of the map.
        new: (M, d).

    Raises:
        SpecError: if the method has no rule for new points.
    """
    rule = row(method).embed
    if rule is None:
        why = f"it has no rule for new points on its map: {row(method).alone}"
        raise SpecError("method", method, why)
    return rule(np.asarray(codes), np.asarray(xy, dtype=np.float64), seed)(np.asarray(new))


@JOBS.register("place", title="New points on a map")
def embed_job(
    model: Any,  # noqa: ARG001 - one shape for all jobs
    data: Dataset,  # noqa: ARG001
    values: Mapping[str, Any],
    progress: Any,
) -> dict[str, NDArray[Any]]:
    """Put new codes on the map that another job made.

    Args:
        model, data: the run's; not looked at.
        values: ``map``, the key of the job that made it, its ``method`` and ``seed``, and ``new``
            (M, d) as lists.
        progress: a worker's, which knows the results of other jobs.

    Returns:
        ``xy`` (M, dims).

    Raises:
        SpecError: if the method has no rule for new points.
    """
    progress(0.1, "the map is made ready for new points")
    found = progress.result(str(values["map"]))
    new = np.asarray(values["new"], dtype=np.float64)
    xy = embed_points(str(values["method"]), found["code"], found["xy"], int(values["seed"]), new)
    return {"xy": xy.astype(np.float32)}
