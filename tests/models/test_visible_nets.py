"""Fully visible Bayes nets against enumeration, autograd's Jacobian, and their conditionals."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.errors import DataError, SpecError
from genlab.data.base import DataMeta
from genlab.models.fvbn import FVBN
from genlab.models.made import MADE
from genlab.models.nade import NADE
from genlab.models.pixelcnn import PixelCNN
from genlab.models.visible import FullyVisible, all_binary, bits_per_dim, ordering
from genlab.nets.masked import GatedMaskedConv, spread_degrees
from genlab.objectives.likelihood import Likelihood

TEN = DataMeta((10,), "binary")
NINE = DataMeta((1, 3, 3), "binary")

CASES = {
    **{
        f"fvbn-{seed}": (FVBN, {"ordering": "random", "order_seed": seed}, TEN)
        for seed in range(3)
    },
    **{
        f"nade-{seed}": (NADE, {"ordering": "random", "order_seed": seed, "hidden": 16}, TEN)
        for seed in range(3)
    },
    **{
        f"made-{seed}": (
            MADE,
            {"ordering": "random", "order_seed": seed, "hidden": 64, "direct": False},
            TEN,
        )
        for seed in range(3)
    },
    "made-natural": (MADE, {"hidden": 64, "direct": False}, TEN),
    "made-direct": (MADE, {"hidden": 64, "ordering": "random"}, TEN),
    "made-masks": (MADE, {"hidden": 64, "ordering": "random", "masks": 4, "direct": False}, TEN),
    "made-odd": (MADE, {"hidden": 7, "layers": 3, "ordering": "random"}, TEN),
    "pixelcnn": (PixelCNN, {"width": 6, "layers": 3, "kernel": 3}, NINE),
    "pixelcnn-7": (PixelCNN, {"width": 4, "layers": 2}, NINE),
}


def build(name: str, seed: int = 0) -> FullyVisible:
    cls, values, meta = CASES[name]
    torch.manual_seed(seed)
    model = cls(cls.Options.build(values), meta).eval()
    with torch.no_grad():
        # Weights large enough that a leak would be far above the round-off.
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def jacobian(model: FullyVisible, x: torch.Tensor) -> torch.Tensor:
    """d logit_i / d x_j in the model's order, (D, D)."""
    return torch.autograd.functional.jacobian(
        lambda flat: model.ordered_logits(flat[None])[0], x.flatten()
    )


@pytest.mark.parametrize("name", CASES)
def test_forbidden_entries_are_zero_and_allowed_ones_are_used(name: str) -> None:
    dim = CASES[name][2].dim
    used = torch.zeros(dim, dim, dtype=torch.bool)
    for draw in range(5):
        model = build(name, draw)
        for x in torch.rand(4, dim):
            matrix = jacobian(model, x)
            assert torch.equal(matrix.triu(), torch.zeros(dim, dim))
            used |= matrix != 0
    assert torch.equal(used, torch.ones(dim, dim, dtype=torch.bool).tril(-1))


@pytest.mark.parametrize("name", CASES)
def test_the_order_is_that_of_the_pixels(name: str) -> None:
    """A changed pixel changes the conditionals of itself and of later pixels alone."""
    model = build(name)
    shape = model.data_shape
    x = torch.bernoulli(torch.full((1, *shape), 0.5))
    before = model.conditionals(x).flatten()
    for place, pixel in enumerate(model.order.tolist()):
        changed = x.clone().flatten()
        changed[pixel] = 1 - changed[pixel]
        after = model.conditionals(changed.view_as(x)).flatten()
        earlier = model.order[:place]
        assert torch.equal(before[earlier], after[earlier])
        assert before[pixel] != after[pixel]


@pytest.mark.parametrize("name", CASES)
def test_probabilities_of_all_inputs_sum_to_one(name: str) -> None:
    for draw in range(3):
        model = build(name, draw)
        total = model.log_prob(all_binary(model.data_shape)).detach().double().exp().sum()
        assert abs(float(total) - 1) < 1e-5


@pytest.mark.parametrize("name", CASES)
def test_the_cursor_gives_the_conditionals_of_the_whole_net(name: str) -> None:
    model = build(name)
    x = all_binary(model.data_shape)[::7]
    ordered = x.flatten(1)[:, model.order]
    with torch.no_grad():
        cursor, logits = model.cursor(len(x)), []
        for bit in ordered.T:
            logits.append(cursor.logit().clone())
            cursor.push(bit)
        torch.testing.assert_close(
            torch.stack(logits, 1), model.ordered_logits(ordered), rtol=1e-4, atol=2e-5
        )


