"""The f-GAN: one objective for every row of the table of f-divergences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from torch import Tensor

from genlab.core.measure import Kind, Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.divergences.f import F, FDivergence
from genlab.divergences.fgan_activations import original_activation
from genlab.divergences.formula import from_formula
from genlab.objectives.adversarial import AdversarialLoss, PlainAdversarial

#: Option of the objective -> the row of the table whose parameter it is.
FAMILIES = {"alpha": "alpha", "pi": "js_weighted"}


#: A formula's conjugate is found by numbers; a form asks for it at every redraw.
_own = lru_cache(maxsize=16)(from_formula)


@dataclass(frozen=True)
class FGANOptions(Options):
    """Which divergence, and how the generator follows it."""

    divergence: str = option(
        "kl",
        "the f-divergence D(data ‖ model). Expect two to train badly: total_variation, whose best "
        "critic is ±½ and gives the generator hardly a slope, and between separate modes neyman, "
        "which is as good as infinite wherever the model reaches and the data do not",
        choices=F.names,
        label="f-divergence",
    )
    formula: str = option(
        "", "an f(u) of your own, such as u*log(u), in place of the row above", label="Own f(u)"
    )
    generator_loss: str = option(
        "bound",
        "bound: lower −E f*(T), the bound itself; alternative: raise E T on generated examples",
        choices=("bound", "alternative"),
        label="Generator loss",
    )
    alpha: float = option(
        0.5,
        "α of the row alpha (not 0 or 1)",
        low=-5.0,
        high=5.0,
        advanced=True,
        label="α of the α-divergence",
    )
    pi: float = option(
        0.3,
        "π of the row js_weighted: the weight of the data",
        low=0.001,
        high=0.999,
        advanced=True,
        label="Data weight π",
    )
    output_activation: str = option(
        "original",
        "T = g(score) of the rows alpha and js_weighted. centred: at p = q the best score is 0, "
        "a fresh critic's bound near 0; original: as in earlier runs, where α from 0.8 to 1 "
        "diverges at the first step. Above α = 1 both are the score itself",
        choices=("centred", "original"),
        advanced=True,
        label="Output activation of the critic",
    )

    def __post_init__(self) -> None:
        self.row()

    def row(self) -> FDivergence:
        """The row of the table, with its parameter, or that of the formula.

        Raises:
            SpecError: for a parameter that the family excludes, or a formula that is no generator.
        """
        if self.formula.strip():
            return _own(self.formula.strip())
        row: FDivergence = F[self.divergence]
        for name, family in FAMILIES.items():
            if family == self.divergence:
                member = row.with_parameter(getattr(self, name))
                # Above 1 the score itself is centred too. With e^{αv} for f* in its place the
                # generator is thrown out of reach: 0 or 1 mode of the ring's 8 at α = 2 and 3.
                old = self.output_activation == "original" or (name == "alpha" and self.alpha > 1)
                return original_activation(member) if old else member
        return row


@OBJECTIVES.register("fgan", title="f-GAN, any divergence", order=100)
class FGAN(PlainAdversarial):
    """max_T min_G E_P[T] − E_Q[f*(T)] ≤ D_f(P‖Q), with the critic T = g_f(V).

    The score of the critic is V. f*(g_f(V)) is one formula of the table, so the edge of the
    domain of f* is never touched. The alternative trick lets the generator raise E_Q[T].

    Source: Nowozin, Cseke and Tomioka 2016, "f-GAN", equation 4, algorithm 1 and section 3.2.
    """

    Options = FGANOptions
    options: FGANOptions

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        # Where the critic saw no example its score must not grow on: f* of it is exponential (KL)
        # or a square (Pearson), the generator follows it outwards, and the game is lost within
        # some hundred steps. The source's critics are of tanh as well. Its batches have 1,024
        # examples, as p/q weighs them unevenly: with 128 KL found two Gaussians eight standard
        # deviations apart on no seed of two, with 256 on both. The rate falls to 0 as a generator
        # that moves blurs what it has found.
        return {
            "critic_activation": "tanh",
            "batch": 256,
            "steps": 3000,
            "lr_final_ratio": 0.0,
            "output_activation": "centred",
        }

    @cached_property
    def critic_divergence(self) -> FDivergence:
        """The row of the table that the critic bounds."""
        return self.options.row()

    @property
    def row(self) -> AdversarialLoss:  # type: ignore[override]
        """The losses of the divergence."""
        f = self.critic_divergence
        alternative = self.options.generator_loss == "alternative"
        return AdversarialLoss(
            "fgan",
            f.title,
            "",
            real=lambda v: -f.activation(v),
            fake=f.conjugate_of_activation,
            generator=lambda v: -f.activation(v) if alternative else -f.conjugate_of_activation(v),
            # At P = Q the best T is f'(1), and f*(f'(1)) = f'(1) − f(1).
            equilibrium=(
                -f.at_one,
                -f.threshold if alternative else f.at_one - f.threshold,
            ),
            logit=False,
            unit=f.unit,
            best=f.score,
        )

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        f = self.critic_divergence
        return (
            *super().series,
            Series(
                "f_bound",
                f"{f.title}: lower bound E T(x) − E f*(T(G(z))), training batch",
                "divergence",
                f.unit,
                kind,
                direction="lower",
                truth=f.at_one,
                truth_label=f"P = Q: {f.at_one:.3g}",
            ),
        )

    def score_series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        rule = "T > f′(1), training batch"
        return (
            Series("t_real", f"share of real with {rule}", "confidence", "probability", kind),
            Series("t_fake", f"share of generated with {rule}", "confidence", "probability", kind),
        )

    def score_terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        f = self.critic_divergence
        sorts = {"t_real": real.detach(), "t_fake": fake.detach()}
        return {name: (f.activation(v) > f.threshold).to(v) for name, v in sorts.items()}

    def discriminator_terms(self, loss: Tensor, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return {**super().discriminator_terms(loss, real, fake), "f_bound": -loss}
