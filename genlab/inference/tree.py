"""Chow-Liu trees: pair counts with a Dirichlet prior, and the best tree for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.lazy_terms import LazyTerms
from genlab.core.measure import Series
from genlab.inference.base import Inference, positive
from genlab.train.algorithm import Info


def mutual_information(joint: Tensor) -> Tensor:
    """I(a; b) = Σ p(a, b) log p(a, b) / (p(a) p(b)) in nats, (*, A, B) of weights -> (*).

    Example:
        >>> coins = torch.tensor([[[0.25, 0.25], [0.25, 0.25]], [[0.5, 0.0], [0.0, 0.5]]])
        >>> mutual_information(coins).tolist() == [0.0, torch.tensor(2.0).log().item()]
        True
    """
    p = joint / joint.sum((-2, -1), keepdim=True)
    entropy = torch.special.entr
    first, second = entropy(p.sum(-1)).sum(-1), entropy(p.sum(-2)).sum(-1)
    return first + second - entropy(p).sum((-2, -1))


def spanning_tree(weights: Tensor) -> Tensor:
    """The maximum spanning tree, rooted at its centre.

    Source: Prim 1957, "Shortest connection networks and some generalizations".

    Args:
        weights: (n, n), symmetric; the diagonal is not read.

    Returns:
        (n,) the parent of each node, -1 at the root. The root is the middle of the longest path.

    Example:
        >>> w = torch.tensor([[0.0, 3.0, 1.0], [3.0, 0.0, 2.0], [1.0, 2.0, 0.0]])
        >>> spanning_tree(w).tolist()
        [1, -1, 1]
    """
    n, rows = len(weights), weights.numpy()
    # For each node outside the tree: its best weight to a node inside; -inf for nodes inside.
    best, linked = rows[0].copy(), np.zeros(n, dtype=np.int64)
    outside = np.arange(n) > 0
    best[0] = -np.inf
    edges = []
    for _ in range(n - 1):
        new = int(best.argmax())
        edges.append((int(linked[new]), new))
        outside[new], best[new] = False, -np.inf
        closer = (rows[new] > best) & outside
        best[closer], linked[closer] = rows[new][closer], new
    near: list[list[int]] = [[] for _ in range(n)]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    one_end = _walk(near, 0)[0][-1]
    order, parent = _walk(near, one_end)
    path = [order[-1]]
    while parent[path[-1]] >= 0:
        path.append(parent[path[-1]])
    return torch.tensor(_walk(near, path[len(path) // 2])[1])


def orient_tree(parents: Tensor, node: int) -> Tensor:
    """The same tree with its root at another node, (n,) -> (n,).

    Example:
        >>> orient_tree(torch.tensor([1, -1, 1]), 0).tolist()
        [-1, 0, 1]
    """
    turned, at, above = parents.clone(), node, -1
    while at >= 0:
        following = int(parents[at])
        turned[at] = above
        at, above = following, at
    return turned


def _walk(near: list[list[int]], start: int) -> tuple[list[int], list[int]]:
    """Nodes in order of their distance from the start, and the parent of each."""
    parent = [-2] * len(near)
    parent[start] = -1
    order = [start]
    for node in order:
        for other in near[node]:
            if parent[other] == -2:
                parent[other] = node
                order.append(other)
    return order, parent


@dataclass(frozen=True)
class PairCounts:
    """The posterior of the tables of every tree: pseudo-counts that include the prior's.

    Args:
        classes: examples of each class, (C,); C = 1 without classes.
        class_ones: examples of each class with x_i = 1, (C, D).
        both: examples with x_i = x_j = 1, for i < j, row by row, (D (D - 1) / 2,).
    """

    classes: Tensor
    class_ones: Tensor
    both: Tensor

    @property
    def total(self) -> Tensor:
        """Examples, ()."""
        return self.classes.sum()

    @property
    def ones(self) -> Tensor:
        """Examples with x_i = 1, (D,)."""
        return self.class_ones.sum(0)


@dataclass(frozen=True)
class TreeEstimate:
    """A tree with the posterior means of its tables.

    Args:
        parents: (D,) the parent of each pixel; -1 for the class or for a root.
        tables: p(x_i = 1 | x_parent = 0 and 1), (D, 2).
        roots: p(x_i = 1 | class), (C, D).
        classes: p(class), (C,).
        information: Σ I over the edges of the tree, in nats, ().
    """

    parents: Tensor
    tables: Tensor
    roots: Tensor
    classes: Tensor
    information: Tensor


class ChowLiu(Inference[PairCounts, Tensor]):
    """The tree of largest mutual information, from pair counts that accumulate over batches.

    Every pair of pixels has a Dirichlet(α/4, ..., α/4) prior over its four joint states, which
    makes the tables of any tree conjugate and agree where they overlap. For the posterior means,
    the tree with the largest Σ I(x_i; x_pa(i)) minimises KL(data ‖ tree). The posterior does not
    depend on the tree; the tree is computed from it.

    Sources: Chow and Liu 1968, "Approximating discrete probability distributions with dependence
    trees"; for the prior, Heckerman, Geiger and Chickering 1995, "Learning Bayesian networks";
    Dawid and Lauritzen 1993, "Hyper Markov laws".

    Args:
        dim: D, binary variables.
        weight: α, the prior's weight in examples.
        classes: C, states of a class variable, which becomes the root; 1 for none.

    Raises:
        SpecError: if the weight is not above 0.

    Example:
        >>> learn = ChowLiu(3)
        >>> x = torch.tensor([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
        >>> state, info = learn.step(learn.init(), x)
        >>> learn.tree(state).parents.tolist(), float(state.total)
        ([-1, 0, 0], 4.0)
    """

    state_class = PairCounts

    def __init__(self, dim: int, weight: float = 1.0, classes: int = 1) -> None:
        self.dim, self.classes = dim, classes
        self.weight = positive("weight", weight)
        self.upper = torch.triu_indices(dim, dim, 1)
        # The tree after one step is the tree before the next.
        self._known: tuple[PairCounts, TreeEstimate] | None = None

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "log_predictive",
                "log p(batch | earlier data), per example",
                "prediction",
                "nats",
                "exact",
                direction="higher",
            ),
            Series("log_evidence", "log p(all data | the tree)", "evidence", "nats", "exact"),
            Series("information", "mutual information in the tree", "tree", "nats", "exact"),
            Series("moved", "edges that the batch moved", "edges", "count", "exact"),
        )

    def init(self, seed: int = 0, data: Tensor | None = None) -> PairCounts:
        a, c = self.weight, self.classes

        def filled(value: float, *shape: int) -> Tensor:
            return torch.full(shape, value, dtype=torch.float64)

        return PairCounts(
            filled(a / c, c), filled(a / (2 * c), c, self.dim), filled(a / 4, len(self.upper[0]))
        )

    def validate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (B, D) and classes one-hot (B, C) of rows (B, D) or (B, D + C).

        Raises:
            SpecError: for another width, or values that are neither 0 nor 1.
        """
        width = self.dim + (self.classes if self.classes > 1 else 0)
        if x.dim() != 2 or x.shape[1] != width:
            raise SpecError("batch", tuple(x.shape), f"allowed: (B, {width})")
        if not bool(((x == 0) | (x == 1)).all()):
            raise SpecError("batch", "values that are neither 0 nor 1", "allowed: 0 and 1")
        pixels = x[:, : self.dim].double()
        if self.classes == 1:
            return pixels, torch.ones(len(x), 1, dtype=torch.float64)
        return pixels, x[:, self.dim :].double()

    def step(self, state: PairCounts, batch: Tensor) -> tuple[PairCounts, Info]:
        """Count a batch, (B, D) of zeros and ones; with classes (B, D + C), the class one-hot.

        Raises:
            SpecError: see :meth:`validate`.
        """
        x, y = self.validate(batch)
        new = PairCounts(
            state.classes + y.sum(0),
            state.class_ones + y.mT @ x,
            state.both + (x.mT @ x)[self.upper[0], self.upper[1]],
        )
        # The tree costs more than the counts, and only few steps are shown.
        return new, Info(LazyTerms(lambda: self._terms(state, new, x, y)))

    def _terms(
        self, state: PairCounts, new: PairCounts, x: Tensor, y: Tensor
    ) -> dict[str, Tensor]:
        before, after = self.tree(state), self.tree(new)
        return {
            "log_predictive": log_prob(before, x, y if self.classes > 1 else None),
            "log_evidence": self.log_evidence(new, after.parents),
            "information": after.information,
            "moved": torch.tensor(float(len(self._edges(after) - self._edges(before)))),
        }

    def _both(self, state: PairCounts) -> Tensor:
        both = torch.zeros(self.dim, self.dim, dtype=torch.float64)
        both[self.upper[0], self.upper[1]] = state.both
        return both + both.mT

    def pairs(self, state: PairCounts, i: Tensor, j: Tensor) -> Tensor:
        """Pseudo-counts of the joint states of pixels i and j, not equal, (n,) -> (n, 2, 2)."""
        both = self._both(state)[i, j]
        first, second = state.ones[i] - both, state.ones[j] - both
        none = state.total - both - first - second
        return torch.stack([none, second, first, both], -1).unflatten(-1, (2, 2))

    def with_class(self, state: PairCounts, i: Tensor) -> Tensor:
        """Pseudo-counts of the joint states of the class and pixels i, (n,) -> (n, C, 2)."""
        ones = state.class_ones[:, i]
        return torch.stack([state.classes[:, None] - ones, ones], -1).movedim(0, 1)

    def information(self, state: PairCounts) -> Tensor:
        """I(x_i; x_j) in nats, (D, D), under the posterior means, 0 for i = j.

        With classes (D + 1, D + 1), the class last.
        """
        p, both = state.ones / state.total, self._both(state) / state.total
        entropy = torch.special.entr
        own = entropy(p) + entropy(1 - p)
        one = p[:, None] - both
        joint = entropy(both) + entropy(one) + entropy(one.mT) + entropy(1 - both - one - one.mT)
        information = (own[:, None] + own - joint).fill_diagonal_(0.0)
        if self.classes == 1:
            return information
        whole = torch.zeros(self.dim + 1, self.dim + 1, dtype=torch.float64)
        whole[:-1, :-1] = information
        linked = mutual_information(self.with_class(state, torch.arange(self.dim)))
        whole[-1, :-1] = whole[:-1, -1] = linked
        return whole

    def tree(self, state: PairCounts) -> TreeEstimate:
        """The best tree, and the posterior means of its tables."""
        if self._known is not None and self._known[0] is state:
            return self._known[1]
        weights = self.information(state)
        parents = spanning_tree(weights)
        if self.classes > 1:
            parents = orient_tree(parents, self.dim)
        total_information = weights[torch.arange(len(parents)), parents.clamp_min(0)][
            parents >= 0
        ].sum()
        # The class is the last node; its children are roots among the pixels.
        parents = parents[: self.dim].clone()
        parents[parents == self.dim] = -1
        hung = (parents >= 0).nonzero().flatten()
        pairs = self.pairs(state, parents[hung], hung)
        tables = torch.full((self.dim, 2), 0.5, dtype=torch.float64)
        tables[hung] = pairs[:, :, 1] / pairs.sum(2)
        roots = state.class_ones / state.classes[:, None]
        found = TreeEstimate(
            parents, tables, roots, state.classes / state.total, total_information
        )
        self._known = state, found
        return found

    def _edges(self, tree: TreeEstimate) -> set[frozenset[int]]:
        """The edges without their directions; -1 is the class."""
        lowest = -1 if self.classes > 1 else 0
        rows = enumerate(tree.parents.tolist())
        return {frozenset((i, above)) for i, above in rows if above >= lowest}

    def log_evidence(self, state: PairCounts, parents: Tensor) -> Tensor:
        """log p(all data | a tree) with its tables integrated out, exact, in nats, ().

        Σ_i log B(i) + Σ_edges log B(i, j) - log B(i) - log B(j), where B is the evidence of a
        Dirichlet-multinomial over the states of a pixel or of a pair.
        """
        a, n = self.weight, state.total - self.weight
        nodes = torch.stack([state.total - state.ones, state.ones], -1)
        own = _dirichlet_multinomial(nodes, a / 2, a, n)
        at = (parents >= 0).nonzero().flatten()
        pairs = self.pairs(state, parents[at], at).flatten(1)
        edges = _dirichlet_multinomial(pairs, a / 4, a, n) - own[at] - own[parents[at]]
        total = own.sum() + edges.sum()
        if self.classes == 1:
            return total
        c = self.classes
        of_class = _dirichlet_multinomial(state.classes[None], a / c, a, n)[0]
        roots = (parents < 0).nonzero().flatten()
        joint = self.with_class(state, roots).flatten(1)
        linked = _dirichlet_multinomial(joint, a / (2 * c), a, n) - own[roots] - of_class
        return total + of_class + linked.sum()


def log_prob(tree: TreeEstimate, x: Tensor, y: Tensor | None = None) -> Tensor:
    """log p(x), or log p(x, class) with the class one-hot, in nats, (B, D) -> (B,)."""
    above = x[:, tree.parents.clamp_min(0)]
    p = torch.where(above > 0, tree.tables[:, 1], tree.tables[:, 0])
    label = torch.ones(len(x), 1, dtype=x.dtype) if y is None else y
    p = torch.where(tree.parents < 0, label @ tree.roots, p)
    each = torch.where(x > 0, p, 1 - p).log().sum(1)
    return each if y is None else each + (y @ tree.classes).log()


def _dirichlet_multinomial(counts: Tensor, each: float, whole: float, n: Tensor) -> Tensor:
    """log p of n draws with these pseudo-counts, (*, K) -> (*); the prior is ``each`` per cell."""
    start = torch.lgamma(torch.tensor(each, dtype=torch.float64))
    gained = (torch.lgamma(counts) - start).sum(-1)
    total = torch.tensor(whole, dtype=torch.float64)
    return gained + torch.lgamma(total) - torch.lgamma(total + n)
