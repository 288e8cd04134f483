"""Trees learned from counts: the posterior, the best tree, the evidence."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score
from torch import Tensor

from genlab import data as datasets
from genlab.core import random
from genlab.core.errors import SpecError
from genlab.core.run_spec import RunSpec, algorithms_for, models_for
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.inference.tree import ChowLiu, log_prob, mutual_information, orient_tree, spanning_tree
from genlab.models.visible import all_binary
from genlab.probes.base import PROBES, probes_for, read_probes
from genlab.train.loop import train


def chain(n: int, dim: int, seed: int = 0) -> Tensor:
    """Rows in which each bit repeats the one before it with probability 0.85."""
    source = torch.Generator().manual_seed(seed)
    x = torch.zeros(n, dim)
    x[:, 0] = (torch.rand(n, generator=source) < 0.6).float()
    for i in range(1, dim):
        same = torch.rand(n, generator=source) < 0.85
        x[:, i] = torch.where(same, x[:, i - 1], 1 - x[:, i - 1])
    return x


def every_tree(n: int) -> list[list[tuple[int, int]]]:
    """All n^(n-2) trees on n nodes, from their Prüfer codes."""
    trees = []
    for code in itertools.product(range(n), repeat=n - 2):
        degree = [1 + code.count(i) for i in range(n)]
        edges = []
        for node in code:
            leaf = next(i for i in range(n) if degree[i] == 1)
            edges.append((leaf, node))
            degree[leaf] -= 1
            degree[node] -= 1
        a, b = (i for i in range(n) if degree[i] == 1)
        trees.append([*edges, (a, b)])
    return trees


@pytest.mark.parametrize("seed", range(5))
def test_no_tree_has_a_larger_sum(seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    raw = torch.rand(5, 5, generator=source, dtype=torch.float64)
    weights = raw + raw.mT
    trees = every_tree(5)
    assert len(trees) == 125
    best = max(sum(float(weights[a, b]) for a, b in tree) for tree in trees)
    parents = spanning_tree(weights)
    found = sum(float(weights[i, p]) for i, p in enumerate(parents.tolist()) if p >= 0)
    assert found == pytest.approx(best, abs=1e-12)
    assert (parents < 0).sum() == 1
    for root in range(5):
        turned = orient_tree(parents, root)
        assert int(turned[root]) == -1

        def links(tree: Tensor) -> set[frozenset[int]]:
            return {frozenset((i, p)) for i, p in enumerate(tree.tolist()) if p >= 0}

        assert links(turned) == links(parents)


def test_mutual_information_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 500), rng.integers(0, 2, 500)
    b = np.where(rng.random(500) < 0.5, a % 2, b)
    joint = torch.zeros(3, 2, dtype=torch.float64)
    for i, j in zip(a, b, strict=True):
        joint[i, j] += 1
    assert float(mutual_information(joint)) == pytest.approx(mutual_info_score(a, b), abs=1e-12)


@pytest.mark.parametrize("classes", [1, 3])
def test_batches_add_up_to_all_data_at_once(classes: int) -> None:
    x = chain(300, 7)
    if classes > 1:
        label = (x[:, 0] + x[:, 6]).long()
        x = torch.cat([x, torch.nn.functional.one_hot(label, 3).float()], dim=1)
    learn = ChowLiu(7, 1.5, classes)
    once, _ = learn.step(learn.init(), x)
    state = learn.init()
    for part in x[torch.randperm(300, generator=torch.Generator().manual_seed(1))].split(41):
        state, _ = learn.step(state, part)
    for name in ("classes", "class_ones", "both"):
        assert torch.allclose(getattr(state, name), getattr(once, name), atol=1e-12), name
    # By hand: pseudo-counts are the prior's share of the cell and the rows counted.
    both = sum(float(x[i, 2] * x[i, 5]) for i in range(300))
    assert learn.pairs(state, torch.tensor([2]), torch.tensor([5]))[0, 1, 1] == 1.5 / 4 + both
    assert float(state.ones[3]) == pytest.approx(1.5 / 2 + float(x[:, 3].sum()))
    assert float(learn.pairs(state, torch.tensor([0]), torch.tensor([6])).sum()) == 301.5


def test_it_finds_the_chain_that_made_the_data() -> None:
    learn = ChowLiu(8)
    state, _ = learn.step(learn.init(), chain(2000, 8))
    parents = learn.tree(state).parents
    edges = {tuple(sorted((i, p))) for i, p in enumerate(parents.tolist()) if p >= 0}
    assert edges == {(i, i + 1) for i in range(7)}
    # The root is the middle, so that messages have the shortest way.
    assert int((parents < 0).nonzero()) in (3, 4)


def test_no_other_tree_is_more_likely_for_the_pseudo_counts() -> None:
    x = chain(60, 5, seed=4)
    learn = ChowLiu(5)
    state, _ = learn.step(learn.init(), x)
    found = learn.tree(state)
    mine = float(log_prob(found, x.double()).sum())
    best = -math.inf
    p1 = state.ones / state.total
    for tree in every_tree(5):
        # E log p under the pseudo-counts: -Σ H_i + Σ_edges I.
        value = -float((torch.special.entr(p1) + torch.special.entr(1 - p1)).sum())
        for a, b in tree:
            value += float(
                mutual_information(learn.pairs(state, torch.tensor([a]), torch.tensor([b])))
            )
        best = max(best, value)
    own = -float((torch.special.entr(p1) + torch.special.entr(1 - p1)).sum())
    assert own + float(found.information) == pytest.approx(best, abs=1e-12)
    assert mine < 0


@pytest.mark.parametrize("classes", [1, 2])
def test_the_evidence_of_a_tree_is_the_product_of_its_predictions(classes: int) -> None:
    """Bayes' rule row by row on one tree: log p(all) = Σ log p(row | rows before)."""
    x, learn = chain(40, 4, seed=2).double(), ChowLiu(4, 0.7, classes)
    if classes > 1:
        x = torch.cat([x, torch.nn.functional.one_hot(x[:, 0].long(), 2).double()], dim=1)
    final, _ = learn.step(learn.init(), x)
    parents = learn.tree(final).parents
    state, total = learn.init(), 0.0
    for row in x.split(1):
        pixels, y = learn.validate(row)
        p = 1.0 if classes == 1 else float((y @ state.classes) / state.total)
        for i, above in enumerate(parents.tolist()):
            bit = int(pixels[0, i])
            if above >= 0:
                cell = learn.pairs(state, torch.tensor([above]), torch.tensor([i]))[0]
                cell = cell[int(pixels[0, above])]
            else:
                cell = learn.with_class(state, torch.tensor([i]))[0][int(y[0].argmax())]
            p *= float(cell[bit] / cell.sum())
        total += math.log(p)
        state, _ = learn.step(state, row)
    assert float(learn.log_evidence(final, parents)) == pytest.approx(total, abs=1e-9)


