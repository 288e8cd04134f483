"""Maps of the codes in the plane: seeded, repeatable, and with their trustworthiness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genlab.data.base import Dataset, Progress
from genlab.errors import SpecError
from genlab.latent.codes import codes_of
from genlab.registry import JOBS

Array = NDArray[np.float64]
NEIGHBOURS = 10


@dataclass(frozen=True)
class Projection:
    """Points in the plane.

    Args:
        xy: (N, 2).
        explained: the share of the variance on each axis, NaN where the method has none.
    """

    xy: Array
    explained: tuple[float, float] = (float("nan"), float("nan"))


def pca(codes: NDArray[Any], seed: int = 0) -> Projection:  # noqa: ARG001 - one shape for all maps
    """Principal components by the singular value decomposition: X - mean = U S V', xy = U S.

    The sign of each axis is free; the entry of V with the largest size is made positive, so that
    the same codes give the same map on every machine. Source: Pearson 1901; Jolliffe 2002.

    Args:
        codes: (N, d).

    Example:
        >>> pca(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]])).xy[:, 0].round(6).tolist()
        [-2.0, 0.0, 2.0]
    """
    x = np.asarray(codes, dtype=np.float64)
    x = x - x.mean(axis=0)
    u, s, v = np.linalg.svd(x, full_matrices=False)
    largest = np.abs(v).argmax(axis=1)
    sign = np.where(v[np.arange(len(v)), largest] < 0, -1.0, 1.0)
    xy = np.zeros((len(x), 2))
    k = min(2, len(s))
    xy[:, :k] = (u * s * sign)[:, :k]
    total = float((s**2).sum())
    share = np.zeros(2)
    if total > 0:
        share[:k] = s[:k] ** 2 / total
    return Projection(xy, (float(share[0]), float(share[1])))


def tsne(codes: NDArray[Any], seed: int = 0) -> Projection:
    """t-SNE from the principal components, one thread, seeded: the same codes, the same map.

    Distances between clusters mean little on this map. Source: van der Maaten and Hinton 2008;
    started from PCA after Kobak and Berens 2019.

    Args:
        codes: (N, d).
        seed: of the optimiser.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    x = np.asarray(codes, dtype=np.float64)
    # Sums over several threads come in another order each time; one thread keeps the map fixed.
    with threadpool_limits(1):
        map_ = TSNE(
            init="pca" if min(x.shape) >= 2 else "random",
            perplexity=min(30.0, (len(x) - 1) / 3),
            learning_rate="auto",
            random_state=seed,
            n_jobs=1,
        )
        return Projection(np.asarray(map_.fit_transform(x), dtype=np.float64))


PROJECTIONS: Mapping[str, Callable[[NDArray[Any], int], Projection]] = {"pca": pca, "tsne": tsne}


def trustworthiness(codes: NDArray[Any], xy: Array, neighbours: int = NEIGHBOURS) -> float:
    """How far the map's neighbours are neighbours in the space too, 0 to 1 (1 is best).

    T(k) = 1 - 2/(n k (2n - 3k - 1)) sum_i sum_{j in map-only neighbours of i} (rank(i, j) - k), as
    scikit-learn computes it. Source: Venna and Kaski 2001.

    Args:
        codes: (N, d); xy: (N, 2).
        neighbours: k; made smaller where there are too few points.
    """
    from sklearn.manifold import trustworthiness as score

    k = max(1, min(neighbours, (len(xy) - 1) // 2))
    return float(score(np.asarray(codes, dtype=np.float64), xy, n_neighbors=k))


@JOBS.register("project", title="Map of the latent space")
def project(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, NDArray[Any]]:
    """Compute the codes of a model and their map.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``method`` (pca, tsne), ``n``, ``seed``, ``what`` (data, prior, both).
        progress: called with a fraction and a sentence.

    Returns:
        ``xy`` (N, 2), ``code`` (N, d), ``z`` (N, latent), ``label`` (N,), ``index`` (N,),
        ``explained`` (2,), ``trustworthiness`` () and ``neighbours`` ().

    Raises:
        SpecError: for a method or a choice of points that there is not.
    """
    method, what = str(values["method"]), str(values.get("what", "data"))
    if method not in PROJECTIONS:
        raise SpecError.unknown("method", method, PROJECTIONS)
    if what not in ("data", "prior", "both"):
        raise SpecError.unknown("what", what, ("data", "prior", "both"))
    n, seed = int(values["n"]), int(values["seed"])
    progress(0.05, "codes of the points")
    codes = codes_of(model, data, what, n, seed)  # type: ignore[arg-type]
    progress(0.3, f"{method} of {len(codes):,} points in {codes.code.shape[1]} dimensions")
    projection = PROJECTIONS[method](codes.code, seed)
    progress(0.9, "trustworthiness of the map")
    score = trustworthiness(codes.code, projection.xy)
    return {
        "xy": projection.xy.astype(np.float32),
        "code": codes.code,
        "z": codes.z,
        "label": codes.label,
        "index": codes.index,
        "explained": np.asarray(projection.explained),
        "trustworthiness": np.asarray(score),
        "neighbours": np.asarray(NEIGHBOURS),
    }
