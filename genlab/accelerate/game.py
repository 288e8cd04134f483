"""The gradients of a two-player game without a graph, where both nets are fused MLPs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from genlab.accelerate.fused_mlp import FusedMLP, Pass
from genlab.core.lazy_terms import LazyTerms

#: A function of the critic's scores, (B,) -> (B,).
ScoreLoss = Callable[[Tensor], Tensor]
#: The terms that a page draws, from the discriminator's loss and both scores, (B,) each.
DiscriminatorTerms = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]


class ScoreLosses(Protocol):
    """The losses of both players, each the mean of a function of the critic's scores."""

    @property
    def real(self) -> ScoreLoss:
        """The discriminator's loss on real examples."""

    @property
    def fake(self) -> ScoreLoss:
        """The discriminator's loss on generated examples."""

    @property
    def generator(self) -> ScoreLoss:
        """The generator's loss on generated examples."""


@runtime_checkable
class Differentiable(Protocol):
    """A function of the critic's scores whose derivative is known in closed form."""

    def derivative(self, score: Tensor) -> Tensor:
        """The derivative at each score, (B,) -> (B,)."""


def loss_gradient(loss: ScoreLoss) -> Callable[[Tensor, Tensor, Tensor], None]:
    """Return a function that puts the gradient of the mean of a loss into a buffer.

    The returned function takes the buffer (B,), the scores (B,) and 1/B, ().

    Args:
        loss: a function of scores; its own ``derivative`` is used where it has one.
    """
    if isinstance(loss, Differentiable):
        derivative = loss.derivative

        def closed_form(out: Tensor, score: Tensor, share: Tensor) -> None:
            torch.mul(derivative(score), share, out=out)

        return closed_form

    def by_autograd(out: Tensor, score: Tensor, _share: Tensor) -> None:
        with torch.enable_grad():
            leaf = score.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss(leaf).mean(), leaf)
        out.copy_(gradient)

    return by_autograd


class Game:
    """Generator against critic on batches of one size, without a graph.

    The gradients of the nets come from their own backward passes; autograd computes at most the
    derivative of a loss in the scores. Both players of a step see one draw of z. Use it without a
    graph (``torch.no_grad``).

    Args:
        losses: the losses of both players.
        terms: the discriminator's terms from its loss and the scores.
        generator, critic: the nets.
        flatten: returns examples as the critic takes them, (B, *data_shape) -> (B, dim).
        latent: returns z, (B, latent).
        n: B, examples of a batch.
    """

    def __init__(
        self,
        losses: ScoreLosses,
        terms: DiscriminatorTerms,
        generator: FusedMLP,
        critic: FusedMLP,
        *,
        flatten: Callable[[Tensor], Tensor],
        latent: Callable[[], Tensor],
        n: int,
    ) -> None:
        self.n, self._losses, self._terms = n, losses, terms
        self._flatten, self._latent = flatten, latent
        self._generator, self._critic = generator, critic
        self._addresses = self._weight_addresses()
        first = generator.weights[0]
        #: Real examples, and behind them the generated.
        both = first.new_empty(2 * n, critic.sizes()[0])
        self._real, generated = both.split(n)
        self._generate = Pass(generator, first.new_empty(n, generator.sizes()[0]), generated)
        self._score_both = Pass(critic, both)
        self._score_generated = Pass(
            critic,
            generated,
            to_x=self._generate.gradient,
            to_weights=False,
            reuse=self._score_both,
        )
        self._scores = self._score_both.out.view(2, n)
        self._at_real, self._at_fake = self._score_both.gradient.view(2, n)
        self._score = self._score_generated.out.view(n)
        self._at_generated = self._score_generated.gradient.view(n)
        self._share = first.new_tensor(1.0 / n)
        self._real_gradient = loss_gradient(losses.real)
        self._fake_gradient = loss_gradient(losses.fake)
        self._generator_gradient = loss_gradient(losses.generator)

    def _weight_addresses(self) -> tuple[int, int]:
        return self._generator.weights[0].data_ptr(), self._critic.weights[0].data_ptr()

    def is_current(self, n: int) -> bool:
        """Return whether it is for batches of n and the weights are still where they were.

        They move when a model changes its type of number.
        """
        return self.n == n and self._addresses == self._weight_addresses()

    def start(self, x: Tensor) -> None:
        """Begin a step on a batch, (B, *data_shape), with one draw of z for all its turns."""
        self._real.copy_(self._flatten(x))
        self._generate.x.copy_(self._latent())
        self._generate.forward()

    def turn(self, player: str) -> LazyTerms:
        """Put the gradients of one player's loss into ``.grad`` of its weights.

        Args:
            player: ``generator`` or ``discriminator``.

        Returns:
            The terms of its loss, (B,) each.
        """
        return self._generator_turn() if player == "generator" else self._critic_turn()

    def _critic_turn(self) -> LazyTerms:
        losses, terms = self._losses, self._terms
        self._score_both.forward()
        # A copy: the terms may be read after the next step.
        real, fake = self._scores.clone().unbind()
        self._real_gradient(self._at_real, real, self._share)
        self._fake_gradient(self._at_fake, fake, self._share)
        self._score_both.backward()
        self._critic.assign_gradients()
        return LazyTerms(lambda: terms(losses.real(real) + losses.fake(fake), real, fake))

    def _generator_turn(self) -> LazyTerms:
        loss = self._losses.generator
        self._score_generated.forward()
        score = self._score.clone()
        self._generator_gradient(self._at_generated, score, self._share)
        self._score_generated.backward()
        self._generate.backward()
        self._generator.assign_gradients()
        return LazyTerms(lambda: {"loss_generator": loss(score)})