def test_predictions_sum_to_one_and_need_rows_of_bits() -> None:
    learn = ChowLiu(6)
    state, _ = learn.step(learn.init(), chain(30, 6))
    found = learn.tree(state)
    assert float(log_prob(found, all_binary((6,)).double()).exp().sum()) == pytest.approx(1.0)
    with pytest.raises(SpecError, match="0 and 1"):
        learn.step(state, torch.full((2, 6), 0.5))
    with pytest.raises(SpecError, match=r"\(B, 6\)"):
        learn.step(state, torch.zeros(2, 5))
    with pytest.raises(SpecError, match="above 0"):
        ChowLiu(3, 0.0)


@pytest.mark.parametrize("name", ["tree", "class_tree"])
def test_the_run_beats_independent_pixels_on_held_out_digits(name: str) -> None:
    means = {}
    for model in (name, "independent_pixels"):
        spec = RunSpec.build(model=model, data="digits", binarise="threshold", steps=14, batch=100)
        assert (spec.objective, spec.algorithm) == ("bayes", "exact")
        data = datasets.load(spec)
        algorithm = ALGORITHMS["exact"](spec)
        random.seed_run(0)
        state, _ = train(algorithm, data, algorithm.init(0, data))
        with torch.no_grad():
            means[model] = float(algorithm.model(state).log_prob(data.test.x).mean())
    # Measured: -20.5 (tree), -19.4 (class_tree), -24.2 (independent).
    assert means["independent_pixels"] + 3.0 < means[name] < -15.0


def test_its_looks_come_by_capability() -> None:
    spec = RunSpec.build(model="tree", data="digits", binarise="threshold", steps=5)
    data = datasets.load(spec)
    algorithm = ALGORITHMS["exact"](spec)
    random.seed_run(0)
    state, _ = train(algorithm, data, algorithm.init(0, data))
    model = algorithm.model(state)
    found = {probe.name for probe in probes_for(spec, type(model), data)}
    assert {"bits", "surprise", "any_part", "samples"} <= found
    assert "completion" not in found
    reading = read_probes(PROBES["any_part"](spec, data), model, 5)
    sheet = reading.pictures["any_part"].payload["x"].unflatten(0, (10, 8))
    probe = PROBES["any_part"](spec, data)
    for k, known in enumerate(probe.masks().values()):
        given, means, drawn = sheet[1 + 3 * k : 4 + 3 * k]
        assert bool((given[:, ~known] == 0.5).all())
        for row in (given, means, drawn):
            assert torch.equal(row[:, known], sheet[0][:, known])
        assert float(means.min()) >= 0
        assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    *_, known = probe.masks().values()
    x = data.validation.x
    with torch.no_grad():
        gap = (model.log_marginal(x, known) - model.log_prob(x)).mean() / math.log(2)  # type: ignore[operator]
    bits = float(gap) / int((~known).sum())
    assert reading.values["val_missing_bits"] == pytest.approx(bits, rel=1e-5)


def test_only_what_fits_is_offered() -> None:
    assert algorithms_for("tree", "bayes") == ("exact",)
    assert "tree" in models_for("digits", {"binarise": "threshold"})
    assert "tree" not in models_for("digits")
    assert "class_tree" not in models_for("ring")
    assert MODELS["tree"].name == "tree"
