"""The GAN game played by hand: either player takes a step, and D approaches D*."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from genlab.core.random import generator
from genlab.divergences.f import F
from genlab.divergences.jensen_shannon import LOG_2
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import divergence_1d
from genlab.lessons.base import LESSONS, Check, Equation, Move, Quantity, tex
from genlab.lessons.game import grid, nodes
from genlab.lessons.game_boards import (
    OPENING,
    OTHER,
    STEP,
    _back,
    _then,
)
from genlab.lessons.gan_game_numbers import GANGameNumbers
from genlab.lessons.panels import Curve, Curves, Panel, Plane, array, ellipse
from genlab.lessons.teaching import gan_game


@LESSONS.register(
    "gan_game",
    title="The GAN game, move by move",
    summary="Step either player and watch D approach D* = p/(p + q).",
)
class GANGame(GANGameNumbers):
    """min over G, max over D of E_p log D(x) + E_q log(1 − D(x)), with q known exactly."""

    chapter = 10
    idea = (
        "There are two players: D estimates the probability that x is real, and G moves its "
        "samples to where D says real. With G fixed, D approaches D* = p/(p + q), and the "
        "value of the game rises to at most 2 JS − log 4. With D fixed, G follows the gradient "
        "of D, whether D is right or wrong."
    )
    needs = ("vae_to_gan",)
    goals = (
        ("say what D* is and what its value measures"),
        ("say when a generator's slope fades"),
    )
    notes = (
        (
            "If D is far from D*, the generator moves in a wrong direction; if D is certain, "
            "the minimax gradient vanishes. Here q is a Gaussian, so that D* and JS are known at "
            "every step."
        ),
    )
    questions, exercises = gan_game.QUESTIONS, gan_game.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "gan"}
    source = "Goodfellow et al. 2014, Generative adversarial nets, section 4."
    moves = (
        _then("D1"),
        _then("G1"),
        _then("D50"),
        _then("G10"),
        _then("R1"),
        _then("R20"),
        Move("Take back", "moves", _back, "Without the last entry.", ":material/undo:"),
        Move(
            "Restart",
            "moves",
            lambda _: OPENING,
            f"The opening, {OPENING}.",
            ":material/restart_alt:",
        ),
    )

    def equations(self) -> tuple[Equation, ...]:
        last, state = self.played.moments[-1], self.state
        mean, covariance = self.game.moments(state.phi)
        with torch.no_grad():
            ratio = float(self.game.log_ratio(state.phi, mean[None])[0])
            mine = float(self.game.critic.logit(state.theta, mean[None])[0])
        n = len(self.field.x)
        mean_text = ", ".join(tex(float(m), 2) for m in mean)
        spread = ", ".join(tex(float(v), 2) for v in covariance.diagonal().sqrt())
        return (
            Equation(
                "The value of the game: D maximises it, G minimises it (or maximises log D of "
                "its own samples, which has the same fixed point and a larger gradient where D "
                "< ½).",
                r"V(D, G) = E_p[\log D(x)] + E_q[\log(1 - D(x))]",
                rf"V = {tex(last.value)}\qquad \text{{after }} {self.played.d}"
                rf"\text{{ steps of }} D,\ {self.played.g}\text{{ of }} G",
                (Quantity("V(D)", last.value, "grid", "nats", n),),
            ),
            Equation(
                "For a fixed G the optimal D compares the two densities; its logit is the log "
                f"of their ratio. At the generator's mean ({mean_text}):",
                r"D^{*}(x) = \frac{p(x)}{p(x) + q(x)},\qquad"
                r" \operatorname{logit} D^{*}(x) = \log \frac{p(x)}{q(x)}",
                rf"\operatorname{{logit}} D^{{*}} = {tex(ratio)},\qquad"
                rf" \operatorname{{logit}} D = {tex(mine)}",
                (
                    Quantity("D*", _sigmoid(ratio), "exact", "probability"),
                    Quantity("D", _sigmoid(mine), "exact", "probability"),
                    Quantity("generator's standard deviation (first axis)",
                             float(covariance[0, 0].sqrt()), "exact", "data units"),
                ),
            ),
            Equation(
                "With the optimal D the value is twice the Jensen-Shannon divergence minus log "
                "4. Any other D has a lower value; the difference is its divergence from D*.",
                r"V(D, G) = 2\,\mathrm{JS}(p \,\|\, q) - \log 4"
                r" - \int (p + q)\,\mathrm{KL}(D^{*} \,\|\, D)\,dx",
                rf"{tex(last.value)} = 2 \cdot {tex(self.js)} - {tex(2 * LOG_2)}"
                rf" - {tex(self.gap)}",
                (
                    Quantity("JS(p ‖ q)", self.js, "grid", "nats", n),
                    Quantity("V(D*) = 2 JS − log 4", last.best, "grid", "nats", n),
                    Quantity("what D is short of", self.gap, "grid", "nats", n),
                ),
            ),
            Equation(
                "At q = p the two cannot be distinguished: D* is ½ everywhere, and the value "
                "is minimal.",
                r"q = p:\qquad D^{*} = \tfrac12,\qquad V = -\log 4",
                rf"q \text{{ has mean }} ({mean_text}) \text{{ and standard deviation }} "
                rf"({spread});"
                rf"\quad V(D^{{*}}) + \log 4 = {tex(2 * self.js)}",
            ),
        )  # fmt: skip

    def check(self) -> tuple[Check, ...]:
        last, game, state = self.played.moments[-1], self.game, self.state
        n = len(self.field.x)
        independent, how = self._by_another_rule()
        direction = torch.randn(
            len(state.phi), generator=generator(0, "direction"), dtype=torch.float64
        )
        moved = (game.step_g(state).phi - state.phi) / -game.rate_g
        slope = float(moved @ direction)
        ends = [
            float(game.loss_g(state.theta, state.phi + sign * STEP * direction))
            for sign in (1, -1)
        ]
        return (
            Check(
                "With D* the value of the game is 2 JS − log 4.",
                last.best,
                2 * independent - 2 * LOG_2,
                f"V(D*) summed over a grid of {n:,} points",
                how,
                "grid",
                "nats",
                1e-4 if game.dim == 2 else 1e-6,
            ),
            Check(
                "No D has a larger value than D*.",
                last.value,
                last.best,
                "V of the D that was played",
                "V of D* = p/(p + q), the same grid",
                "grid",
                "nats",
                1e-12,
                relation="≤",
            ),
            Check(
                "D is short of the bound by its divergence from D*.",
                last.best - last.value,
                self.gap,
                "V(D*) − V(D)",
                "∫ (p + q) KL(D* ‖ D)",
                "grid",
                "nats",
                1e-9,
            ),
            Check(
                "The slope that moves G is that of its loss.",
                slope,
                (ends[0] - ends[1]) / (2 * STEP),
                "the step that G would take, along a random direction, over its size",
                "central difference of the loss",
                "exact",
                "nats",
                1e-5 * max(1.0, abs(slope)),
            ),
            *self._reference(),
        )

    def _by_another_rule(self) -> tuple[float, str]:
        """JS(p ‖ q) without the grid."""
        phi, target = self.state.phi, self.board.target
        if self.game.dim == 1:
            p = Mixture1D(target.weights, tuple(m[0] for m in target.means), target.stds)
            q = gaussian(float(phi[0]), float(phi[1].exp()))
            return divergence_1d(F["js"], p, q).value / 2, "adaptive quadrature of JS"
        fine = grid(self.board.low, self.board.high, OTHER)
        row = F["js"].integrand(target.log_prob(fine.x), self.game.log_q(phi, fine.x))
        return (
            float(row.sum()) * fine.volume / 2,
            f"∫ q f(p/q) of the row js on a grid of {OTHER} x {OTHER}",
        )

    @staticmethod
    def _reference() -> tuple[Check, ...]:
        """N(0, 1) against N(2, 1): exact values to hold the machinery to."""
        p, q = gaussian(0.0, 1.0), gaussian(2.0, 1.0)
        z, w = nodes(120, 1)
        # log p − log q = 2 − 2x, so the two expectations of the value are one, by symmetry.
        by_rule = float(w @ logsigmoid(2.0 - 2.0 * z[:, 0])) + LOG_2
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        logit = p(ends) - q(ends)
        return (
            Check(
                "N(0, 1) against N(2, 1): JS is 0.33683.",
                divergence_1d(F["js"], p, q).value / 2,
                by_rule,
                "adaptive quadrature",
                "E log D*(x) + log 2 by Gauss-Hermite, 120 nodes",
                "exact",
                "nats",
                1e-6,
            ),
            Check(
                "and logit D* = 2 − 2x.",
                float(logit[1] - logit[0]),
                (0.0 - 2.0) / 1.0,
                "slope of log p − log q",
                "(μ_p − μ_q)/σ²",
                "exact",
                "",
                1e-12,
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        return (*(self._line() if self.game.dim == 1 else self._plane()), self._history())

    def _history(self) -> Curves:
        moments = self.played.moments
        steps = np.array([m.steps for m in moments], dtype=float)
        curves = [
            Curve("V(D*) at that step: 2 JS − log 4", steps,
                  np.array([m.best for m in moments]), "dash", 3),
            Curve("V(D)", steps, np.array([m.value for m in moments]), "line", 0),
        ]  # fmt: skip
        moved = [m for m in moments if m.player == "G"]
        if moved:
            curves.append(
                Curve("after a step of G", np.array([float(m.steps) for m in moved]),
                      np.array([m.value for m in moved]), "points", 1)
            )  # fmt: skip
        return Curves(
            "The value of the game, and its bound",
            f"grid of {len(self.field.x):,} points · below the bound by how far D is from D*",
            tuple(curves),
            "steps of both players",
            "V (nats)",
            levels=(("−log 4: q = p", -2 * LOG_2),),
        )

    def _line(self) -> tuple[Panel, ...]:
        x = torch.linspace(*self.board.window, 401, dtype=torch.float64)
        game, state = self.game, self.state
        with torch.no_grad():
            log_p, log_q = game.target.log_prob(x[:, None]), game.log_q(state.phi, x[:, None])
            logit = game.critic.logit(state.theta, x[:, None])
            z, _ = game.noise
            points = game.generate(state.phi, z)
        pulled = game.slope(state, x[:, None])[:, 0]
        best = log_p - log_q
        at = array(x)
        inside = (points[:, 0] > self.board.window[0]) & (points[:, 0] < self.board.window[1])
        spots = array(points[inside, 0])
        return (
            Curves(
                "The data and the generator",
                "exact densities · x = μ + σz",
                (
                    Curve("p, the data", at, array(log_p.exp()), "area", "data"),
                    Curve("q, the generator", at, array(log_q.exp()), "line", "generated"),
                    Curve("nodes of q", spots, np.zeros_like(spots), "points", "generated"),
                ),
                "x",
                "density",
            ),
            Curves(
                "What D believes, and what is true",
                "exact values of both functions",
                (
                    Curve("D* = p/(p + q)", at, array(best.sigmoid()), "dash", 3),
                    Curve("D", at, array(logit.sigmoid()), "line", 0),
                    Curve("½", at, np.full_like(at, 0.5), "faint", -1),
                ),
                "x",
                "probability that x is real",
            ),
            Curves(
                "Where G's samples are pulled",
                "exact slopes · positive: to the right; dashed: with D* in the place of D",
                (
                    Curve("with D", at, array(pulled), "line", 0),
                    Curve("with D*", at, array(self._pull_of_best(x)), "dash", 3),
                ),
                "x",
                "−d loss / dx (nats per data unit)",
            ),
        )

    def _pull_of_best(self, x: Tensor) -> Tensor:
        at = x.clone().requires_grad_()
        loss = self.game.loss.generator(self.game.log_ratio(self.state.phi, at[:, None])).sum()
        (slope,) = torch.autograd.grad(loss, at)
        return -slope

    def _plane(self) -> tuple[Panel, ...]:
        low, high = self.board.window
        seen = grid((low, low), (high, high), 70)
        game, state = self.game, self.state
        with torch.no_grad():
            mine = game.critic.logit(state.theta, seen.x).sigmoid()
            log_p = game.target.log_prob(seen.x)
            best = (log_p - game.log_q(state.phi, seen.x)).sigmoid()
            z = torch.randn(200, 2, generator=generator(0, "shown"), dtype=torch.float64)
            points = game.generate(state.phi, z)
        x, y = (array(axis) for axis in seen.axes)

        def square(values: Tensor) -> np.ndarray:
            return array(values).reshape(70, 70)

        mean, covariance = game.moments(state.phi)
        rim = Curve(
            "q, two standard deviations", *ellipse(mean, covariance, 2.0), "line", "generated"
        )
        some = points[:60]
        pull = game.slope(state, some)
        longest = float(torch.linalg.vector_norm(pull, dim=1).max())
        ends = some + pull * (1.2 / longest if longest > 0 else 0.0)
        gap = torch.full_like(some[:, 0], math.nan)
        arrows = [array(torch.stack([some[:, k], ends[:, k], gap], 1).flatten()) for k in (0, 1)]
        return (
            Plane(
                "The data and the generator",
                "exact density of the data · 200 draws of q, each with the way D pulls it "
                f"(60 of them; the longest is {longest:.2g} nats per data unit)",
                (x, y, square(log_p.exp())),
                (rim, Curve("pull", arrows[0], arrows[1], "faint", 3)),
                array(points),
                "draws of q",
                grid_is="p",
                grid_colour="data",
            ),
            Plane(
                "D, what it believes",
                "exact values · clear 0, full colour 1",
                (x, y, square(mine)),
                (rim,),
                span=(0.0, 1.0),
                grid_is="D",
            ),
            Plane(
                "D* = p/(p + q), what is true",
                "exact values · clear 0, full colour 1",
                (x, y, square(best)),
                (rim,),
                span=(0.0, 1.0),
                grid_is="D*",
            ),
            Plane(
                "|D − D*|, where it is wrong",
                "exact values · where neither density has mass, D is unconstrained · largest "
                f"{float((mine - best).abs().max()):.2g}",
                (x, y, square((mine - best).abs())),
                (rim,),
                span=(0.0, 1.0),
                grid_is="|D − D*|",
            ),
        )


def _sigmoid(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float64).sigmoid())
