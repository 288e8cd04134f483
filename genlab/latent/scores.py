"""Scores of a direction: the change of an attribute per change of identity.

Two judges of the decoded examples tell it, neither of which saw a code: a linear predictor of the
attributes from data, and a space of features in which distances stand for identity.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.core.errors import GenlabError, SpecError
from genlab.core.random import derive, scope
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.attributes import (
    PROBE_TEST,
    PROBE_TRAIN,
    PROBES,
    Array,
    attributes,
    labelled_codes,
    probe,
    rows_of,
    training_part,
)
from genlab.latent.codes import codes_of, decode_mean, held_out, pick_held_out
from genlab.latent.directions import direction_from_vector, named_directions
from genlab.models.base import HasCritic, HasDecoder, HasEncoder
from genlab.models.labels import conditioned_on_class
from genlab.probes.common import frozen_batchnorm

#: Principal components in which the judge of decoded examples is fitted.
PARTS = 50
#: Codes from which each direction is walked for its score.
WALKED = 64


@dataclass(frozen=True)
class AttributeClassifier:
    """A linear predictor of attributes from data, logit_a(x) = w_a·x + b_a, in nats.

    Args:
        weight: (dim, A); bias: (A,); 0 for an attribute that its examples did not show.
        accuracy, base: (A,) on held-out examples, and of the most frequent answer there.
        n: held-out examples.
    """

    weight: Array
    bias: Array
    accuracy: Array
    base: Array
    n: int

    def logits(self, x: Tensor) -> Array:
        """The logits of examples, (B, *data_shape) -> (B, A)."""
        found: Array = x.flatten(1).double().numpy() @ self.weight + self.bias
        return found


def probe_attributes(data: Dataset, seed: int = 0) -> AttributeClassifier:
    """Logistic regressions on the principal components of labelled training examples.

    It never sees a code, so what it says of decoded examples is no echo of the probes.

    Args:
        data: with classes or factors.
        seed: of the choice of examples.
    """
    from sklearn.decomposition import PCA

    known = training_part(data, PROBE_TRAIN, derive(seed, "judge"))
    test_part = rows_of(
        held_out(data), pick_held_out(PROBE_TEST, len(held_out(data)), derive(seed, "judge"))
    )
    table, truth = (attributes(data.meta, part)[1] for part in (known, test_part))
    x, x_test = (part.x.flatten(1).double().numpy() for part in (known, test_part))
    parts = PCA(min(PARTS, *x.shape), svd_solver="full").fit(x)
    weight, bias = np.zeros((x.shape[1], table.shape[1])), np.zeros(table.shape[1])
    accuracy, base = np.full((2, table.shape[1]), np.nan)
    scores, scores_test = parts.transform(x), parts.transform(x_test)
    for k in range(table.shape[1]):
        one = probe(scores, table[:, k], scores_test, truth[:, k])
        if one is not None:
            weight[:, k] = parts.components_.T @ one.weight
            bias[k] = one.bias - float(parts.mean_ @ weight[:, k])
            accuracy[k], base[k] = one.accuracy, one.base
    return AttributeClassifier(weight, bias, accuracy, base, len(test_part))


def measure_step(
    decode: Callable[[Tensor], Tensor],
    features: Callable[[Tensor], Tensor],
    judged: Callable[[Tensor], Array],
    z: Tensor,
    step: Tensor,
) -> tuple[Array, Array]:
    """What a step both ways along a direction does to attributes and to identity, code by code.

        gain_i   = ½ (logit(g(z_i + s v)) − logit(g(z_i − s v)))
        change_i = ½ (‖φ(g(z_i + s v)) − φ(g(z_i))‖ + ‖φ(g(z_i − s v)) − φ(g(z_i))‖)

    Args:
        decode: g, codes to examples.
        features: φ, examples to the space of identity, (B, f).
        judged: examples to logits, (B, A).
        z: (n, latent) codes from which the steps are made.
        step: s v, (latent,).

    Returns:
        The gains (n, A) in nats, and the changes (n,) in units of φ.
    """
    ahead, back = decode(z + step), decode(z - step)
    here = features(decode(z)).double()
    gain = 0.5 * (judged(ahead) - judged(back))
    away = [(features(x).double() - here).norm(dim=1) for x in (ahead, back)]
    return gain, (0.5 * (away[0] + away[1])).numpy()


def ratio(gain: Array, change: Array) -> tuple[Array, Array]:
    """Mean gain per mean change, and its standard error by the delta method.

        r = ḡ / c̄,   SE = sd(g_i − r c_i) / (c̄ √n).

    Source: Cochran 1977, "Sampling techniques", section 6.4.

    Args:
        gain: (n, A); change: (n,).

    Example:
        >>> ratio(np.array([[2.0], [4.0]]), np.array([1.0, 2.0]))[0].tolist()
        [2.0]
    """
    mean = float(change.mean())
    if mean <= 0.0:
        return np.full(gain.shape[1], np.nan), np.full(gain.shape[1], np.nan)
    value = gain.mean(axis=0) / mean
    rest = gain - value * change[:, None]
    return value, rest.std(axis=0, ddof=1) / (mean * math.sqrt(len(change)))


def identity(model: Any) -> tuple[str, Callable[[Tensor], Tensor]]:
    """The space in which a change of identity is told: its name, and the way there.

    The critic's last hidden layer where there is a critic, else the data themselves: neither is
    the space of the codes.
    """
    if isinstance(model, HasCritic):
        net = model
        return "critic feature", lambda x: net.features(x).flatten(1)
    return "data", lambda x: x.flatten(1)


@JOBS.register("directions", title="Directions and their scores")
@torch.no_grad()
def directions_job(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """The named directions of a model with their scores, and the mean code of each attribute.

    A score is the attribute's gain in the logit of the probe (:func:`probe_attributes`), per unit
    of identity change; the unit is the mean distance of two decoded examples in the space of
    :func:`identity`. Steps are of one ``spread``, from codes on which no probe was fitted.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        values: ``seed``; ``probe``, a row of ``PROBES``; ``label``, a class by name, or None;
            ``vector``, where one direction alone is to be scored, (latent,) numbers, or None.
        progress: called with a fraction and a sentence.

    Returns:
        What :func:`genlab.latent.directions.directions_from` reads; ``attributes``, their mean
        codes ``means`` (A, latent) of ``counts`` (A,) codes; ``ratio``, ``se`` and ``gain``
        (D, A), ``change`` (D,), ``walked``, ``identity``, ``source``, ``guessed``, ``judge`` (A,),
        ``judged``.

    Raises:
        GenlabError: if the model has no decoder, or the vector has no direction.
        SpecError: for a vector of another size, or a probe that there is not.
    """
    if not isinstance(model, HasDecoder):
        raise GenlabError("this model has no decoder: its latent space has no directions.")
    seed, kind = int(values.get("seed", 0)), str(values.get("probe") or "logistic")
    if kind not in PROBES:
        raise SpecError.unknown("probe", kind, PROBES)
    net: Any = conditioned_on_class(model, values.get("label"))  # type: ignore[type-var]
    progress(0.02, "codes with labels")
    known = labelled_codes(net, data, seed)
    progress(0.3, "probes, principal components, SeFa")
    codes = codes_of(
        net, data, "data" if isinstance(net, HasEncoder) else "prior", PROBE_TEST, seed
    )
    if values.get("vector") is None:
        found = named_directions(net, data, codes, known=known, kind=kind, seed=seed)
    else:
        found = [direction_from_vector(values["vector"], codes)]
    shape = (len(found), 0 if known is None else len(known.names))
    value, error, gains = np.full((3, *shape), np.nan)
    change = np.full(shape[0], np.nan)
    name, features = identity(net)
    counts, means = np.zeros(shape[1], dtype=np.int64), np.zeros((shape[1], net.latent))
    classifier = None
    n = 0
    if known is not None:
        for k in range(shape[1]):
            one = known.z[known.table[:, k]]
            counts[k], means[k] = len(one), one.mean(axis=0) if len(one) else np.nan
        progress(0.4, "a judge of decoded examples")
        classifier = probe_attributes(data, seed)
        z = torch.from_numpy(known.z[known.fitted :][:WALKED]).float()
        n = len(z)
        with contextlib.ExitStack() as stack:
            with scope(seed, "reference batch"):
                stack.enter_context(frozen_batchnorm(net, data))
            apart = torch.pdist(features(decode_mean(net, z)).double()).mean()
            for d, direction in enumerate(found):
                progress(0.5 + 0.5 * d / len(found), f"walks along {direction.name}")
                step = torch.from_numpy(direction.spread * direction.vector).float()
                gain, away = measure_step(
                    lambda code: decode_mean(net, code), features, classifier.logits, z, step
                )
                away = away / max(float(apart), 1e-12)
                value[d], error[d] = ratio(gain, away)
                gains[d], change[d] = gain.mean(axis=0), away.mean()
    return {
        "names": [one.name for one in found],
        "kinds": [one.kind for one in found],
        "notes": [one.note for one in found],
        "vectors": np.array([one.vector for one in found]).reshape(-1, net.latent),
        "spreads": np.array([one.spread for one in found]),
        "accuracy": np.array([one.accuracy for one in found]),
        "base": np.array([one.base for one in found]),
        "n": [one.n for one in found],
        "attributes": [] if known is None else list(known.names),
        "means": means,
        "counts": counts,
        "ratio": value,
        "se": error,
        "gain": gains,
        "change": change,
        "walked": n,
        "identity": name,
        "source": "" if known is None else known.note,
        "guessed": np.asarray(float("nan") if known is None else known.accuracy),
        "judge": np.zeros(0) if classifier is None else classifier.accuracy,
        "judged": 0 if classifier is None else classifier.n,
    }
