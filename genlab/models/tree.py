"""Tree-structured Bayesian networks: each pixel depends on one other; any part may be missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.core.errors import DataError, SpecError
from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.bayesian import Bayesian
from genlab.models.labels import LabelConditioned
from genlab.models.visible import (
    Cursor,
    FullyVisible,
    HasClassPosterior,
    HasMarginals,
    Progress,
)


@dataclass(frozen=True)
class TreeOptions(Options):
    """Options of the tree: its prior."""

    tree_prior: float = option(
        1.0,
        "weight of the prior in examples, spread uniformly over the cells of each table",
        low=1e-3,
        high=1e3,
        log=True,
        label="Prior weight",
    )


T = TypeVar("T", bound=TreeOptions)


class TreeModel(FullyVisible[T], HasMarginals, Bayesian):
    """p(x) = Σ_c π_c Π_{roots r} p(x_r | c) Π_{others i} p(x_i | x_pa(i)), x binary.

    Without a class there is one c and one root. Gradients do not learn the edges: they start as a
    chain, row by row, until :meth:`set_parameters` replaces them.

    Args:
        options: the prior of the tables, for inference.
        meta: binary data of any shape.
        classes: C, states of the node above the roots; 1 for none.
    """

    parents: Tensor
    class_logits: Tensor

    def __init__(self, options: T, meta: DataMeta, classes: int = 1) -> None:
        super().__init__(options, meta)
        dim = meta.dim
        #: The logit of x_i = 1 for parent 0 and for parent 1; unused at roots.
        self.logits = nn.Parameter(0.1 * torch.randn(dim, 2))
        #: The logit of x_r = 1 in each class; used at roots only.
        self.root_logits = nn.Parameter(0.1 * torch.randn(classes, dim))
        if classes > 1:
            self.class_logits = nn.Parameter(0.1 * torch.randn(classes))
        else:
            self.register_buffer("class_logits", torch.zeros(1))
        #: The parent of each pixel, -1 at roots.
        self.register_buffer("parents", torch.arange(dim) - 1)
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda module, _: module.arrange()
        )
        self.arrange()

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        # Small batches show the learning, because one pass is enough.
        return {"objective": "bayes", "batch": 32}

    def set_parameters(
        self, parents: Tensor, tables: Tensor, roots: Tensor, classes: Tensor | None = None
    ) -> None:
        """Set edges and tables.

        Args:
            parents: (D,) the parent of each pixel, -1 at roots.
            tables: (D, 2) p(x_i = 1 | parent = 0) and p(x_i = 1 | parent = 1).
            roots: (C, D) p(x_i = 1 | class).
            classes: (C,) their probabilities; None for equal ones.

        Raises:
            ValueError: if the edges form a cycle.
        """
        with torch.no_grad():
            self.parents.copy_(parents)
            self.logits.copy_(tables.double().logit())
            self.root_logits.copy_(roots.double().logit())
            if classes is not None:
                self.class_logits.copy_(classes.double().log())
        self.arrange()

    def arrange(self) -> None:
        """Compute the levels of the tree, which define the model's order."""
        depth = torch.full_like(self.parents, -1)
        at = (self.parents < 0).nonzero().flatten()
        self.levels: list[Tensor] = []
        above = self.parents.clamp_min(0)
        while len(at):
            depth[at] = len(self.levels)
            self.levels.append(at)
            below = (depth[above] == len(self.levels) - 1) & (self.parents >= 0) & (depth < 0)
            at = below.nonzero().flatten()
        if bool((depth < 0).any()):
            raise ValueError("these edges are not a tree: they contain a cycle")
        self.order = torch.cat(self.levels)
        self.rank = self.order.argsort()

    # -- the chain rule, from the roots down

    def weights(self, n: int) -> Tensor:
        """log p(class) of n examples, (n, C)."""
        return self.class_logits.log_softmax(0).expand(n, -1)

    def _root_log_probs(self) -> tuple[Tensor, Tensor]:
        """log p(x_r = 0 | c) and log p(x_r = 1 | c) of the roots, (R, C) each."""
        logits = self.root_logits[:, self.levels[0]].mT
        return F.logsigmoid(-logits), F.logsigmoid(logits)

    def ordered_logits(self, x: Tensor) -> Tensor:
        pixels = x[:, self.rank]
        roots = self.levels[0]
        zero, one = self._root_log_probs()
        bits = pixels[:, roots, None]
        seen = bits * one + (1 - bits) * zero
        # The evidence on the class from earlier roots, (B, R, C).
        weights = self.weights(len(x))[:, None] + seen.cumsum(1) - seen
        at_roots = (weights + one).logsumexp(2) - (weights + zero).logsumexp(2)
        rest = self.order[len(roots) :]
        low, high = self.logits[rest].unbind(1)
        return torch.cat([at_roots, low + (high - low) * pixels[:, self.parents[rest]]], dim=1)

    def cursor(self, n: int) -> Cursor:
        return _Cursor(self, n)

    def sample(self, n: int, progress: Progress | None = None) -> Tensor:
        shape = tuple(self.data_shape)
        return self.complete(torch.zeros(n, *shape), torch.zeros(shape).bool(), progress)

    # -- sum-product messages

    def _tables(self) -> Tensor:
        """log p(x_i = v | parent = u), (D, 2 of the parent, 2 of its own), float64."""
        logits = self.logits.double()
        return torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], dim=2)

    def _known(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        known = known.to(torch.bool)
        shape = tuple(self.data_shape)
        if tuple(known.shape) not in {shape, tuple(x.shape)}:
            raise SpecError(
                "known", tuple(known.shape), f"allowed: a mask of shape {shape} or (n, *{shape})"
            )
        if tuple(x.shape[1:]) != shape:
            raise DataError(
                f"this model expects examples of shape {shape}, not {tuple(x.shape[1:])}; "
                f"nothing was computed. Give (n, *{shape})."
            )
        wide = known.expand(x.shape)
        if not bool(((x == 0) | (x == 1) | ~wide).all()):
            raise DataError(
                "this model gives probabilities to binary pixels and some of these are neither 0 "
                "nor 1; nothing was computed. Set binarise=threshold or binarise=dynamic."
            )
        return x.flatten(1), wide.flatten(1)

    def _gather(self, x: Tensor, known: Tensor) -> _Messages:
        """Messages from the leaves to the roots, and on to the class."""
        x, known = self._known(x, known)
        tables = self._tables()
        local = torch.zeros(*x.shape, 2, dtype=torch.float64, device=x.device)
        local[..., 0].masked_fill_(known & (x == 1), -math.inf)
        local[..., 1].masked_fill_(known & (x == 0), -math.inf)
        upward = torch.zeros_like(local)
        for level in reversed(self.levels[1:]):
            sent = (tables[level] + local[:, level, None]).logsumexp(3)
            upward[:, level] = sent
            local.index_add_(1, self.parents[level], sent)
        # p(x_r = v | c), (R, C, 2), and the evidence below each root given the class, (B, R, C).
        roots = torch.stack(self._root_log_probs(), dim=2).double()
        below = (roots + local[:, self.levels[0], None]).logsumexp(3)
        weights = self.weights(len(x)).double() + below.sum(1)
        return _Messages(tables, local, upward, roots, below, weights)

    @torch.no_grad()
    def log_marginal(self, x: Tensor, known: Tensor) -> Tensor:
        return self._gather(x, known).weights.logsumexp(1).to(x.dtype)

    @torch.no_grad()
    def marginals(self, x: Tensor, known: Tensor) -> Tensor:
        m = self._gather(x, known)
        belief = m.local.clone()
        # Roots exchange evidence through the class: (B, R, C, 2) -> (B, R, 2).
        others = m.weights[:, None] - m.below
        belief[:, self.levels[0]] += (others.unsqueeze(3) + m.roots).logsumexp(2)
        for level in self.levels[1:]:
            above = belief[:, self.parents[level]] - m.upward[:, level]
            belief[:, level] += (m.tables[level] + above.unsqueeze(3)).logsumexp(2)
        return belief.softmax(2)[..., 1].to(x.dtype).view(x.shape)

    @torch.no_grad()
    def complete(self, x: Tensor, known: Tensor, progress: Progress | None = None) -> Tensor:
        """Draw the unknown pixels exactly from p(unknown | known), for any known pixels.

        Messages are passed up to the roots; then each pixel is drawn given its parent.

        Args:
            x: (B, *data_shape); the values of unknown pixels are ignored.
            known: boolean, data_shape or (B, *data_shape).
            progress: called with the fraction of pixels done and a message.

        Raises:
            SpecError: if the mask has another shape.
            DataError: if the examples have another shape, or a known pixel is neither 0 nor 1.
        """
        m = self._gather(x, known)
        roots = self.levels[0]
        c = torch.multinomial(m.weights.softmax(1), 1).squeeze(1)
        drawn = torch.zeros(m.local.shape[:2], dtype=torch.float64)
        belief = m.roots[:, c].movedim(0, 1) + m.local[:, roots]
        drawn[:, roots] = _coin(belief)
        done = len(roots)
        for level in self.levels[1:]:
            above = drawn[:, self.parents[level], None]
            low, high = m.tables[level].unbind(1)
            drawn[:, level] = _coin(torch.where(above > 0, high, low) + m.local[:, level])
            done += len(level)
            if progress is not None:
                progress(done / len(self.order), f"pixel {done} of {len(self.order)}")
        return drawn.to(x.dtype).view(x.shape)

    @torch.no_grad()
    def class_posterior(self, x: Tensor, known: Tensor) -> Tensor:
        """p(class | the known pixels), exact, (B, *data_shape) -> (B, C)."""
        return self._gather(x, known).weights.softmax(1).to(x.dtype)


@dataclass(frozen=True)
class _Messages:
    """The messages of the upward pass.

    Args:
        tables: log p(x_i | parent), (D, 2, 2).
        local: log p(known pixels below i | x_i), -inf if i is known to differ, (B, D, 2).
        upward: the message of i to its parent, (B, D, 2).
        roots: log p(x_r | c), (R, C, 2).
        below: log p(known pixels below and at r | c), (B, R, C).
        weights: log p(c, known pixels), (B, C).
    """

    tables: Tensor
    local: Tensor
    upward: Tensor
    roots: Tensor
    below: Tensor
    weights: Tensor


def _coin(log_weights: Tensor) -> Tensor:
    """Draws of 0 or 1 by their log-weights, (*, 2) -> (*)."""
    return torch.bernoulli(torch.sigmoid(log_weights[..., 1] - log_weights[..., 0]))


class _Cursor(Cursor):
    """Stores the evidence on the class, and the drawn pixels."""

    def __init__(self, model: TreeModel[Any], n: int) -> None:
        self.model = model
        self.pixels = torch.zeros(n, len(model.order))
        self.i = 0
        self.weights = model.weights(n)
        self.zero, self.one = model._root_log_probs()

    def logit(self) -> Tensor:
        model, i = self.model, self.i
        if i < len(self.zero):
            one = (self.weights + self.one[i]).logsumexp(1)
            return one - (self.weights + self.zero[i]).logsumexp(1)
        pixel = model.order[i]
        low, high = model.logits[pixel]
        result: Tensor = low + (high - low) * self.pixels[:, model.parents[pixel]]
        return result

    def push(self, bit: Tensor) -> None:
        i = self.i
        if i < len(self.zero):
            log_p = bit[:, None] * self.one[i] + (1 - bit[:, None]) * self.zero[i]
            self.weights = self.weights + log_p
        self.pixels[:, self.model.order[i]] = bit
        self.i += 1


@MODELS.register(
    "tree",
    title="Tree-structured Bayes net",
    summary="Each pixel depends on one other. The best tree and p(missing | known) are exact.",
    order=240,
)
class Tree(TreeModel[TreeOptions]):
    """p(x) = p(x_r) Π_i p(x_i | x_pa(i)) on the tree of largest mutual information.

    Source: Chow and Liu 1968, "Approximating discrete probability distributions with dependence
    trees"; messages: Pearl 1988, "Probabilistic reasoning in intelligent systems".
    """

    Options = TreeOptions


@MODELS.register(
    "class_tree",
    title="Tree-structured Bayes net with the class",
    summary="The class is the root of the tree, and is summed out or given.",
    order=250,
)
class ClassTree(LabelConditioned, TreeModel[TreeOptions], HasClassPosterior):
    """The tree over the class and the pixels, rooted at the class.

    log p(x) sums over the class exactly; given a label it is log p(x | class).

    Source: Chow and Liu 1968, section on pattern recognition; Friedman, Geiger and Goldszmidt
    1997, "Bayesian network classifiers".
    """

    Options = TreeOptions

    def __init__(self, options: TreeOptions, meta: DataMeta) -> None:
        super().__init__(options, meta, len(meta.classes))

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return super().incompatibility(meta) or cls.needs_labels(meta)

    def weights(self, n: int) -> Tensor:
        prior = super().weights(n)
        codes = self.codes(n)
        unknown = codes.sum(1, keepdim=True) == 0
        return torch.where(unknown, prior, torch.where(codes > 0, 0.0, -torch.inf))
