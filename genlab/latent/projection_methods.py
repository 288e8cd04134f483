"""The methods of maps: PCA, t-SNE, UMAP and those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


#: Told after some iterations (iteration, of, positions so far); False: stop here.
Watch = Callable[[int, int, Array], bool]


#: From new codes (M, d) to their places on an existing map (M, dims).
Place = Callable[[NDArray[Any]], Array]


NEIGHBOURS = 10


#: t-SNE: iterations under exaggeration, then without it; in all when started from another map.
EARLY, LATE, WARM = 250, 750, 250


EVERY = 25


DIMS = (2, 3)


@dataclass(frozen=True)
class Projection:
    """Points of a map.

    Args:
        xy: (N, dims).
        explained: the share of the variance on each axis, NaN where the method has none.
        iterations: how many were made, 0 where there are none.
        stopped: whether it was stopped before it had settled.
        loss: what the method made small, at its end (t-SNE: the KL divergence in nats), or NaN.
    """

    xy: Array
    explained: tuple[float, ...] = (float("nan"), float("nan"))
    iterations: int = 0
    stopped: bool = False
    loss: float = float("nan")


@dataclass(frozen=True)
class Method:
    """A row of the table of projections.

    Args:
        title: as the page shows it.
        fit: ``fit(codes, seed, dims, init, watch) -> Projection``; ``init`` (N, dims) is a map to
            start from, or None.
        embed: ``embed(codes, xy, seed) -> Place``: puts new codes on an existing map; None where
            the method has no rule for that, and ``alone`` says why.
        most: points at most; above it time or memory grow out of hand.
        start: whether ``init`` is used; the other methods have no memory of an earlier map.
    """

    title: str
    fit: Callable[[NDArray[Any], int, int, Array | None, Watch | None], Projection]
    embed: Callable[[NDArray[Any], Array, int], Place] | None = None
    most: int = 10_000
    start: bool = False
    alone: str = ""


def _axes(codes: NDArray[Any], dims: int) -> tuple[Array, Array, Array, Array]:
    """Mean (d,), axes (dims, d), scores (N, dims) and shares (dims,) of the variance."""
    x = np.asarray(codes, dtype=np.float64)
    mean = x.mean(axis=0)
    u, s, v = np.linalg.svd(x - mean, full_matrices=False)
    largest = np.abs(v).argmax(axis=1)
    sign = np.where(v[np.arange(len(v)), largest] < 0, -1.0, 1.0)
    k = min(dims, len(s))
    axes, scores, share = np.zeros((dims, x.shape[1])), np.zeros((len(x), dims)), np.zeros(dims)
    axes[:k] = (v * sign[:, None])[:k]
    scores[:, :k] = (u * s * sign)[:, :k]
    total = float((s**2).sum())
    if total > 0:
        share[:k] = s[:k] ** 2 / total
    return mean, axes, scores, share


def pca(
    codes: NDArray[Any],
    seed: int = 0,  # noqa: ARG001 - one shape for all maps
    dims: int = 2,
    init: Array | None = None,  # noqa: ARG001
    watch: Watch | None = None,  # noqa: ARG001
) -> Projection:
    """Principal components by the singular value decomposition: X - mean = U S V', xy = U S.

    The sign of each axis is free; the entry of V with the largest size is made positive, so that
    the same codes give the same map on every machine. Source: Pearson 1901; Jolliffe 2002.

    Args:
        codes: (N, d).
        dims: 2 or 3.

    Example:
        >>> pca(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]])).xy[:, 0].round(6).tolist()
        [-2.0, 0.0, 2.0]
    """
    _, _, scores, share = _axes(codes, dims)
    return Projection(scores, tuple(float(s) for s in share))


def pca_embed(codes: NDArray[Any], xy: Array, seed: int = 0) -> Place:  # noqa: ARG001
    """Places of new codes on the map of :func:`pca`: xy = (x - mean) V'."""
    mean, axes, _, _ = _axes(codes, xy.shape[1])
    return lambda new: (np.asarray(new, dtype=np.float64) - mean) @ axes.T


def pca_inverse(codes: NDArray[Any], at: Array) -> Array:
    """The codes that lie under points of the map of :func:`pca`: x = mean + xy V.

    Args:
        codes: (N, d), those of the map.
        at: (M, dims) points of the map.
    """
    mean, axes, _, _ = _axes(codes, at.shape[1])
    return np.asarray(mean + np.asarray(at, dtype=np.float64) @ axes)


def _affinities(x: Array, seed: int) -> Any:
    from openTSNE.affinity import PerplexityBasedNN

    return PerplexityBasedNN(
        x,
        perplexity=min(30.0, (len(x) - 1) / 3),
        method="exact",
        n_jobs=1,
        random_state=seed,
    )


