"""Bayes nets on trees against enumeration: messages, draws, the class at the root."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.core.errors import DataError, SpecError
from genlab.core.random import scope
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.inference.bayesnet import BayesNet, Node
from genlab.models.base import HasLabels
from genlab.models.tree import ClassTree, Tree, TreeModel
from genlab.models.visible import FullyVisible, HasMarginals, all_binary

NINE = DataMeta((1, 3, 3), "binary")
LABELLED = DataMeta((1, 3, 3), "binary", ("a", "b", "c"))
#: Pixel 4 in the middle; two long branches and a bush.
PARENTS = torch.tensor([1, 4, 1, 0, -1, 4, 3, 5, 5])
#: Below a class there may be several roots.
FOREST = torch.tensor([1, -1, 1, 0, -1, 4, -1, 5, 5])


def tree(name: str = "tree", **values: Any) -> TreeModel[Any]:
    source = torch.Generator().manual_seed(3)
    cls, meta = (Tree, NINE) if name == "tree" else (ClassTree, LABELLED)
    with scope(0, "tree"):
        model = cls(cls.Options.build(values), meta).eval().requires_grad_(False)
    tables = 0.05 + 0.9 * torch.rand(9, 2, generator=source)
    roots = 0.05 + 0.9 * torch.rand(1 if name == "tree" else 3, 9, generator=source)
    classes = torch.tensor([1.0]) if name == "tree" else torch.tensor([0.2, 0.5, 0.3])
    model.set_parameters(PARENTS if name == "tree" else FOREST, tables, roots, classes)
    return model.double()


def general_net(model: TreeModel[Any]) -> BayesNet:
    """The same law as a general net with one node a pixel, and one for the class."""

    def both(p: Tensor) -> Tensor:
        return torch.stack([1 - p, p], -1)

    nodes = [Node("class", model.class_logits.softmax(0))]
    for i, parent in enumerate(model.parents.tolist()):
        if parent < 0:
            nodes.append(Node(f"x{i}", both(model.root_logits[:, i].sigmoid()), ("class",)))
        else:
            nodes.append(Node(f"x{i}", both(model.logits[i].sigmoid()), (f"x{parent}",)))
    return BayesNet(nodes)


def by_hand(model: TreeModel[Any], x: Tensor) -> Tensor:
    """log p(x) as the product of the tables, the class summed out."""
    flat, total = x.flatten(1), torch.zeros(len(x), dtype=torch.float64)
    for c, weight in enumerate(model.class_logits.softmax(0)):
        p = torch.full((len(x),), float(weight), dtype=torch.float64)
        for i, parent in enumerate(model.parents.tolist()):
            if parent < 0:
                one = model.root_logits[c, i].sigmoid().expand(len(x))
            else:
                one = model.logits[i].sigmoid()[flat[:, parent].long()]
            p = p * torch.where(flat[:, i] > 0, one, 1 - one)
        total = total + p
    return total.log()


@pytest.mark.parametrize("name", ["tree", "class_tree"])
def test_the_density_is_the_product_of_its_tables_and_sums_to_one(name: str) -> None:
    model, every = tree(name), all_binary((1, 3, 3)).double()
    log_p = model.log_prob(every)
    assert float(log_p.exp().sum()) == pytest.approx(1.0, abs=1e-10)
    assert torch.allclose(log_p, by_hand(model, every), atol=1e-10)
    everything = torch.ones(1, 3, 3).bool()
    assert torch.allclose(model.log_marginal(every, everything), log_p, atol=1e-10)
    nothing = torch.zeros(1, 3, 3).bool()
    assert model.log_marginal(every[:2], nothing).tolist() == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("name", ["tree", "class_tree"])
def test_messages_are_the_enumeration_for_any_part(name: str) -> None:
    model, net = tree(name), general_net(tree(name))
    source = torch.Generator().manual_seed(5)
    x = torch.randint(2, (12, 1, 3, 3), generator=source).double()
    known = torch.rand(12, 1, 3, 3, generator=source) < torch.linspace(0, 1, 12).view(-1, 1, 1, 1)
    found, evidence = model.marginals(x, known), model.log_marginal(x, known)
    classes = model.class_posterior(x, known)
    for row in range(12):
        seen = {
            f"x{i}": int(x[row].flatten()[i]) for i in range(9) if bool(known[row].flatten()[i])
        }
        answer = net.enumerate(seen)
        exact = torch.stack([answer.marginals[f"x{i}"][1] for i in range(9)])
        assert found[row].flatten().tolist() == pytest.approx(exact.tolist(), abs=1e-10)
        assert float(evidence[row]) == pytest.approx(answer.log_evidence, abs=1e-10)
        exact_class = answer.marginals["class"].tolist()
        assert classes[row].tolist() == pytest.approx(exact_class, abs=1e-10)


@pytest.mark.parametrize("name", ["tree", "class_tree"])
def test_draws_of_the_missing_part_are_of_their_exact_law(name: str) -> None:
    model, n = tree(name), 40_000
    x = torch.tensor([1.0, 0, 0, 1, 0, 0, 0, 1, 1], dtype=torch.float64).view(1, 1, 3, 3)
    known = torch.tensor([0, 0, 1, 0, 0, 1, 1, 0, 1]).bool().view(1, 3, 3)
    with scope(1, "draws"):
        drawn = model.complete(x.expand(n, 1, 3, 3), known)
    assert torch.equal(drawn[:, known], x[:, known].expand(n, -1))
    every = all_binary((1, 3, 3)).double()
    fits = (every[:, known] == x[:, known]).all(1)
    p = (model.log_prob(every) - model.log_marginal(x, known)).exp() * fits
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-10)
    code = (drawn.flatten(1) @ (2.0 ** torch.arange(8, -1, -1, dtype=torch.float64))).long()
    counts = torch.bincount(code, minlength=512).double()
    assert float(counts[~fits].sum()) == 0
    # Pearson's statistic, within five standard deviations of its mean.
    used = p * n >= 5
    statistic = float(((counts - n * p).square() / (n * p))[used].sum())
    freedom = int(used.sum()) - 1
    assert statistic == pytest.approx(freedom, abs=5 * (2 * freedom) ** 0.5)


@pytest.mark.parametrize("name", ["tree", "class_tree"])
def test_it_is_a_visible_net_in_the_order_of_its_levels(name: str) -> None:
    model, every = tree(name), all_binary((1, 3, 3)).double()
    assert isinstance(model, FullyVisible)
    assert isinstance(model, HasMarginals)
    place = {pixel: i for i, pixel in enumerate(model.order.tolist())}
    assert sorted(place) == list(range(9))
    for pixel, parent in enumerate(model.parents.tolist()):
        assert parent < 0 or place[parent] < place[pixel]
    # The conditionals are those of the joint law: log p(x_1..k) - log p(x_1..k-1).
    conditionals = model.conditionals(every).flatten(1)
    for k, pixel in enumerate(model.order.tolist()):
        step = model.log_marginal(every, model.prefix(k + 1)) - model.log_marginal(
            every, model.prefix(k)
        )
        assert torch.allclose(conditionals[:, pixel], step, atol=1e-9)
    # Pixel by pixel, the cursor says the same.
    rows = every[100:130].flatten(1)[:, model.order]
    cursor, logits = model.cursor(30), model.ordered_logits(rows)
    for i in range(9):
        assert torch.allclose(cursor.logit().double(), logits[:, i], atol=1e-6)
        cursor.push(rows[:, i])


def test_at_a_label_it_is_the_law_given_the_class() -> None:
    model, every = tree("class_tree"), all_binary((1, 3, 3)).double()
    assert isinstance(model, HasLabels)
    prior = model.class_logits.softmax(0)
    joint = torch.stack(
        [prior[c] * model.condition_on(torch.tensor(c)).log_prob(every).exp() for c in range(3)]
    )
    assert torch.allclose(joint.sum(0), model.log_prob(every).exp(), atol=1e-12)
    known = torch.ones(1, 3, 3).bool()
    bayes = (joint / joint.sum(0)).mT
    assert torch.allclose(model.class_posterior(every, known), bayes, atol=1e-10)
    with scope(2, "draws"):
        drawn = model.condition_on(torch.tensor(1)).sample(20_000)
    root = drawn[:, 0, 0, 1].mean()
    assert float(root) == pytest.approx(float(model.root_logits[1, 1].sigmoid()), abs=0.02)


def test_edges_go_to_and_fro_with_the_weights() -> None:
    model = tree()
    other = Tree(Tree.Options(), NINE).double()
    other.load_state_dict(model.state_dict())
    x = all_binary((1, 3, 3)).double()[::37]
    assert torch.equal(other.log_prob(x), model.log_prob(x))
    assert torch.equal(other.order, model.order)


def test_what_is_wrong_is_said() -> None:
    model, x = tree(), torch.zeros(2, 1, 3, 3, dtype=torch.float64)
    with pytest.raises(SpecError, match="mask of shape"):
        model.marginals(x, torch.ones(9).bool())
    with pytest.raises(DataError, match="shape"):
        model.complete(torch.zeros(2, 1, 2, 2), torch.ones(1, 3, 3).bool())
    with pytest.raises(DataError, match="neither 0"):
        model.log_marginal(x + 0.5, torch.ones(1, 3, 3).bool())
    # What stands at unknown pixels is ignored.
    assert model.log_marginal(x + 0.5, torch.zeros(1, 3, 3).bool()).shape == (2,)
    circle = PARENTS.clone()
    circle[4] = 0
    with pytest.raises(ValueError, match="cycle"):
        model.set_parameters(circle, torch.full((9, 2), 0.5), torch.full((1, 9), 0.5))
    grey = DataMeta((1, 8, 8), "unit", ("a", "b"))
    assert "binarise" in str(MODELS["tree"].incompatibility(grey))
    assert "classes" in str(MODELS["class_tree"].incompatibility(NINE))


def test_the_middle_of_a_chain_hears_from_both_ends() -> None:
    # A chain of 10 with sticky neighbours, its ends known: the forward-backward result by hand.
    model = Tree(Tree.Options(), DataMeta((10,), "binary")).double().requires_grad_(False)
    stay = 0.9
    model.set_parameters(
        torch.arange(10) - 1,
        torch.tensor([1 - stay, stay]).expand(10, 2),
        torch.full((1, 10), 0.5),
    )
    known = torch.zeros(10).bool()
    known[0] = known[9] = True
    for first, last in itertools.product((0.0, 1.0), repeat=2):
        x = torch.zeros(1, 10, dtype=torch.float64)
        x[0, 0], x[0, 9] = first, last
        hop = torch.tensor([[stay, 1 - stay], [1 - stay, stay]], dtype=torch.float64)
        for i in range(10):
            there = torch.matrix_power(hop, i)[int(first)]
            on = torch.matrix_power(hop, 9 - i)[:, int(last)]
            exact = float(there[1] * on[1] / (there @ on))
            assert float(model.marginals(x, known)[0, i]) == pytest.approx(exact, abs=1e-7)
