"""Stochastic variational inference: where the exact posterior is known, and on bags of pixels."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Option, Options, option
from genlab.core.random import generator
from genlab.core.tables import DATASETS
from genlab.inference.conjugate import BetaBernoulli, Conjugate, NormalMean, Posterior
from genlab.inference.lda import LDA
from genlab.inference.svi import SVI, RobbinsMonro, Search
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.lessons.panels import Array, Curve, Curves, Matrix, Panel, Plane, array
from genlab.lessons.teaching import svi
from genlab.models.topics import words

#: What θ was when the data were made.
TRUTH = {"coin": 0.3, "normal": 1.5}
#: The known standard deviation of the Normal data.
SD = 2.0
#: Of the topics: concentrations α and η, words of a white pixel, held-out pictures, most sweeps.
MIXING, INK, LEVELS, HELD, MOST_SWEEPS = 1.0, 0.1, 16, 100, 12
TOPICS = (Option("topics", int, 10, "number K of topics", low=2, high=20, label="Topics K"),)


@dataclass(frozen=True)
class SVIOptions(Options):
    """Options of the lesson."""

    model: str = option(
        "coin",
        "what is inferred; coin and normal are conjugate, topics of 8×8 digits are not",
        choices=("coin", "normal", "topics"),
        label="Model",
    )
    examples: int = option(1000, "size N of the data set", low=50, high=5000, label="Examples N")
    batch: int = option(10, "examples B a step", low=1, high=50, label="Batch size B")
    steps: int = option(200, "steps", low=1, high=600, label="Optimisation steps")
    kappa: float = option(
        0.7,
        "forgetting rate κ: above 0.5 and at most 1",
        low=0.5,
        high=1.0,
        label="Forgetting rate κ",
    )
    tau: float = option(
        1.0, "delay τ: damps the first steps", low=0.0, high=100.0, label="Delay τ"
    )
    seed: int = option(0, "seed of data and batches", low=0, high=2**31 - 1, label="Seed")


@LESSONS.register(
    "svi",
    title="Stochastic variational inference",
    summary="Natural gradients from batches, with steps that shrink.",
)
class Stochastic(Lesson):
    """λ ← (1 − ρ_t) λ + ρ_t λ̂ on a coin, on a Normal with known variance, or on topics."""

    chapter = 7
    idea = (
        "In a conjugate model the natural gradient of the ELBO is simple: where the data would "
        "put the natural parameter λ, minus where it is. A batch, counted N/B times, gives "
        "that without bias. Steps that shrink as (t + τ)^−κ with κ above ½ and at most 1 "
        "forget the noise and still reach the posterior."
    )
    needs = (
        "bayes",
        "elbo",
    )
    goals = (
        ("take a natural-gradient step by hand"),
        ("say what the factor N/B does"),
        ("choose step sizes that converge"),
    )
    notes = (
        (
            "SVI needs no MCMC: it optimises, and every step is in closed form. MCMC is "
            "another way to the same posterior, and some texts mix the two."
        ),
        ("Without the factor N/B the posterior would be as wide as if there were only B data."),
        (
            "Where each example has unknowns of its own (an image and its mixture of topics), "
            "a step first finds their best values for its batch; the rest is the same."
        ),
    )
    questions, exercises = svi.QUESTIONS, svi.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "digits", "model": "topics"}
    source = "Hoffman, Blei, Wang and Paisley 2013; Robbins and Monro 1951."
    Options = SVIOptions

    @classmethod
    def more(cls, options: SVIOptions) -> tuple[Option, ...]:
        return TOPICS if options.model == "topics" else ()

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Stochastic:
        options = super().build(values)
        return Bags(options.options, options.extra) if options.extra else options

    def __init__(self, options: SVIOptions, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(options, extra)
        self.rate = RobbinsMonro(options.kappa, options.tau)

    @functools.cached_property
    def model(self) -> Conjugate:
        """The model with its prior."""
        if self.options.model == "coin":
            return BetaBernoulli(2.0, 2.0)
        return NormalMean(0.0, 3.0, SD)

    @functools.cached_property
    def data(self) -> Tensor:
        """The data set, (N,)."""
        o = self.options
        source = generator(o.seed, "svi lesson", o.model)
        truth = TRUTH[o.model]
        if o.model == "coin":
            return (torch.rand(o.examples, generator=source, dtype=torch.float64) < truth).double()
        return truth + SD * torch.randn(o.examples, generator=source, dtype=torch.float64)

    @functools.cached_property
    def exact(self) -> Posterior:
        """The exact posterior of all data."""
        return self.model.step(self.model.init(), self.data)[0]

    @functools.cached_property
    def path(self) -> tuple[Array, Array]:
        """λ before each step and after the last, (steps + 1, 2), and the noisy ELBO, (steps,)."""
        o = self.options
        svi = SVI(self.model, o.examples, self.rate)
        source = generator(o.seed, "svi batches")
        state, naturals, bounds = svi.init(), [], []
        size = min(o.batch, o.examples)
        for _ in range(o.steps):
            naturals.append(state.natural[0])
            rows = torch.randperm(o.examples, generator=source)[:size]
            state, info = svi.step(state, self.data[rows])
            bounds.append(info.means()["elbo"])
        naturals.append(state.natural[0])
        return array(torch.stack(naturals)), np.array(bounds)

    @property
    def last(self) -> Tensor:
        """λ after the last step, as the model takes it."""
        return torch.from_numpy(self.path[0][-1:])

    @property
    def away(self) -> float:
        """The largest relative distance of λ from the exact posterior's."""
        exact = array(self.exact.natural[0])
        return float(np.max(np.abs((self.path[0][-1] - exact) / exact)))

    # -- identities

    def one_full_step(self) -> Search:
        """All data in one step with ρ = 1."""
        svi = SVI(self.model, self.options.examples, None)
        return svi.step(svi.init(), self.data)[0]

    def over_a_partition(self) -> tuple[Tensor, int]:
        """The mean of λ̂ over a partition of the data in batches, and how many batches."""
        size = min(self.options.batch, self.options.examples)
        parts = self.data.split(size)
        total, n = torch.zeros_like(self.model.prior), self.options.examples
        for part in parts:
            # The last batch may be smaller; its λ̂ counts by its share.
            total += len(part) / n * self.model.target(self.last, part, n / len(part))
        return total, len(parts)

    def by_fisher(self) -> Tensor:
        """F(λ)⁻¹ ∇ELBO(λ), the natural gradient by its definition, at the prior."""
        natural = self.model.prior.clone().requires_grad_()
        # The local shares are written with ∇A(λ), which autograd differentiates as well.
        slope = torch.autograd.grad(self.model.elbo(natural, self.data), natural)[0]
        size = natural.numel()
        normaliser = self.model.log_normaliser
        fisher = torch.autograd.functional.hessian(normaliser, natural).view(size, size)
        return torch.linalg.solve(fisher, slope.flatten()).view_as(natural).detach()

    # -- the lesson

    def equations(self) -> tuple[Equation, ...]:
        o, exact = self.options, self.exact.natural[0].tolist()
        now = self.path[0][-1].tolist()
        target = self.model.target(self.last, self.data)[0].tolist()
        log_p = float(self.exact.log_evidence)
        elbo = float(self.model.elbo(self.last, self.data))
        return (
            Equation(
                "The natural gradient of the ELBO is where the data would put λ, minus λ.",
                r"\tilde\nabla_\lambda \mathrm{ELBO} = \hat\lambda - \lambda,\quad"
                r"\hat\lambda = \alpha + \frac{N}{B} \sum_{i \in \text{batch}} t(x_i)",
                rf"N / B = {o.examples} / {min(o.batch, o.examples)}"
                rf" = {tex(o.examples / min(o.batch, o.examples))},\quad"
                rf"\hat\lambda_{{\text{{all data}}}} = {_pair(target)}",
            ),
            Equation(
                "A step of shrinking length towards it.",
                r"\lambda \leftarrow (1 - \rho_t)\, \lambda + \rho_t \hat\lambda,\quad"
                r"\rho_t = (t + \tau)^{-\kappa}",
                rf"\rho_{{{o.steps}}} = ({o.steps} + {tex(o.tau)})^{{-{tex(o.kappa)}}}"
                rf" = {tex(self.rate(o.steps))}",
            ),
            Equation(
                "Where it got to, beside the exact posterior.",
                r"\lambda \to \lambda^* = \alpha + \textstyle\sum_i t(x_i)",
                rf"\lambda_{{{o.steps}}} = {_pair(now)},\qquad \lambda^* = {_pair(exact)}",
                (
                    Quantity(
                        "largest relative distance",
                        self.away,
                        "Monte Carlo",
                        "",
                        o.steps * min(o.batch, o.examples),
                    ),
                ),
            ),
            Equation(
                "The bound reaches log p(x) at the exact posterior, and only there.",
                r"\mathrm{ELBO}(\lambda) \le \log p(x)",
                rf"{tex(elbo)} \le {tex(log_p)}",
                (
                    Quantity("ELBO of all data", elbo, "exact", "nats"),
                    Quantity("log p(x)", log_p, "exact", "nats"),
                ),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        exact = self.exact.natural[0]
        one = self.one_full_step().natural[0]
        parts, count = self.over_a_partition()
        full = self.model.target(self.last, self.data)[0]
        simple = (self.model.target(self.model.prior, self.data) - self.model.prior)[0]
        fisher = self.by_fisher()[0]
        worst = int((simple - fisher).abs().argmax())
        log_p = float(self.exact.log_evidence)
        size = float(exact.abs().max())
        found = [
            _worst(
                "All data in one step with ρ = 1 give the exact posterior.",
                one,
                exact,
                "λ after one step",
                "λ of Bayes' rule",
                1e-10 * size,
            ),
            _worst(
                "The mean of λ̂ over a partition into batches is λ̂ of all data.",
                parts[0],
                full,
                f"mean over {count:,} batches",
                "all data",
                1e-10 * size,
            ),
            Check(
                "λ̂ − λ is the natural gradient: Fisher information inverse times gradient.",
                float(simple[worst]),
                float(fisher[worst]),
                "λ̂ − λ",
                "F⁻¹ ∇ELBO by automatic differentiation",
                "exact",
                "",
                1e-8 * size,
            ),
            Check(
                "At the exact posterior the ELBO is log p(x).",
                float(self.model.elbo(self.exact.natural, self.data)),
                log_p,
                "ELBO",
                "closed form",
                "exact",
                "nats",
                1e-9 * max(1.0, abs(log_p)),
            ),
            Check(
                "Elsewhere it is below.",
                float(self.model.elbo(self.last, self.data)),
                log_p,
                "ELBO after the last step",
                "closed form of log p(x)",
                "exact",
                "nats",
                1e-9 * max(1.0, abs(log_p)),
                relation="≤",
            ),
        ]
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        o = self.options
        naturals, bounds = self.path
        steps = np.arange(len(naturals), dtype=np.float64)
        exact = array(self.exact.natural[0])
        note = f"one run, seed {o.seed}, batches of {min(o.batch, o.examples)}"
        names = ("heads", "tails") if o.model == "coin" else ("precision × mean", "precision")
        return (
            self._posterior_curves(),
            Plane(
                "The noisy path of λ",
                f"{note} · from the prior to the exact posterior",
                None,
                (Curve("path", naturals[:, 0], naturals[:, 1], "line", 5),),
                None,
                "",
                (
                    ("prior", *naturals[0].tolist()),
                    ("exact posterior", *exact.tolist()),
                    (f"after {o.steps} steps", *naturals[-1].tolist()),
                ),
                f"λ₁ ({names[0]})",
                f"λ₂ ({names[1]})",
                equal=False,
            ),
            Curves(
                "λ over its exact value",
                note,
                tuple(
                    Curve(name, steps, naturals[:, k] / exact[k], "line", k)
                    for k, name in enumerate(names)
                ),
                "step",
                "ratio",
                levels=(("exact", 1.0),),
            ),
            Curves(
                "The ELBO that a step sees",
                f"{note} · scaled by N/B, of λ before the step",
                (Curve("ELBO from the batch", steps[1:], bounds, "points", 0),),
                "step",
                "nats",
                levels=(("log p(x)", float(self.exact.log_evidence)),),
            ),
        )

    def _posterior_curves(self) -> Panel:
        """The densities of prior, SVI's q on its way, and the exact posterior."""
        naturals, _ = self.path
        shown = sorted({0, *(k for k in (10, 50) if k < len(naturals) - 1), len(naturals) - 1})
        count = self.exact.count
        posteriors = [
            (k, Posterior(torch.from_numpy(naturals[k : k + 1]), count, count)) for k in shown
        ]
        exact = self.model.posterior(self.exact)
        mean, sd = float(exact.mean[0]), float(exact.stddev[0])
        last = self.model.posterior(posteriors[-1][1])
        low = min(mean - 5 * sd, float(last.mean[0] - 4 * last.stddev[0]))
        high = max(mean + 5 * sd, float(last.mean[0] + 4 * last.stddev[0]))
        if self.options.model == "coin":
            low, high = max(low, 1e-4), min(high, 1 - 1e-4)
        theta = torch.linspace(low, high, 400, dtype=torch.float64)
        curves = [
            Curve("exact posterior", array(theta), _density(exact, theta), "area", 2),
        ]
        for k, posterior in posteriors:
            final = k == shown[-1]
            name = "prior" if k == 0 else f"q after {k}"
            style = "line" if final else "dash" if k == 0 else "faint"
            colour = 3 if final else -1 if k == 0 else 5
            y = _density(self.model.posterior(posterior), theta)
            curves.append(Curve(name, array(theta), y, style, colour))  # type: ignore[arg-type]
        return Curves(
            "SVI's q beside the exact posterior",
            "exact densities",
            tuple(curves),
            "θ" if self.options.model == "coin" else "μ",
            "density",
            marks=(("truth", TRUTH[self.options.model]),),
        )


class Bags(Stochastic):
    """Latent Dirichlet allocation of 8×8 digits: each is a bag of pixels from a few topics."""

    @functools.cached_property
    def lda(self) -> LDA:
        """The model with its priors."""
        return LDA(self.extra["topics"], 64, MIXING, INK, tolerance=1e-2, sweeps=20)

    @functools.cached_property
    def bags(self) -> tuple[Tensor, Tensor]:
        """Counts of the training pictures (N, 64) and of the held-out ones (HELD, 64)."""
        digits = DATASETS["digits"].load(DATASETS["digits"].Options())
        train = digits.train.x[: self.options.examples]
        return words(train, LEVELS), words(digits.validation.x[:HELD], LEVELS)

    @property
    def size(self) -> int:
        """Examples B in a batch."""
        return min(self.options.batch, len(self.bags[0]))

    def batches(self, steps: int) -> Iterator[Tensor]:
        """The batches of the first steps."""
        x, source = self.bags[0], generator(self.options.seed, "svi batches")
        for _ in range(steps):
            yield x[torch.randperm(len(x), generator=source)[: self.size]]

    @functools.cached_property
    def noisy(self) -> tuple[Tensor, Array, Array, Array]:
        """λ after the last step; pictures seen and held-out bound at some steps; ELBO of each."""
        x, held_out = self.bags
        svi = SVI(self.lda, len(x), self.rate)
        state, elbo, seen, bound = svi.init(self.options.seed), [], [], []
        for step, batch in enumerate(self.batches(self.options.steps)):
            if step & (step - 1) == 0:
                seen.append(step * self.size)
                bound.append(self.lda.per_word(state.natural, held_out))
            state, info = svi.step(state, batch)
            elbo.append(info.means()["elbo"])
        seen.append(self.options.steps * self.size)
        bound.append(self.lda.per_word(state.natural, held_out))
        return state.natural, np.array(seen, float), np.array(bound), np.array(elbo)

    @functools.cached_property
    def sweeps(self) -> tuple[Array, Array, Array]:
        """Of full batches from the same start: pictures seen, held-out bound, ELBO of all data."""
        x, held_out = self.bags
        svi = SVI(self.lda, len(x), None)
        wanted = math.ceil(self.options.steps * self.size / len(x))
        state, bound, elbo = svi.init(self.options.seed), [], []
        for _ in range(1 + min(MOST_SWEEPS, max(2, wanted))):
            bound.append(self.lda.per_word(state.natural, held_out))
            state, info = svi.step(state, x)
            elbo.append(info.means()["elbo"])
        return len(x) * np.arange(len(bound), dtype=float), np.array(bound), np.array(elbo)

    @functools.cached_property
    def by_scikit_learn(self) -> tuple[Tensor, Tensor, float, float]:
        """λ after three more updates from one start, mine and theirs, and both bounds of held-out.

        Their first update gives both the start; the local search of both runs to its end.
        """
        from sklearn.decomposition import LatentDirichletAllocation

        held_out, n = self.bags[1][:20], len(self.bags[0])
        strict = LDA(self.extra["topics"], 64, MIXING, INK, tolerance=1e-9, sweeps=3000)
        theirs = LatentDirichletAllocation(
            self.extra["topics"],
            doc_topic_prior=MIXING,
            topic_word_prior=INK,
            learning_decay=self.options.kappa,
            learning_offset=max(1.0, self.options.tau),
            batch_size=self.size,
            total_samples=n,
            mean_change_tol=1e-9,
            max_doc_update_iter=3000,
            random_state=self.options.seed,
        )
        svi = SVI(strict, n, RobbinsMonro(self.options.kappa, max(1.0, self.options.tau)))
        first, *rest = self.batches(4)
        theirs.partial_fit(first.numpy())
        state = Search(torch.tensor(theirs.components_), torch.ones((), dtype=torch.int64))
        for batch in rest:
            theirs.partial_fit(batch.numpy())
            state, _ = svi.step(state, batch)
        mine = float(strict.elbo(state.natural, held_out))
        return (
            state.natural,
            torch.tensor(theirs.components_),
            mine,
            float(theirs.score(held_out.numpy())),
        )

    def equations(self) -> tuple[Equation, ...]:
        o, n = self.options, len(self.bags[0])
        last, _, bound, _ = self.noisy
        seen, full, _ = self.sweeps
        shares = last.sum(1) / last.sum()
        return (
            Equation(
                "A picture is a bag of pixels; each word of it is from one of the topics.",
                r"\beta_k \sim \mathrm{Dir}(\eta),\quad \theta_d \sim \mathrm{Dir}(\alpha),\quad "
                r"p(\text{pixel } v \mid d) = \textstyle\sum_k \theta_{dk} \beta_{kv}",
                rf"K = {len(last)},\quad V = 64,\quad \alpha = {tex(MIXING)},\quad"
                rf" \eta = {tex(INK)}",
                (
                    Quantity("smallest share of a topic", float(shares.min()), "exact"),
                    Quantity("largest", float(shares.max()), "exact"),
                ),
            ),
            Equation(
                "Local: the topics of the batch's words, and its pictures' proportions, by turns.",
                r"\varphi_{dvk} \propto \exp(\mathbb E \log \theta_{dk} + \mathbb E \log"
                r" \beta_{kv}),\quad \gamma_{dk} = \alpha + \textstyle\sum_v n_{dv} \varphi_{dvk}",
            ),
            Equation(
                "Global: a step towards the topics that the batch, counted N/B times, asks for.",
                r"\lambda \leftarrow (1 - \rho_t) \lambda + \rho_t \bigl(\eta + \tfrac{N}{B}"
                r" \textstyle\sum_{d} n_{dv} \varphi_{dvk}\bigr)",
                rf"\tfrac{{N}}{{B}} = \tfrac{{{n}}}{{{self.size}}},\quad"
                rf" \rho_{{{o.steps}}} = {tex(self.rate(o.steps))}",
            ),
            Equation(
                "What it is worth on pictures not seen: a bound on log p of a word.",
                r"\log p(\text{words}) \ge \mathbb E_q[\log p - \log q],\quad"
                r"\text{perplexity} \le \exp(-\text{bound per word})",
                rf"\exp({tex(-float(bound[-1]))}) = {tex(math.exp(-bound[-1]))}\text{{ of }} 64",
                (
                    Quantity(
                        f"SVI, {o.steps * self.size:,} pictures seen",
                        float(bound[-1]),
                        "lower bound",
                        "nats/word",
                        HELD,
                    ),
                    Quantity(
                        f"full batches, {int(seen[-1]):,} seen",
                        float(full[-1]),
                        "lower bound",
                        "nats/word",
                        HELD,
                    ),
                ),
            ),
        )

    def over_a_partition(self) -> tuple[Tensor, int]:
        natural, x = self.noisy[0], self.bags[0][:100]
        parts = x.split(self.size)
        total = torch.zeros_like(natural)
        for part in parts:
            total += len(part) / len(x) * self.lda.target(natural, part, len(x) / len(part))
        return total, len(parts)

    def check(self) -> tuple[Check, ...]:
        mine, theirs, bound, score = self.by_scikit_learn
        elbo = self.sweeps[2]
        worst = int(np.argmin(np.diff(elbo)))
        return (
            _worst(
                "Three updates from one start are those of scikit-learn's online LDA.",
                mine.flatten(),
                theirs.flatten(),
                "λ of this SVI",
                "λ of scikit-learn",
                1e-6 * float(theirs.max()),
            ),
            Check(
                "The bound of held-out pictures is scikit-learn's score.",
                bound,
                score,
                "ELBO of 20 pictures",
                "scikit-learn's score",
                "lower bound",
                "nats",
                1e-6 * abs(score),
                20,
            ),
            Check(
                "A full batch with ρ = 1 raises the ELBO.",
                float(elbo[worst + 1]),
                float(elbo[worst]),
                f"ELBO after sweep {worst + 1}",
                "before it; the smallest gain of all sweeps",
                "lower bound",
                "nats",
                0.0,
                relation=">",
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        natural, seen, bound, elbo = self.noisy
        full_seen, full_bound, full_elbo = self.sweeps
        n, note = len(self.bags[0]), f"one run, seed {self.options.seed}, batches of {self.size}"
        return (
            Matrix(
                "The topics",
                f"E[β] of each over its largest, the largest share first · {note}",
                *_sheet(natural),
                row_title="row",
                column_title="column",
            ),
            Curves(
                "The bound on held-out pictures",
                f"lower bound, nats a word, {HELD} pictures · SVI and full batches, one start",
                (
                    Curve("SVI, from batches", seen, bound, "line", 0),
                    Curve("full batches, ρ = 1", full_seen, full_bound, "dash", 3),
                ),
                "pictures seen",
                "nats/word",
            ),
            Curves(
                "The ELBO that a step sees",
                f"{note} · scaled by N/B = {n / self.size:.4g}, of λ before the step",
                (
                    Curve(
                        "ELBO from the batch",
                        self.size * np.arange(len(elbo), dtype=float),
                        elbo,
                        "points",
                        0,
                    ),
                    Curve("ELBO of all data, full batches", full_seen, full_elbo, "dash", 3),
                ),
                "pictures seen",
                "nats",
            ),
        )


def _sheet(natural: Tensor) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """The topics as one picture, five in a row: its values, and each pixel's row and column."""
    order = natural.sum(1).argsort(descending=True)
    tiles = (natural / natural.amax(1, keepdim=True))[order].view(-1, 8, 8)
    columns = min(5, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    blank = torch.zeros(rows * columns - len(tiles), 8, 8, dtype=tiles.dtype)
    grid = torch.nn.functional.pad(torch.cat([tiles, blank]), (0, 1, 0, 1))
    sheet = grid.view(rows, columns, 9, 9).transpose(1, 2).reshape(9 * rows, 9 * columns)
    labels = (*map(str, range(1, 9)), "")
    return array(sheet[:-1, :-1]), (labels * rows)[:-1], (labels * columns)[:-1]


def _density(distribution: torch.distributions.Distribution, theta: Tensor) -> Array:
    return array(distribution.log_prob(theta[:, None]).exp())


def _worst(
    says: str, left: Tensor, right: Tensor, left_is: str, right_is: str, tolerance: float
) -> Check:
    """The check of the component in which the two sides differ most."""
    k = int((left - right).abs().argmax())
    return Check(
        says,
        float(left[k]),
        float(right[k]),
        f"{left_is}, component {k + 1}",
        right_is,
        "exact",
        "",
        tolerance,
    )


def _pair(values: list[float]) -> str:
    return "(" + ", ".join(tex(v, 2) for v in values) + ")"


__all__ = ["Stochastic"]
