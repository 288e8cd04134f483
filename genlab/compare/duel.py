"""The duel: a VAE and a GAN whose decoder and generator are the same network.

Both have the same decoder net, layer by layer, the same latent size, data, batches, seed and
number of steps. Three things differ: the loss, the second network (the encoder of the VAE has
2 · latent outputs, the critic of the GAN has one), and the settings of the optimiser, which are
each model's usual ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from genlab import models
from genlab.core.errors import SpecError
from genlab.core.random import scope
from genlab.core.run_spec import Combination, RunSpec, models_for
from genlab.core.tables import DATASETS
from genlab.data.base import DataMeta
from genlab.distributions import LIKELIHOODS, recommended_likelihood
from genlab.models.base import GenerativeModel

#: The two sides: model, title.
SIDES: Mapping[str, str] = {"vae": "VAE", "gan": "GAN"}
STEPS, BATCH = 5000, 128
#: The role of a net, by its attribute name in the model; other nets keep their names.
PARTS: Mapping[str, str] = {
    "decoder": "decoder",
    "generator": "decoder",
    "encoder": "encoder",
    "body": "critic",
    "head": "critic",
}


def fits(data: str) -> bool:
    """Whether both models of the duel fit this dataset."""
    return DATASETS[data].is_available() and set(SIDES) <= set(models_for(data))


def sizes(meta: DataMeta) -> dict[str, int]:
    """The latent dimensions and hidden layers of both networks for such data."""
    if meta.is_image:
        return {"latent": 16 if meta.dim < 256 else 20, "hidden": 256, "layers": 2}
    return {"latent": min(2, meta.dim), "hidden": 64, "layers": 3}


def specs(
    data: str, *, seed: int = 0, steps: int = STEPS, batch: int = BATCH, **values: Any
) -> dict[str, RunSpec]:
    """The two runs by their titles.

    Args:
        data: a dataset that both can learn.
        seed: of weights, batches and noise.
        steps: of both.
        batch: examples a step.
        values: other sizes than usual (``latent``, ``hidden``, ``layers``).

    Raises:
        SpecError: if one of them cannot be built, or if the two nets would differ.

    Example:
        >>> pair = specs("ring", steps=100)
        >>> list(pair), pair["GAN on ring"].model_options.hidden
        (['VAE on ring', 'GAN on ring'], 64)
    """
    meta = Combination.of({"data": data, "model": "vae"}).meta
    common = {"data": data, "seed": seed, "steps": steps, "batch": batch, **sizes(meta), **values}
    found = {}
    for model, title in SIDES.items():
        more = {"likelihood": single_output_likelihood(meta)} if model == "vae" else {}
        found[f"{title} on {data}"] = RunSpec.build(model=model, **more, **common)
    first, second = (budget(spec) for spec in found.values())
    if first.decoder != second.decoder:
        raise SpecError(
            "data", data, "the decoder and the generator would be different nets for these data"
        )
    return found


def single_output_likelihood(meta: DataMeta) -> str:
    """The likelihood for such data that asks the net for one number an entry.

    The recommended likelihood if it is one of these, otherwise the first that is a density of
    the data.

    Raises:
        SpecError: if there is none.

    Example:
        >>> single_output_likelihood(DataMeta((1, 8, 8), "unit"))
        'continuous_bernoulli'
    """
    wanted = recommended_likelihood(meta)
    rows = sorted(LIKELIHOODS.rows(), key=lambda row: row.name != wanted)
    for row in rows:
        if meta.support in row.value.densities and row.value.outputs == 1:
            return row.name
    raise SpecError("data", meta.support, "no likelihood of one output an entry fits such data")


@dataclass(frozen=True)
class Budget:
    """The learned parameters of a model, by part.

    Args:
        decoder: the shapes of the decoder's (or generator's) weights, layer by layer.
        parts: the number of learned parameters of each part.
    """

    decoder: tuple[tuple[int, ...], ...]
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The number of all learned parameters."""
        return sum(self.parts.values())

    @property
    def layers(self) -> str:
        """The widths of the decoder from the code to the data, where all layers are linear.

        Example:
            >>> Budget(((8, 2), (8,), (3, 8), (3,)), {}).layers
            '2 → 8 → 3'
        """
        flat = [shape for shape in self.decoder if len(shape) == 2]
        if not flat or any(len(shape) > 2 for shape in self.decoder):
            return ""
        return " → ".join(map(str, [flat[0][1], *(shape[0] for shape in flat)]))


def budget(spec: RunSpec) -> Budget:
    """Count the learned parameters of a run's model."""
    with scope(0, "budget"), torch.no_grad():
        return budget_of(models.build(spec))


def budget_of(model: GenerativeModel) -> Budget:
    """Count the learned parameters of a model.

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> budget_of(LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5)).decoder
        ()
    """
    parts: dict[str, int] = {}
    shapes: list[tuple[int, ...]] = []
    for name, child in model.named_children():
        part = PARTS.get(name, name)
        n = sum(p.numel() for p in child.parameters())
        if n:
            parts[part] = parts.get(part, 0) + n
        if part == "decoder":
            shapes += _shapes(child)
    own = sum(p.numel() for p in model.parameters(recurse=False))
    if own:
        parts["own weights"] = own
    return Budget(tuple(shapes), parts)


def _shapes(net: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in net.parameters()]


def ratio(a: Budget, b: Budget) -> float:
    """The ratio of the numbers of parameters outside the decoder, larger to smaller.

    Example:
        >>> ratio(Budget((), {"decoder": 5, "encoder": 30}), Budget((), {"critic": 20}))
        1.5
    """
    rest = [sum(n for part, n in one.parts.items() if part != "decoder") for one in (a, b)]
    return max(rest) / max(1, min(rest))