def kl_divergence(p: Any, xy: Array) -> float:
    """KL(p || q) of a map of t-SNE in nats, over all pairs of points; never negative.

    KL = sum_ij p_ij log(p_ij / q_ij) with q_ij = w_ij / sum_kl w_kl, w_ij = 1/(1 + |y_i - y_j|^2),
    i != j. The optimiser's own value estimates the sum of w by Barnes-Hut and may be negative.

    Args:
        p: (N, N) sparse, symmetric; divided by its sum here.
        xy: (N, dims).

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> line = np.array([[0.0], [1.0]])
        >>> kl_divergence(csr_matrix(np.array([[0.0, 0.5], [0.5, 0.0]])), line)
        0.0
    """
    pairs = p.tocoo()
    off = pairs.row != pairs.col
    i, j, value = pairs.row[off], pairs.col[off], pairs.data[off].astype(np.float64)
    value = value / value.sum()
    kept = value > 0
    i, j, value = i[kept], j[kept], value[kept]
    total = 0.0
    for first in range(0, len(xy), 500):
        block = xy[first : first + 500]
        apart = ((block[:, None] - xy[None]) ** 2).sum(axis=2)
        total += float((1.0 / (1.0 + apart)).sum())
    # A point and itself are no pair.
    total -= len(xy)
    near = -np.log1p(((xy[i] - xy[j]) ** 2).sum(axis=1))
    return max(0.0, float((value * (np.log(value) - near)).sum() + np.log(total)))


def tsne(
    codes: NDArray[Any],
    seed: int = 0,
    dims: int = 2,
    init: Array | None = None,
    watch: Watch | None = None,
) -> Projection:
    """t-SNE from the principal components: min over y of KL(p || q), q_ij ~ 1/(1 + |y_i - y_j|^2).

    One thread and exact neighbours: the same codes, the same map. The gradient is Barnes-Hut's.
    From another map it goes on without exaggeration, so that clusters keep their places.
    Distances between clusters mean little on this map. Source: van der Maaten and Hinton 2008;
    van der Maaten 2014; started from PCA after Kobak and Berens 2019.

    Args:
        codes: (N, d).
        seed: of the optimiser.
        dims: 2 or 3.
        init: (N, dims) a map to go on from.
        watch: told every 25 iterations; it may stop them.
    """
    from openTSNE import TSNEEmbedding
    from threadpoolctl import threadpool_limits

    x = np.asarray(codes, dtype=np.float64)
    done, reached, stopped = 0, 0, False

    def tell(iteration: int, error: float, y: Any) -> bool:  # noqa: ARG001 - openTSNE's shape
        nonlocal reached, stopped
        reached = done + iteration
        stopped = watch is not None and not watch(reached, total, np.array(y, dtype=np.float64))
        return stopped

    total = EARLY + LATE if init is None else WARM
    phases = [(EARLY, 12.0, 0.5), (LATE, 1.0, 0.8)] if init is None else [(WARM, 1.0, 0.8)]
    # Sums over several threads come in another order each time; one thread keeps the map fixed.
    with threadpool_limits(1):
        start = init
        if start is None:
            start = pca(x, dims=dims).xy
            start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
        y = TSNEEmbedding(
            np.array(start, dtype=np.float64),
            _affinities(x, seed),
            negative_gradient_method="bh",
            random_state=seed,
            n_jobs=1,
            learning_rate=max(len(x) / 12.0, 200.0),
            callbacks=[tell],
            callbacks_every_iters=EVERY,
        )
        for n, exaggeration, momentum in phases:
            y.optimize(n, exaggeration=exaggeration, momentum=momentum, inplace=True)
            if stopped:
                break
            done += n
    xy = np.array(y, dtype=np.float64)
    loss = kl_divergence(y.affinities.P, xy)
    return Projection(xy, (float("nan"),) * dims, reached, stopped, loss)


