"""The duel: one decoder's net, one order of the data, one clock; printed numbers are counted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab import data as datasets
from genlab import models
from genlab.compare import duel
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, DATASETS
from genlab.train.loop import train
from genlab.ui.presets import PRESETS

DATA = [row.name for row in DATASETS.rows() if duel.fits(row.name)]


def layers(net: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """The layers with weights, and the activations between them but for the last."""
    found = [
        (type(layer).__name__, tuple(layer.weight.shape) if hasattr(layer, "weight") else ())
        for layer in net.modules()
        if not list(layer.children())
    ]
    return [one for one in found if one[0] != "Tanh"]


@pytest.mark.parametrize("data", DATA)
def test_the_decoder_and_the_generator_are_the_same_net(data: str) -> None:
    pair = duel.specs(data, steps=10)
    vae, gan = (models.build(spec) for spec in pair.values())
    assert layers(vae.decoder) == layers(gan.generator)
    counts = [sum(p.numel() for p in net.parameters()) for net in (vae.decoder, gan.generator)]
    assert counts[0] == counts[1] > 0
    first, second = (duel.budget(spec) for spec in pair.values())
    assert first.parts["decoder"] == second.parts["decoder"] == counts[0]
    for model, one in ((vae, first), (gan, second)):
        assert one.total == sum(p.numel() for p in model.parameters())
    assert 1.0 <= duel.ratio(first, second) < 1.25
    flat = [spec.flat() for spec in pair.values()]
    for name in ("data", "seed", "steps", "batch", "latent", "hidden", "layers", "threads"):
        assert flat[0][name] == flat[1][name]


def test_what_is_printed_of_digits() -> None:
    first, second = (duel.budget(spec) for spec in duel.specs("digits").values())
    assert first.layers == second.layers == "16 → 256 → 256 → 64"
    decoder = 16 * 256 + 256 + 256 * 256 + 256 + 256 * 64 + 64
    encoder = 64 * 256 + 256 + 256 * 256 + 256 + 256 * 32 + 32
    critic = 64 * 256 + 256 + 256 * 256 + 256 + 256 + 1
    assert dict(first.parts) == {"encoder": encoder, "decoder": decoder}
    assert dict(second.parts) == {"decoder": decoder, "critic": critic}
    assert duel.ratio(first, second) == pytest.approx(encoder / critic)


def test_both_see_the_same_batches_in_the_same_order() -> None:
    seen = []
    for spec in duel.specs("digits", steps=30, seed=5).values():
        data = datasets.load(spec)
        algorithm = ALGORITHMS[spec.algorithm](spec)
        batches: list[torch.Tensor] = []
        step = algorithm.step

        def spy(state, batch, *rest, step=step, batches=batches):
            batches.append(batch.clone())
            return step(state, batch, *rest)

        algorithm.step = spy
        with scope(5, "run"):
            train(algorithm, data, algorithm.init(5, data))
        seen.append(torch.stack(batches))
    assert seen[0].shape[0] == 30
    assert torch.equal(*seen)
    # More than one epoch: the order is anew, not the first one again.
    assert not torch.equal(seen[0][0], seen[0][12])


def test_the_preset_is_a_duel() -> None:
    preset = next(one for one in PRESETS if one.key == "duel")
    first, second = (duel.budget(RunSpec.build(**values)) for values in preset.runs.values())
    assert first.decoder == second.decoder
