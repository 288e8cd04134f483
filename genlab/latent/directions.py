"""Directions of a latent space: attribute directions, principal components, SeFa, saved vectors.

A direction is a unit vector of the latent space. An attribute's is the normal of a linear probe
that predicts the attribute from codes; the unsupervised ones come from the codes (PCA) or from the
generator's weights (SeFa). :mod:`genlab.latent.scores` scores them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import derive
from genlab.data.base import Dataset
from genlab.latent.attributes import PROBES, Array, Labelled, labelled_codes, probe
from genlab.latent.codes import Codes, decode_mean, prior_sample
from genlab.models.base import HasDecoder, HasEncoder, HasProbabilityPath

Kind = Literal["attribute", "principal", "sefa", "saved"]

#: The number of unsupervised directions of each kind.
FOUND = 6


#: What the unsupervised directions are called: the first word of the name -> what is read.
TITLES = {
    "principal": "principal direction {} (PCA)",
    "sefa": "steepest direction {} (SeFa)",
}


@dataclass(frozen=True)
class Score:
    """The gain of an attribute along a direction, relative to the change of identity.

    Args:
        attribute: its name.
        ratio: attribute gain per unit of identity change (see :mod:`genlab.latent.scores`).
        se: its standard error, by the delta method.
        gain: mean change of the attribute classifier's logit for a step of one ``spread``, in
            nats.
        change: mean identity change for such a step, in typical distances of two examples.
        n: codes at which the step was taken, in both directions.
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
        kind: how it was computed.
        spread: the codes' standard deviation along it: the natural step.
        note: what it is, with the numbers that belong to it.
        accuracy: of an attribute's probe on held-out codes; NaN without a probe.
        base: the accuracy of the most frequent answer, on the same codes.
        n: held-out codes of the accuracy, or codes from which the direction was computed.
        score: for the attribute with the best ratio; None if it was not scored.
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


def direction_title(name: str) -> str:
    """The title of a direction; links and saved vectors use the short name.

    Example:
        >>> direction_title("sefa 1"), direction_title("class 3")
        ('steepest direction 1 (SeFa)', 'class 3')
    """
    word, _, number = name.partition(" ")
    return TITLES[word].format(number) if word in TITLES and number.isdigit() else name


def _finite(codes: Codes) -> Array:
    """The latent codes of those points that have one."""
    return codes.z[np.isfinite(codes.z).all(axis=1)].astype(np.float64)


def _signed(rows: Array) -> Array:
    """Each row with its entry of largest size positive: the sign of an eigenvector is free."""
    peak = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return rows * np.where(peak < 0, -1.0, 1.0)[:, None]


def attribute_directions(known: Labelled, kind: str = "logistic") -> list[Direction]:
    """The normal of each attribute's probe; attributes without positive codes are left out."""
    fit, test_rows = slice(None, known.fitted), slice(known.fitted, None)
    found = []
    for k, name in enumerate(known.names):
        y = known.table[:, k]
        one = probe(known.z[fit], y[fit], known.z[test_rows], y[test_rows], kind)
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

    With an encoder, the principal components of the posterior means. The prior has no preferred
    directions, so without an encoder the components of the decoded examples are mapped to the
    latent space by least squares: u_j minimises Σᵢ ‖zᵢ − Σⱼ uⱼ sᵢⱼ‖² over the scores s. Source:
    Härkönen et al. 2020, "GANSpace: discovering interpretable GAN controls" (they take a hidden
    layer).

    Args:
        model: in evaluation mode, with a decoder.
        codes: of a map.
        k: at most so many.
        seed: of the draws, where the map has no generated points.
    """
    z = _finite(codes)
    inward = isinstance(model, HasEncoder)
    if len(z) < 3 or (not inward and len(z) < 2 * z.shape[1]):
        z = prior_sample(model, 1024, derive(seed, "principal")).double().numpy()
    x = (
        z
        if inward
        else decode_mean(model, torch.from_numpy(z).float()).flatten(1).double().numpy()
    )
    centred, codes_ = x - x.mean(axis=0), z - z.mean(axis=0)
    u, s, v = np.linalg.svd(centred, full_matrices=False)
    used = int((s > 1e-9 * max(float(s[0]), 1e-300)).sum())
    parts = min(k, used, z.shape[1])
    rows = v[:parts]
    if not inward:
        # Scores are orthogonal: least squares takes one at a time.
        rows = (u[:, :parts].T @ codes_) / s[:parts, None]
    share = s**2 / max(float((s**2).sum()), 1e-300)
    what = "of the codes" if inward else "of the decoded examples, mapped to z"
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
    """The weight of the first layer that reads z, (outputs, latent); None if no layer reads z
    directly.

    For a layer that reads the class too, the columns of the code. The net of a probability path
    reads every point of the path, not z alone: None.
    """
    if isinstance(model, HasProbabilityPath):
        return None
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

    Empty if no layer reads z directly. Source: Shen and Zhou 2021, "Closed-form factorization
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
    """The saved vectors that are directions of this latent space.

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


