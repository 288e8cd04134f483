"""From VAE to GAN: one decoder, fitted by a bound on its likelihood and by a discriminator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from genlab.divergences.f import F
from genlab.divergences.jensen_shannon import LOG_2
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import divergences_1d
from genlab.lessons.base import LESSONS, Check, Equation, Quantity, signed, tex
from genlab.lessons.bridge import GOALS, SEEN, Goal
from genlab.lessons.panels import Bars, Curve, Curves, Panel, Table, array
from genlab.lessons.teaching import vae_to_gan
from genlab.lessons.vae_to_gan_numbers import BridgeNumbers

#: The gradient of any other loss.
STEEPEST = r"\nabla_\theta\, E_z[\ell_G(\operatorname{logit} D^{*}(G_\theta(z)))]"
#: The half-width of a central difference.
NEAR = 1e-3


@LESSONS.register(
    "vae_to_gan",
    title="From VAE to GAN",
    summary="What changes when a discriminator replaces the likelihood, on one toy example.",
)
class VAEToGAN(BridgeNumbers):
    """A Gaussian x = b + az, fitted to two bumps by an ELBO and by a discriminator."""

    chapter = 9
    idea = (
        "A VAE maximises a bound on the likelihood of every example, so an example that the "
        "model misses costs without limit. A GAN only draws samples, and a classifier between "
        "data and samples estimates the ratio of the densities: the logit of the best one "
        "**is** log p(x)/q(x). The generator then minimises a divergence in which a missed mode "
        "has a limited cost."
    )
    needs = (
        "vae",
        "kl_js",
    )
    goals = (
        ("name the parts of a VAE that a GAN drops, and what replaces them"),
        ("say why a VAE covers the data and a GAN may not"),
    )
    notes = (
        (
            "The names change: the decoder p(x | z) becomes the generator G, and its input comes "
            "from the prior instead of an encoder. The second net takes x in both models. The "
            "encoder q returns a distribution of codes, the discriminator D a probability."
        ),
    )
    questions, exercises = vae_to_gan.QUESTIONS, vae_to_gan.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "gan"}
    source = (
        "Kingma and Welling 2014; Goodfellow et al. 2014; Mohamed and Lakshminarayanan 2016, "
        "Learning in implicit generative models."
    )

    def equations(self) -> tuple[Equation, ...]:
        reconstruction, kl, rest, entropy = self.averages
        elbo = reconstruction - kl
        n = len(self.rule[0])
        vae, q = self.vae.marginal, self.q
        at = self.p.means[0]
        point = torch.tensor([at], dtype=torch.float64)
        ratio = float(self.p(point) - q(point))
        mine = float(self.game.critic.logit(self.learned[0].theta, point[:, None]))
        js = self.apart["js"][1]
        goal = GOALS.get(self.options.loss)
        return (
            Equation(
                "A VAE maximises a lower bound of the likelihood. This needs an encoder, and a "
                "decoder with a density.",
                r"E_p[\log p_\theta(x)] \ge E_p\big[E_{q(z \mid x)} \log p_\theta(x \mid z)"
                r" - \mathrm{KL}(q(z \mid x) \,\|\, p(z))\big]",
                rf"{tex(elbo + rest)} \ge {tex(reconstruction)} - {tex(kl)} = {tex(elbo)}",
                (Quantity("E ELBO", elbo, "grid", "nats", n),),
            ),
            Equation(
                "Maximising the likelihood minimises KL from the data to the model. Data that the "
                "model misses cost without limit; samples where there are no data cost little. "
                "The best Gaussian has the data's mean and variance.",
                r"\mathrm{KL}(p \,\|\, p_\theta) = -H(p) - E_p[\log p_\theta(x)]",
                rf"{tex(self.apart['kl'][0])} = -{signed(entropy)} - {signed(elbo + rest)}"
                rf",\qquad \mu = {tex(vae.mean)},\ \sigma = {tex(math.sqrt(vae.variance))}",
                (Quantity("KL(p ‖ VAE)", self.apart["kl"][0], "exact", "nats"),),
            ),
            Equation(
                "A GAN has no density to evaluate. A classifier between data and samples gives "
                f"the ratio of the densities instead: its logit, here at x = {at:.3g}.",
                r"\operatorname{logit} D^{*}(x) = \log \frac{p(x)}{q(x)}",
                rf"\operatorname{{logit}} D = {tex(mine)},\qquad"
                rf" \log \frac{{p}}{{q}} = {tex(ratio)}",
                (
                    Quantity("logit D, learned", mine, "grid", "nats", n),
                    Quantity("log p/q", ratio, "exact", "nats"),
                ),
            ),
            Equation(
                "The best value of the game measures a divergence that stays finite where one of "
                "the two densities is 0.",
                r"V(D^{*}) = 2\,\mathrm{JS}(p \,\|\, q) - \log 4 \ge V(D)",
                rf"{tex(self._value(None))} = {tex(js)} - {tex(2 * LOG_2)} \ge"
                rf" {tex(self._value(self.learned[0]))}",
                (Quantity("JS(p ‖ q)", js / 2, "exact", "nats"),),
            ),
            Equation(
                "The generator minimises its loss against D. Against D* this follows the gradient "
                "of a divergence, but not always of the divergence that D measures.",
                rf"\nabla_\theta \left[{goal.symbols}\right]" if goal else STEEPEST,
                rf"\mu = {tex(q.mean)},\quad \sigma = {tex(math.sqrt(q.variance))}",
                (Quantity("KL(q ‖ p) of the GAN", self.apart["reverse_kl"][1], "exact", "nats"),),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        reconstruction, kl, rest, entropy = self.averages
        x, w = self.rule
        marginal = float((w * self.vae.marginal(x)).sum())
        n = len(x)
        phi, marginal_density, points = self.generator[0].phi, self.vae.marginal, self.field.x
        weighed = self.game.log_q(phi, points).exp() * self.game.log_ratio(phi, points)
        inside = float(weighed.sum()) * self.field.volume
        found = [
            Check(
                "log p(x) = ELBO + KL(q(z|x) ‖ p(z|x)), on average over the data.",
                marginal,
                reconstruction - kl + rest,
                "log-density of the marginal N(b, a² + s²)",
                "closed forms of the three terms",
                "grid",
                "nats",
                1e-9,
                n,
            ),
            Check(
                "The VAE has the mean of the data,",
                marginal_density.mean,
                self.p.mean,
                "gradient ascent of the ELBO",
                "Σ w μ",
                "exact",
                "data units",
                1e-4,
            ),
            Check(
                "and their variance, so it covers the mass.",
                marginal_density.variance,
                self.p.variance,
                "gradient ascent of the ELBO",
                "Σ w (σ² + μ²) − mean²",
                "exact",
                "data units²",
                1e-3,
            ),
            Check(
                "KL(p ‖ VAE) is the gap of the log-likelihood to its maximum.",
                self.apart["kl"][0],
                -entropy - marginal,
                "adaptive quadrature of p log p/q",
                "−H(p) − E_p log p(x)",
                "grid",
                "nats",
                1e-5,
            ),
            Check(
                "V(D*) = 2 JS − log 4.",
                self._value(None),
                self.apart["js"][1] - 2 * LOG_2,
                f"V summed over {len(self.field.x):,} points",
                "adaptive quadrature of JS",
                "grid",
                "nats",
                1e-6,
            ),
            Check(
                "The value of the learned D is smaller.",
                self._value(self.learned[0]),
                self._value(None),
                "V(D), the same points",
                "V(D*)",
                "grid",
                "nats",
                1e-12,
                relation="≤",
            ),
            Check(
                "The mean of −logit D* over samples is KL(q ‖ p): D* is a ratio of densities.",
                -inside,
                self.apart["reverse_kl"][1],
                f"−∫ q logit D*, {len(self.field.x):,} points",
                "adaptive quadrature of q log q/p",
                "grid",
                "nats",
                1e-6,
            ),
        ]
        goal = GOALS.get(self.options.loss)
        if goal is not None:
            found += [
                Check(
                    f"At the fitted G, the derivative of {goal.name} in {axis} is 0.",
                    self._slope(goal, k),
                    0.0,
                    "central difference of the divergence by adaptive quadrature",
                    "zero",
                    "exact",
                    "nats per data unit",
                    1e-2,
                )
                for k, axis in enumerate(("the mean", "the standard deviation"))
            ]
        return tuple(found)

    def _slope(self, goal: Goal, axis: int) -> float:
        """The derivative of a divergence in q's mean (0) or standard deviation (1)."""
        at = [self.q.mean, math.sqrt(self.q.variance)]
        ends = []
        for sign in (1, -1):
            there = list(at)
            there[axis] += sign * NEAR
            rows = [F[name] for name in goal.parts]
            found = divergences_1d(rows, self.p, gaussian(*there))
            ends.append(sum(k * e.value for k, e in zip(goal.parts.values(), found, strict=True)))
        return (ends[0] - ends[1]) / (2 * NEAR)

    def panels(self) -> tuple[Panel, ...]:
        x = torch.linspace(
            min(self.p.means[0] - 4 * self.p.stds[0], -4.0),
            max(self.p.means[1] + 4 * self.p.stds[1], 4.0),
            401,
            dtype=torch.float64,
        )
        at = array(x)
        state, seen = self.learned
        with torch.no_grad():
            logit = self.game.critic.logit(state.theta, x[:, None])
            ratio = self.p(x) - self.q(x)
            bound, evidence = self.vae.elbo(x), self.vae.marginal(x)
        names = tuple(SEEN.values())
        steps, values = (np.array(row) for row in zip(*seen, strict=True))
        best = self._value(None)
        return (
            Curves(
                "One Gaussian for two bumps",
                "exact densities after both fits",
                (
                    Curve("p, the data", at, array(self.p(x).exp()), "area", "data"),
                    Curve("VAE, by the ELBO", at, array(evidence.exp()), "line", 0),
                    Curve("GAN, by D", at, array(self.q(x).exp()), "dash", 1),
                ),
                "x",
                "density",
            ),
            Curves(
                "D is an estimator of a ratio of densities",
                f"exact functions · D learned for {self.options.d_steps} steps on the GAN's "
                "generator",
                (
                    Curve("log p/q = logit D*", at, array(ratio).clip(-12, 12), "dash", 3),
                    Curve("logit D, learned", at, array(logit).clip(-12, 12), "line", 0),
                ),
                "x",
                "logit (nats)",
            ),
            Curves(
                "The value of D and its bound",
                f"grid of {len(self.field.x):,} points",
                (Curve("V(D)", steps, values, "line", 0),),
                "steps of D",
                "V (nats)",
                levels=((f"2 JS − log 4 = {best:.4f}", best), ("−log 4", -2 * LOG_2)),
            ),
            Curves(
                "What the VAE has instead: a bound for each example",
                "closed forms, nats · exact where the encoder is the posterior",
                (
                    Curve("log p(x)", at, array(evidence), "dash", 3),
                    Curve("ELBO(x)", at, array(bound), "line", 0),
                ),
                "x",
                "nats",
            ),
            Bars(
                "The two fits by three divergences",
                "exact, by quadrature · nats",
                names,
                tuple(
                    (who, np.array([self.apart[name][k] for name in SEEN]))
                    for k, who in enumerate(("VAE", "GAN"))
                ),
                "nats",
            ),
            Table(
                "What changes",
                "the same prior N(0, 1) and the same linear map in both",
                ("", "VAE", "GAN"),
                CHANGES,
            ),
        )


#: Properties of the VAE and of the GAN.
CHANGES = (
    ("the net that generates x", "decoder p(x | z), its name here p", "generator, its name G"),
    ("its input", "a draw z of the encoder", "a draw z of the prior"),
    ("required of the model", "a density p(x | z)", "only samples x = G(z)"),
    ("second net", "encoder q(z | x), its name q", "discriminator D(x), named D"),
    ("its input", "an example x of the data", "examples x of the data and samples G(z)"),
    (
        "what is optimised",
        "a lower bound of log p(x), maximised",
        "the value of a game, a saddle point",
    ),
    ("the bound is tight when", "q(z | x) = p(z | x)", "D = p/(p + q)"),
    ("divergence, bound tight", "KL(p ‖ q)", "2 JS − log 4 (minimax)"),
    ("a missed mode", "costs without limit", "costs at most 2 log 2 (minimax)"),
    ("codes of examples", "by the encoder", "none, without an additional encoder"),
    ("number for comparing runs", "the ELBO", "none: V(D) depends on D"),
)
