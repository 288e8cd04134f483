"""Arithmetic of codes, and directions of a latent space: named, found, saved, and scored.

A direction is a unit vector of the latent space. An attribute's is the normal of a linear probe
that predicts the attribute from codes; the unsupervised ones come from the codes (PCA) or from the
generator's weights (SeFa). Each is scored by how much of an attribute it brings for how much else
it changes, as two judges of the decoded examples see it, neither of which saw a code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from genlab.data.base import DataMeta, Dataset, Split
from genlab.errors import GenlabError, SpecError
from genlab.latent.codes import Codes, decoded, embed, held_out, pick, prior_sample
from genlab.models.base import HasDecoder, HasEncoder
from genlab.random import derive, scope

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Kind = Literal["attribute", "principal", "sefa", "saved"]

#: Codes on which probes are fitted, and those on which their accuracy is told.
FITTED, TOLD = 2000, 1000
#: Training examples among which a generated one looks for its neighbours, and how many vote.
KNOWN, VOTERS = 4000, 5
#: Principal components in which the judge of decoded examples is fitted.
PARTS = 50
#: Unsupervised directions of each sort.
FOUND = 6
#: Codes from which each direction is walked for its score.
WALKED = 64


@dataclass(frozen=True)
class Score:
    """What a direction brings of an attribute for what it changes.

    Args:
        attribute: its name.
        ratio: attribute gain per unit of identity change (see :func:`score`).
        se: its standard error, by the delta method.
        gain: mean change of the judge's logit for a step of one ``spread``, in nats.
        change: mean identity change for such a step, in typical distances of two examples.
        n: codes from which the step was made, both ways.
    """

    attribute: str
    ratio: float
    se: float
    gain: float
    change: float
    n: int


@dataclass(frozen=True)
class Direction:
    """A unit vector of the latent space, with its name.

    Args:
        name: unique among the directions of a run.
        vector: (latent,), of length 1.
        kind: how it came about.
        spread: the codes' standard deviation along it: the natural step.
        note: what it is, with the numbers that belong to it.
        accuracy: of an attribute's probe on held-out codes, NaN where there is no probe.
        base: the accuracy of the most frequent answer, on the same codes.
        n: held-out codes on which the accuracy was told, or codes it was found from.
        score: for the attribute it changes most cleanly; None where it was not scored.
    """

    name: str
    vector: Array
    kind: Kind
    spread: float = 1.0
    note: str = ""
    accuracy: float = float("nan")
    base: float = float("nan")
    n: int = 0
    score: Score | None = None


@dataclass(frozen=True)
class Mean:
    """The mean of a set of codes.

    Args:
        name: of the set.
        z: (latent,).
        n: codes in the set.
    """

    name: str
    z: Tensor
    n: int


@dataclass(frozen=True)
class Labelled:
    """Codes of which it is known what they show.

    Args:
        z: (N, latent).
        table: (N, A), whether a code shows an attribute.
        names: of the attributes.
        classes: how many of the attributes, the first ones, are the classes.
        fitted: the first so many codes are for fitting, the rest for telling accuracies.
        note: where codes and labels come from.
        accuracy: of the labels, where they were guessed; NaN where they are given.
    """

    z: Array
    table: Mask
    names: tuple[str, ...]
    classes: int
    fitted: int
    note: str
    accuracy: float = float("nan")


@dataclass(frozen=True)
class Probe:
    """A linear predictor of an attribute, logit(z) = w·z + b.

    Args:
        weight: w, (latent,); bias: b.
        accuracy: on held-out codes; balanced: the mean of both answers' accuracies there.
        base: the share of the most frequent answer there.
        n: held-out codes.
    """

    weight: Array
    bias: float
    accuracy: float
    balanced: float
    base: float
    n: int


def unit(vector: ArrayLike) -> Array:
    """The vector at length 1.

    Raises:
        GenlabError: for a vector of length 0, or with numbers that are not finite.

    Example:
        >>> unit([3.0, 4.0]).tolist()
        [0.6, 0.8]
    """
    v = np.asarray(vector, dtype=np.float64).ravel()
    length = float(np.linalg.norm(v))
    if not math.isfinite(length) or length == 0.0:
        raise GenlabError("a vector of length 0 has no direction; choose two different sets.")
    return v / length


def _signed(rows: Array) -> Array:
    """Each row with its entry of largest size positive: the sign of an eigenvector is free."""
    peak = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return rows * np.where(peak < 0, -1.0, 1.0)[:, None]


# --- arithmetic ----------------------------------------------------------------------------------


def mean_of(name: str, z: Tensor) -> Mean:
    """The mean of codes (n, latent).

    Raises:
        GenlabError: if there are none.
    """
    if not len(z):
        raise GenlabError(f"the set {name!r} holds no codes; choose another.")
    return Mean(name, z.double().mean(dim=0).float(), len(z))


def arithmetic(
    model: Any, a: Mean, b: Mean, c: Mean, length: float | None = None
) -> tuple[Tensor, Tensor]:
    """z = a − b + c, and what a, b, c and z decode to, (latent,) and (4, *data_shape).

    Of an affine decoder g the last is g(a) − g(b) + g(c). Source: Radford, Metz and Chintala 2016,
    section 6.3.2 (they take means of three codes).

    Args:
        model: with a decoder.
        a, b, c: means of sets.
        length: to which z is stretched; None leaves it as it is.
    """
    z = a.z - b.z + c.z
    if length is not None:
        z = z * (length / z.norm().clamp(min=1e-12))
    return z, decoded(model, torch.stack([a.z, b.z, c.z, z]))


def typical_length(model: HasDecoder, seed: int = 0, n: int = 1024) -> float:
    """The root mean square length of draws of the prior, √latent for N(0, I)."""
    return float(prior_sample(model, n, seed).square().sum(dim=1).mean().sqrt())


def typed_rows(text: str, size: int) -> list[int]:
    """Rows of a map from what was typed: numbers between commas or spaces, each once.

    Raises:
        SpecError: for anything but whole numbers below ``size``.

    Example:
        >>> typed_rows("3, 9 3", 10)
        [3, 9]
    """
    words = text.replace(",", " ").split()
    if not words or any(not word.isdigit() or int(word) >= size for word in words):
        allowed = f"allowed: numbers of points from 0 to {size - 1}, between commas"
        raise SpecError("points", text, allowed)
    return list(dict.fromkeys(int(word) for word in words))


# --- codes with labels ---------------------------------------------------------------------------


def attributes(meta: DataMeta, split: Split) -> tuple[tuple[str, ...], Mask, int]:
    """What can be asked of the examples of a split: their names, (n, A), how many are classes.

    Each class against the rest; of each further factor the upper half of its values against the
    lower.
    """
    names: list[str] = []
    columns: list[Mask] = []
    if split.y is not None and len(meta.classes) > 1:
        y = split.y.numpy()
        names += [f"class {name}" for name in meta.classes]
        columns += [y == k for k in range(len(meta.classes))]
    classes = len(names)
    if split.factors is not None:
        v = split.factors.numpy()
        for k, (name, size) in enumerate(meta.factors):
            if classes and split.y is not None and np.array_equal(v[:, k], split.y.numpy()):
                continue
            names.append(f"{name}, upper half")
            columns.append(v[:, k] >= size / 2)
    table = np.stack(columns, axis=1) if columns else np.zeros((len(split), 0), dtype=bool)
    return tuple(names), table, classes


def _part(data: Dataset, n: int, seed: int) -> Split:
    """n training examples, binarised where batches are."""
    rows = pick(n, len(data.train), derive(seed, "training examples"))
    x = data.train.x[rows]
    if data.draw is not None:
        with scope(seed, "training examples"):
            x = data.draw(x)
    return _rows(data.train, rows, x)


def _rows(split: Split, rows: Tensor, x: Tensor | None = None) -> Split:
    return Split(
        split.x[rows] if x is None else x,
        None if split.y is None else split.y[rows],
        None if split.factors is None else split.factors[rows],
    )


def vote(x: Tensor, known: Tensor, table: Mask, classes: int, voters: int = VOTERS) -> Mask:
    """The attributes of examples by their nearest known ones in data space, (n, A).

    The class that most of the neighbours have (the first of equals), and each other attribute that
    more than half have. Source: Cover and Hart 1967.

    Args:
        x: (n, ...); known: (N, ...); table: (N, A) of the known; classes: the first columns.
        voters: neighbours.
    """
    flat = known.flatten(1).float()
    near = [
        torch.cdist(piece, flat).topk(min(voters, len(flat)), largest=False).indices
        for piece in x.flatten(1).float().split(512)
    ]
    share = table[torch.cat(near).numpy()].mean(axis=1)
    found: Mask = share > 0.5
    if classes:
        winner = share[:, :classes].argmax(axis=1)
        found[:, :classes] = np.arange(classes) == winner[:, None]
    return found


def agreement(found: Mask, truth: Mask, classes: int) -> float:
    """The share of right answers: of classes where there are any, else over all attributes."""
    if classes:
        return float((found[:, :classes] == truth[:, :classes]).all(axis=1).mean())
    return float((found == truth).mean())


@torch.no_grad()
def labelled_codes(model: Any, data: Dataset, seed: int = 0) -> Labelled | None:
    """Codes with what they show; None where nothing is known of the data.

    With an encoder: the posterior means of training examples, to fit on, and of held-out ones.
    Without: draws of the prior, decoded and labelled by their nearest training examples; how often
    such labels are right is told on held-out examples.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        seed: of the choice of examples and of the draws.
    """
    names, _, classes = attributes(data.meta, held_out(data))
    if not names:
        return None
    rows = pick(TOLD, len(held_out(data)), seed)
    told = _rows(held_out(data), rows)
    truth = attributes(data.meta, told)[1]
    if isinstance(model, HasEncoder):
        known = _part(data, FITTED, seed)
        table = np.concatenate([attributes(data.meta, known)[1], truth])
        z = torch.cat([embed(model, part.x, part.y) for part in (known, told)])
        note = f"posterior means of {len(known):,} training and {len(told):,} held-out examples"
        return Labelled(z.double().numpy(), table, names, classes, len(known), note)
    known = _part(data, KNOWN, seed)
    table = attributes(data.meta, known)[1]
    right = agreement(vote(told.x, known.x, table, classes), truth, classes)
    z = prior_sample(model, FITTED + TOLD, derive(seed, "labelled codes"))
    shown = vote(decoded(model, z), known.x, table, classes)
    note = (
        f"{len(z):,} draws of the prior, decoded and labelled by their {VOTERS} nearest of "
        f"{len(known):,} training examples (such labels are right for {right:.1%} of "
        f"{len(told):,} held-out examples)"
    )
    return Labelled(z.double().numpy(), shown, names, classes, FITTED, note, right)


# --- directions ----------------------------------------------------------------------------------


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def _discriminant() -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis()


#: Linear probes: name -> (title, scikit-learn's estimator at its defaults).
PROBES: Mapping[str, tuple[str, Callable[[], Any]]] = {
    "logistic": ("logistic regression", _logistic),
    "lda": ("linear discriminant", _discriminant),
}


def probe(
    z: ArrayLike, y: ArrayLike, z_told: ArrayLike, y_told: ArrayLike, kind: str = "logistic"
) -> Probe | None:
    """Fit a linear probe of an attribute and tell its accuracy on other codes.

    None where one of the two answers is missing among the codes to fit on, or where there are no
    codes to tell it on. Source of attribute directions as normals of linear boundaries: Shen et
    al. 2020, "Interpreting the latent space of GANs for semantic face editing".

    Args:
        z: (N, latent); y: (N,) of truth values, to fit on.
        z_told, y_told: to tell the accuracy on.
        kind: a row of ``PROBES``.

    Raises:
        SpecError: for a kind that there is not.
    """
    if kind not in PROBES:
        raise SpecError.unknown("probe", kind, PROBES)
    z, z_told = np.asarray(z, dtype=np.float64), np.asarray(z_told, dtype=np.float64)
    y, y_told = np.asarray(y, dtype=bool), np.asarray(y_told, dtype=bool)
    if min(int(y.sum()), int((~y).sum())) < 2 or not len(y_told):
        return None
    fit = PROBES[kind][1]().fit(z, y)
    right = fit.predict(z_told) == y_told
    sides = [
        float(right[y_told == side].mean()) for side in (True, False) if (y_told == side).any()
    ]
    share = float(y_told.mean())
    return Probe(
        fit.coef_[0],
        float(fit.intercept_[0]),
        float(right.mean()),
        float(np.mean(sides)),
        max(share, 1.0 - share),
        len(y_told),
    )


def attribute_directions(known: Labelled, kind: str = "logistic") -> list[Direction]:
    """For each attribute the normal of its probe; attributes that no code shows are left out."""
    fit, told = slice(None, known.fitted), slice(known.fitted, None)
    found = []
    for k, name in enumerate(known.names):
        y = known.table[:, k]
        one = probe(known.z[fit], y[fit], known.z[told], y[told], kind)
        if one is None or not np.any(one.weight):
            continue
        vector = unit(one.weight)
        note = (
            f"normal of a {PROBES[kind][0]}: held-out accuracy {one.accuracy:.1%} (a guess: "
            f"{one.base:.1%}; balanced {one.balanced:.1%}), n = {one.n:,}"
        )
        spread = float((known.z @ vector).std())
        found.append(
            Direction(name, vector, "attribute", spread, note, one.accuracy, one.base, one.n)
        )
    return found


def principal(model: Any, codes: Codes, k: int = FOUND, seed: int = 0) -> list[Direction]:
    """The directions of largest variance: of the codes, or of what they decode to.

    With an encoder the principal components of the posterior means. Draws of the prior have none,
    so without an encoder those of the decoded examples, brought back to the latent space by least
    squares: u_j minimises Σᵢ ‖zᵢ − Σⱼ uⱼ sᵢⱼ‖² over the scores s. Source: Härkönen et al. 2020,
    "GANSpace: discovering interpretable GAN controls" (they take a hidden layer).

    Args:
        model: in evaluation mode, with a decoder.
        codes: of a map.
        k: at most so many.
        seed: of the draws, where the map has no generated points.
    """
    z = codes.z[np.isfinite(codes.z).all(axis=1)].astype(np.float64)
    inward = isinstance(model, HasEncoder)
    if len(z) < 3 or (not inward and len(z) < 2 * z.shape[1]):
        z = prior_sample(model, 1024, derive(seed, "principal")).double().numpy()
    x = z if inward else decoded(model, torch.from_numpy(z).float()).flatten(1).double().numpy()
    centred, codes_ = x - x.mean(axis=0), z - z.mean(axis=0)
    u, s, v = np.linalg.svd(centred, full_matrices=False)
    used = int((s > 1e-9 * max(float(s[0]), 1e-300)).sum())
    parts = min(k, used, z.shape[1])
    rows = v[:parts]
    if not inward:
        # Scores are orthogonal: least squares takes one at a time.
        rows = (u[:, :parts].T @ codes_) / s[:parts, None]
    share = s**2 / max(float((s**2).sum()), 1e-300)
    what = "of the codes" if inward else "of the decoded examples, brought back to z"
    found = []
    for j, row in enumerate(_signed(rows)):
        if not np.any(row):
            continue
        vector = unit(row)
        note = f"principal component {what}: {share[j]:.1%} of the variance, n = {len(z):,}"
        name, spread = f"principal {j + 1}", float((codes_ @ vector).std())
        found.append(Direction(name, vector, "principal", spread, note, n=len(z)))
    return found


@torch.no_grad()
def first_layer(model: Any) -> Tensor | None:
    """The weight of the first layer that reads z, (outputs, latent); None if none reads it as is.

    A layer that reads the class beside the code gives its columns of the code.
    """
    z = torch.linspace(-1.0, 1.0, model.latent).sub(0.03).unsqueeze(0)
    seen: list[nn.Module] = []

    def look(module: nn.Module, given: tuple[Any, ...]) -> None:
        if seen or not given or not isinstance(given[0], Tensor):
            return
        flat = given[0].reshape(len(given[0]), -1) if given[0].dim() else given[0].view(1, 1)
        if flat.shape[1] >= model.latent and torch.equal(flat[:1, : model.latent], z):
            seen.append(module)

    hooks = [module.register_forward_pre_hook(look) for module in model.modules()]
    try:
        model.decode(z)
    finally:
        for hook in hooks:
            hook.remove()
    for module in seen[0].modules() if seen else ():
        if isinstance(module, nn.Linear):
            return module.weight[:, : model.latent].double()
        if isinstance(module, nn.ConvTranspose2d):
            inputs = module.weight.shape[0]
            return (
                module.weight.permute(1, 2, 3, 0).reshape(-1, inputs)[:, : model.latent].double()
            )
    return None


def sefa(model: Any, k: int = FOUND) -> list[Direction]:
    """The directions that change the generator's first layer most, in closed form.

        n* = arg max over ‖n‖ = 1 of ‖W n‖²: the eigenvectors of WᵀW with the largest eigenvalues.

    Empty where no layer reads z as it is. Source: Shen and Zhou 2021, "Closed-form factorization
    of latent semantics in GANs", equations 4 to 6.

    Args:
        model: in evaluation mode, with a decoder.
        k: at most so many.
    """
    weight = first_layer(model)
    if weight is None:
        return []
    gram = (weight.T @ weight).numpy()
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(-values, kind="stable")[:k]
    total = max(float(values.sum()), 1e-300)
    return [
        Direction(
            f"sefa {j + 1}",
            vector,
            "sefa",
            1.0,
            f"eigenvector {j + 1} of WᵀW of the first layer: {values[i] / total:.1%} of its trace "
            "(exact)",
        )
        for j, (i, vector) in enumerate(zip(order, _signed(vectors.T[order]), strict=True))
    ]


def saved_directions(saved: Iterable[Mapping[str, Any]], latent: int) -> list[Direction]:
    """Those of the saved vectors that are directions of this latent space.

    Args:
        saved: ``{name, kind: "set" or "direction", vector, n, note}``.
        latent: size of the code.
    """
    found = []
    for row in saved:
        vector = np.asarray(row["vector"], dtype=np.float64).ravel()
        if row.get("kind") != "direction" or vector.shape != (latent,):
            continue
        if np.isfinite(vector).all() and np.any(vector):
            note, n = str(row.get("note") or ""), int(row.get("n") or 0)
            found.append(Direction(str(row["name"]), unit(vector), "saved", 1.0, note, n=n))
    return found


def named_directions(
    model: Any,
    data: Dataset,
    codes: Codes,
    saved: Iterable[Mapping[str, Any]] = (),
    *,
    known: Labelled | None = None,
    kind: str = "logistic",
    seed: int = 0,
) -> list[Direction]:
    """All directions of a model that have a name: attributes, principal, SeFa, saved; unscored.

    It takes about a second for a GAN on pictures; the job ``directions`` finds and scores them off
    the request path, and :func:`directions_from` reads its result.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        codes: of a map; the principal components are theirs.
        saved: vectors saved with the run, ``{name, kind, vector, n, note}``.
        known: codes with labels, where they have been made already.
        kind: of the probes, a row of ``PROBES``.
        seed: of the choice of examples.
    """
    if not isinstance(model, HasDecoder):
        return []
    known = labelled_codes(model, data, seed) if known is None else known
    found = [] if known is None else attribute_directions(known, kind)
    found += principal(model, codes, seed=seed) + sefa(model)
    spreads = [*found, *saved_directions(saved, model.latent)]
    z = codes.z[np.isfinite(codes.z).all(axis=1)].astype(np.float64)
    return [_with_spread(one, z) for one in spreads]


def _with_spread(one: Direction, z: Array) -> Direction:
    """A direction that knows no codes takes its spread from those of the map."""
    import dataclasses

    if one.kind not in ("sefa", "saved") or len(z) < 3:
        return one
    spread = float((z @ one.vector).std())
    return dataclasses.replace(one, spread=spread if spread > 0 else 1.0)