def _joined(found: list[Direction], more: list[Direction]) -> list[Direction]:
    """Both, with names that stay unique."""
    names = {one.name for one in found}
    return found + [
        dataclasses.replace(one, name=f"saved: {one.name}") if one.name in names else one
        for one in more
    ]


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
    """All named directions of a model, unscored: attributes, principal components, SeFa, saved.

    It takes about a second for a GAN on pictures; the job ``directions`` computes and scores them
    in the background, and :func:`directions_from` reads its result.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        codes: of a map; the principal components are theirs.
        saved: vectors saved with the run, ``{name, kind, vector, n, note}``.
        known: codes with labels, if they are already computed.
        kind: of the probes, a row of ``PROBES``.
        seed: of the choice of examples.
    """
    if not isinstance(model, HasDecoder):
        return []
    known = labelled_codes(model, data, seed) if known is None else known
    found = [] if known is None else attribute_directions(known, kind)
    found += principal(model, codes, seed=seed) + sefa(model)
    found = _joined(found, saved_directions(saved, model.latent))
    z = _finite(codes)
    return [_with_spread(one, z) for one in found]


def direction_from_vector(vector: Sequence[float], codes: Codes) -> Direction:
    """A direction given by its numbers.

    Raises:
        SpecError: if its size differs from that of the codes.
        GenlabError: for a vector of length 0, or with numbers that are not finite.
    """
    if len(vector) != codes.z.shape[1]:
        raise SpecError("vector", len(vector), f"allowed: {codes.z.shape[1]} numbers")
    return _with_spread(Direction("given", unit(vector), "saved"), _finite(codes))


def _with_spread(one: Direction, z: Array) -> Direction:
    """A direction without codes takes its spread from the codes of the map."""
    if one.kind not in ("sefa", "saved") or len(z) < 3:
        return one
    spread = float((z @ one.vector).std())
    return dataclasses.replace(one, spread=spread if spread > 0 else 1.0)


def directions_from(
    result: Mapping[str, Any], saved: Iterable[Mapping[str, Any]] = ()
) -> list[Direction]:
    """The directions in the result of the job ``directions``, and those saved with the run.

    The score of an attribute's direction is for that attribute; that of another direction for the
    attribute with the largest ratio, either way. A saved one has no score.

    Args:
        result: of the job.
        saved: ``{name, kind, vector, n, note}``.
    """
    words = list(result["attributes"])
    vectors = np.asarray(result["vectors"], dtype=np.float64)
    found = []
    for d, name in enumerate(result["names"]):
        row, one = np.asarray(result["ratio"])[d], None
        if np.isfinite(row).any():
            k = words.index(name) if name in words else int(np.nanargmax(np.abs(row)))
            value, se, gain = (
                float(np.asarray(result[word])[d][k]) for word in ("ratio", "se", "gain")
            )
            away = float(np.asarray(result["change"])[d])
            one = Score(words[k], value, se, gain, away, int(result["walked"]))
        found.append(
            Direction(
                name,
                vectors[d],
                result["kinds"][d],
                float(np.asarray(result["spreads"])[d]),
                result["notes"][d],
                float(np.asarray(result["accuracy"])[d]),
                float(np.asarray(result["base"])[d]),
                int(result["n"][d]),
                one,
            )
        )
    return _joined(found, saved_directions(saved, vectors.shape[1]))