@pytest.mark.parametrize("name", ["fvbn-1", "nade-1", "made-1", "made-masks", "pixelcnn"])
def test_samples_have_the_exact_probabilities(name: str) -> None:
    model = build(name)
    every = all_binary(model.data_shape)
    p = model.log_prob(every).double().exp().detach()
    n = 20_000
    torch.manual_seed(1)
    x = model.sample(n)
    assert x.shape == (n, *model.data_shape)
    mean = p @ every.double().flatten(1)
    pair = every.double().flatten(1).T @ (p[:, None] * every.double().flatten(1))
    flat = x.double().flatten(1)
    for got, exact in ((flat.mean(0), mean), (flat.T @ flat / n, pair)):
        error = (exact * (1 - exact) / n).clamp_min(0).sqrt().clamp_min(1e-6)
        assert float(((got - exact) / error).abs().max()) < 4.5
    code = (flat @ (2.0 ** torch.arange(every[0].numel() - 1, -1, -1)).double()).long()
    counts = torch.bincount(code, minlength=len(every)).double()
    large = p * n >= 5
    rest_p, rest_n = p[~large].sum(), counts[~large].sum()
    chi2 = ((counts[large] - n * p[large]) ** 2 / (n * p[large])).sum()
    chi2 = chi2 + (rest_n - n * rest_p) ** 2 / (n * rest_p).clamp_min(1e-9)
    freedom = int(large.sum())
    assert abs(float(chi2) - freedom) < 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("name", ["fvbn-0", "nade-2", "made-masks", "pixelcnn"])
def test_completions_follow_the_conditionals(name: str) -> None:
    """The unknown pixels have the law p(x) / p(known), by enumeration."""
    model = build(name)
    every = all_binary(model.data_shape)
    k = model.meta.dim - 4
    known = model.prefix(k)
    assert int(known.sum()) == k
    x = every[389 % len(every)]
    agrees = (every == x)[:, known].all(1)
    p = model.log_prob(every[agrees]).double().softmax(0).detach()
    exact = p @ every[agrees].double().flatten(1)
    n = 8000
    torch.manual_seed(2)
    noise = torch.where(known, x, torch.full_like(x, 0.5))
    done = model.complete(noise.expand(n, *x.shape), known)
    assert torch.equal(done[:, known], x[known].expand(n, -1))
    error = (exact * (1 - exact) / n).clamp_min(0).sqrt().clamp_min(1e-6)
    assert float(((done.double().flatten(1).mean(0) - exact) / error).abs().max()) < 4.5


def test_conditionals_sum_to_the_log_probability() -> None:
    model = build("made-masks")
    x = all_binary((10,))[::31]
    torch.testing.assert_close(model.conditionals(x).flatten(1).sum(1), model.log_prob(x))
    torch.testing.assert_close(model.bits_per_dim(x), -model.log_prob(x) / (10 * math.log(2)))


def test_a_logistic_net_by_hand() -> None:
    model = FVBN(FVBN.Options(), DataMeta((2,), "binary"))
    with torch.no_grad():
        model.bias.copy_(torch.tensor([0.5, -1.0]))
        model.weight.copy_(torch.tensor([[9.0, 9.0], [2.0, 9.0]]))
    first, second = 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(-1.0))
    x = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    exact = [math.log(first * second), math.log((1 - first) / (1 + math.exp(1.0)))]
    assert model.log_prob(x).tolist() == pytest.approx(exact, abs=1e-6)


def test_nade_by_its_own_loop() -> None:
    """The paper's recursion, pixel by pixel, on more pixels than are held at once."""
    torch.manual_seed(0)
    meta = DataMeta((1, 10, 10), "binary")
    model = NADE(NADE.Options.build({"hidden": 5, "ordering": "random"}), meta)
    x = torch.bernoulli(torch.full((3, 1, 10, 10), 0.4))
    a, total = model.hidden_bias.expand(3, -1), torch.zeros(3)
    for i in range(100):
        bit = x.flatten(1)[:, model.order[i]]
        p = torch.sigmoid(torch.sigmoid(a) @ model.outward[i] + model.bias[i])
        total = total + torch.where(bit > 0, p, 1 - p).log()
        a = a + bit[:, None] * model.inward[i]
    torch.testing.assert_close(model.log_prob(x), total, rtol=1e-5, atol=1e-4)
    mine = torch.autograd.grad(model.log_prob(x).sum(), model.inward)[0]
    theirs = torch.autograd.grad(total.sum(), model.inward)[0]
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_several_masks_make_a_mixture() -> None:
    model = build("made-masks")
    assert isinstance(model, MADE)
    x = all_binary((10,))[::17]
    ordered = x[:, model.order]
    parts = []
    for m in range(4):
        logits = model.net(ordered, m)
        parts.append((ordered * logits - torch.nn.functional.softplus(logits)).sum(1))
    exact = torch.logsumexp(torch.stack(parts), 0) - math.log(4)
    torch.testing.assert_close(model.log_prob(x), exact, rtol=1e-5, atol=1e-5)
    assert float(torch.stack(parts).detach().std(0).min()) > 1e-3
    model.train()
    torch.manual_seed(0)
    seen = {round(float(model.log_prob(x).detach()[0]), 4) for _ in range(40)}
    assert seen == {round(float(part.detach()[0]), 4) for part in parts}