def tsne_embed(codes: NDArray[Any], xy: Array, seed: int = 0) -> Place:
    """Places of new codes on a map of :func:`tsne`: the old points stay, the new ones settle.

    Source: Poličar, Stražar and Zupan 2023 (openTSNE).
    """
    from openTSNE import TSNEEmbedding
    from threadpoolctl import threadpool_limits

    x = np.asarray(codes, dtype=np.float64)
    with threadpool_limits(1):
        known = TSNEEmbedding(
            np.array(xy, dtype=np.float64),
            _affinities(x, seed),
            negative_gradient_method="bh",
            random_state=seed,
            n_jobs=1,
        )

    def embed_job(new: NDArray[Any]) -> Array:
        with threadpool_limits(1):
            k = min(5, max(1, (len(x) - 1) // 3))
            found = known.prepare_partial(np.asarray(new, dtype=np.float64), perplexity=k)
            # Small steps and some exaggeration: a point settles beside its own neighbours.
            found.optimize(
                WARM, learning_rate=0.1, exaggeration=4.0, max_grad_norm=0.25, inplace=True
            )
        return np.array(found, dtype=np.float64)

    return embed_job


def _umap(n: int, seed: int, dims: int, init: Array | None) -> Any:
    from umap import UMAP

    return UMAP(
        n_components=dims,
        n_neighbors=max(2, min(15, n - 1)),
        init="pca" if init is None else init.astype(np.float32),
        n_epochs=None if init is None else 100,
        random_state=seed,
        n_jobs=1,
    )


def umap(
    codes: NDArray[Any],
    seed: int = 0,
    dims: int = 2,
    init: Array | None = None,
    watch: Watch | None = None,  # noqa: ARG001
) -> Projection:
    """UMAP: the cross-entropy between two fuzzy graphs of neighbours made small.

    Source: McInnes, Healy and Melville 2018.

    Args:
        codes: (N, d).
        seed: of the optimiser.
        dims: 2 or 3.
        init: (N, dims) a map to go on from.
    """
    x = _wide(np.asarray(codes, dtype=np.float32), dims)
    xy = _umap(len(x), seed, dims, init).fit_transform(x)
    return Projection(np.asarray(xy, dtype=np.float64), (float("nan"),) * dims)


def umap_embed(codes: NDArray[Any], xy: Array, seed: int = 0) -> Place:
    """Places of new codes on a map of :func:`umap`, which is fitted again for that."""
    dims = xy.shape[1]
    x = _wide(np.asarray(codes, dtype=np.float32), dims)
    fitted = _umap(len(x), seed, dims, None).fit(x)

    def embed_job(new: NDArray[Any]) -> Array:
        wide = _wide(np.asarray(new, np.float32), dims)
        return np.asarray(fitted.transform(wide), np.float64)

    return embed_job


def _wide(x: NDArray[Any], dims: int) -> NDArray[Any]:
    """Codes of fewer dimensions than the map has axes, with axes of zeros: distances stay."""
    more = max(0, dims - x.shape[1])
    return np.pad(x, ((0, 0), (0, more))) if more else x


def transformer(
    title: str, build: Callable[[Array, int, int], Any], *, alone: str = "", most: int = 10_000
) -> Method:
    """A row from a transformer of scikit-learn.

    Args:
        title: as the page shows it.
        build: ``build(codes, dims, seed)`` gives the transformer.
        alone: why it has no ``transform`` for new points; empty where it has one.
        most: points at most.
    """

    def fit(
        codes: NDArray[Any],
        seed: int = 0,
        dims: int = 2,
        init: Array | None = None,  # noqa: ARG001
        watch: Watch | None = None,  # noqa: ARG001
    ) -> Projection:
        from threadpoolctl import threadpool_limits

        x = np.asarray(codes, dtype=np.float64)
        with threadpool_limits(1):
            xy = np.asarray(build(x, dims, seed).fit_transform(x), dtype=np.float64)
        # A method that finds fewer axes than asked for leaves the others flat.
        wide = np.zeros((len(x), dims))
        wide[:, : xy.shape[1]] = xy[:, :dims]
        return Projection(wide, (float("nan"),) * dims)

    def embed_points(codes: NDArray[Any], xy: Array, seed: int = 0) -> Place:
        x = np.asarray(codes, dtype=np.float64)
        fitted = build(x, xy.shape[1], seed).fit(x)
        return lambda new: np.asarray(fitted.transform(np.asarray(new, np.float64)))

    return Method(title, fit, None if alone else embed_points, most, alone=alone)


def isomap(x: Array, dims: int, seed: int) -> Any:  # noqa: ARG001 - one shape for all
    """Isomap of scikit-learn (Tenenbaum, de Silva and Langford 2000)."""
    from sklearn.manifold import Isomap

    return Isomap(n_neighbors=max(2, min(12, len(x) - 1)), n_components=dims, n_jobs=1)


def mds(x: Array, dims: int, seed: int) -> Any:
    """Metric multidimensional scaling of scikit-learn (Kruskal 1964)."""
    from sklearn.manifold import MDS

    return MDS(
        n_components=dims,
        n_init=1,
        # n points have n - 1 classical coordinates that are not zero.
        init="classical_mds" if len(x) > dims else "random",
        random_state=seed,
        normalized_stress=False,
    )


def kernel_pca(x: Array, dims: int, seed: int) -> Any:
    """Kernel PCA of scikit-learn (Schölkopf, Smola and Müller 1998)."""
    from sklearn.decomposition import KernelPCA

    # The width of the kernel is the spread of the points: 1/d of scikit-learn knows no scale.
    gamma = 1.0 / max(2.0 * float(x.var(axis=0).sum()), 1e-12)
    return KernelPCA(n_components=dims, kernel="rbf", gamma=gamma, random_state=seed, n_jobs=1)


def random_projection(x: Array, dims: int, seed: int) -> Any:  # noqa: ARG001
    """A Gaussian random projection of scikit-learn (Dasgupta 2000)."""
    from sklearn.random_projection import GaussianRandomProjection

    return GaussianRandomProjection(n_components=dims, random_state=seed)