def test_masked_convolutions_equal_full_kernels_times_masks() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 5)
    for first, kernel in ((True, 5), (False, 3)):
        block = GatedMaskedConv(3, 3, kernel, first=first)
        p = kernel // 2
        full = torch.randn(6, 3, kernel, kernel)
        rows = p if first else p + 1
        mask = torch.zeros(kernel, kernel)
        mask[:rows] = 1
        line = torch.randn(6, 3, 1, kernel)
        line_mask = torch.zeros(kernel)
        line_mask[:rows] = 1
        with torch.no_grad():
            block.vertical.weight.copy_(full[:, :, :rows])
            block.horizontal.weight.copy_(line[:, :, :, :rows])
        v, h = block(x, x)
        pre = torch.nn.functional.conv2d(x, full * mask, block.vertical.bias, padding=p)
        side = torch.nn.functional.conv2d(
            x, line * line_mask, block.horizontal.bias, padding=(0, p)
        )
        torch.testing.assert_close(v, block.gate(pre), rtol=1e-4, atol=1e-5)
        out = block.out(block.gate(side + block.across(pre)))
        torch.testing.assert_close(h, out if first else out + x, rtol=1e-4, atol=1e-5)


def test_progress_names_every_pixel() -> None:
    seen: list[float] = []
    build("fvbn-0").sample(2, lambda fraction, _: seen.append(fraction))
    assert seen == pytest.approx([k / 10 for k in range(1, 11)])


def test_degrees_leave_none_out() -> None:
    degrees = spread_degrees(64, 10, torch.Generator().manual_seed(0))
    counts = torch.bincount(degrees, minlength=10)
    assert int(counts[0]) == 0
    assert set(counts[1:].tolist()) == {7, 8}


def test_the_objective_is_the_mean_negative_log_likelihood() -> None:
    model = build("fvbn-0")
    x = all_binary((10,))[:50]
    loss = Likelihood().loss("model", model, x)
    exact = -float(model.log_prob(x).detach().mean())
    assert float(loss.value.detach()) == pytest.approx(exact, rel=1e-6)
    assert set(loss.terms) == {s.name for s in Likelihood().series}
    torch.testing.assert_close(loss.terms["bits_per_dim"], model.bits_per_dim(x))
    assert Likelihood.incompatibility(FVBN) is None
    assert Likelihood.incompatibility(torch.nn.Linear) is not None  # type: ignore[arg-type]


def test_a_uniform_net_costs_one_bit_a_pixel() -> None:
    x = torch.bernoulli(torch.full((2, 1, 28, 28), 0.5))
    model = FVBN(FVBN.Options(), DataMeta((1, 28, 28), "binary"))
    with torch.no_grad():
        model.weight.zero_()
    assert model.log_prob(x).tolist() == pytest.approx([-543.427] * 2, abs=1e-2)
    assert bits_per_dim(model.log_prob(x), 784).tolist() == pytest.approx([1.0] * 2, abs=1e-6)


def test_bad_input_is_said_clearly() -> None:
    model = build("fvbn-1")
    with pytest.raises(DataError, match="binarise"):
        model.log_prob(torch.full((1, 10), 0.5))
    with pytest.raises(DataError, match="shape"):
        model.log_prob(torch.zeros(1, 11))
    known = torch.zeros(10, dtype=torch.bool)
    known[model.order[1]] = True
    with pytest.raises(SpecError, match="first 1 in the model's order"):
        model.complete(torch.zeros(1, 10), known)
    with pytest.raises(SpecError, match="mask of shape"):
        model.complete(torch.zeros(1, 10), torch.ones(3))
    with pytest.raises(SpecError, match="at most 20"):
        all_binary((1, 5, 5))
    with pytest.raises(SpecError, match="did you mean 'natural'"):
        ordering("naturel", 0, 4)
    for cls in (FVBN, NADE, MADE, PixelCNN):
        assert "binarise" in str(cls.incompatibility(DataMeta((1, 8, 8), "unit")))
        assert cls.incompatibility(DataMeta((1, 8, 8), "binary")) is None
        assert cls.incompatibility(DataMeta((2,), "real")) is not None
    assert "one channel" in str(PixelCNN.incompatibility(DataMeta((3, 32, 32), "binary")))
