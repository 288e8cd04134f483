"""Log-joints as models of a run: a table of data, with posterior draws of the parameters."""

from __future__ import annotations

import abc
import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from genlab.core.measure import Estimate, Series
from genlab.core.options import Options
from genlab.data.base import DataMeta
from genlab.inference.log_joints import LogJoint, Rows, Values
from genlab.inference.mcmc import effective_sample_size, r_hat
from genlab.models.base import GenerativeModel
from genlab.models.bayesian import Bayesian, HasDraws, Truth

#: Draws that a model holds, and how many of them are combined with every row.
MAX_DRAWS, PREDICTIVE_DRAWS = 2000, 500
#: Points per axis of the grid and its half-width in standard deviations, by number of axes.
POINTS, REACH = {1: 4000, 2: 360, 3: 61}, {1: 14.0, 2: 14.0, 3: 7.0}
#: Grid points that are evaluated at once.
CHUNK = 20_000
O = TypeVar("O", bound=Options)


@dataclass(frozen=True)
class Marginal:
    """The exact log p(θ_1.., data) as a function of the first one to three parameters.

    Args:
        names: of the numbers.
        low, high: a box that contains the posterior; it may be wide.
        log_density: (M, d) -> (M,) in nats, with all constants; the other parameters are
            integrated out.
        log_evidence: log p(data), where it has a closed form.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    log_density: Callable[[Tensor], Tensor]
    log_evidence: float | None = None


def integrate(marginal: Marginal) -> Truth:
    """The moments and the integral of a marginal by the midpoint rule on an adapted grid.

    Example:
        >>> from genlab.inference.log_joints import normal
        >>> exact = Marginal(("a",), (-100.0,), (100.0,), lambda a: normal(a[:, 0], 3.0, 0.1))
        >>> truth = integrate(exact)
        >>> round(truth.mean[0], 6), round(truth.sd[0], 6), abs(truth.log_evidence) < 1e-9
        (3.0, 0.1, True)
    """
    edge = torch.tensor([marginal.low, marginal.high], dtype=torch.float64)
    low, high = edge
    d = len(marginal.names)
    for n in (*[{1: 400, 2: 60, 3: 31}[d]] * 8, POINTS[d]):
        cell = (high - low) / n
        axes = [low[i] + cell[i] * (torch.arange(n, dtype=torch.float64) + 0.5) for i in range(d)]
        at = torch.cartesian_prod(*axes).view(-1, d)
        log_p = torch.cat([marginal.log_density(part) for part in at.split(CHUNK)])
        top = log_p.max()
        weight = (log_p - top).exp()
        total = weight.sum()
        mean = (weight @ at) / total
        sd = ((weight @ (at - mean).square()) / total).sqrt()
        used = low, high
        reach = REACH[d] * torch.maximum(sd, cell)
        low, high = torch.maximum(edge[0], mean - reach), torch.minimum(edge[1], mean + reach)
    cell = (used[1] - used[0]) / POINTS[d]
    grid = float(top + total.log() + cell.log().sum())
    exact = marginal.log_evidence
    return Truth(
        marginal.names,
        tuple(axes),
        (weight / (total * cell.prod())).view([POINTS[d]] * d),
        tuple(mean.tolist()),
        tuple(sd.tolist()),
        grid if exact is None else exact,
        "grid" if exact is None else "exact",
    )


@functools.lru_cache(maxsize=8)
def _truth(
    model: type[LogJointModel[Any]], options: Options, shape: tuple[int, ...], rows: bytes
) -> Truth | None:
    table = torch.frombuffer(bytearray(rows), dtype=torch.float64).view(shape)
    marginal = model.marginal(options, table)
    return None if marginal is None else integrate(marginal)


class LogJointModel(GenerativeModel[O], HasDraws, Bayesian):
    """A model given by log p(rows, θ) and represented by posterior draws of θ.

    A subclass names the columns of its table and implements :meth:`log_joint` and :meth:`predict`;
    ``advi`` and ``hmc`` can then fit it. It starts with draws near ζ = 0 and without data until
    :meth:`observe`.

    Args:
        options: the model's options.
        meta: a table.
    """

    #: The columns of its table.
    columns: ClassVar[tuple[str, ...]]
    max_draws = MAX_DRAWS
    draws: Tensor
    rows: Tensor

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self._target: LogJoint | None = None
        self.register_buffer("rows", torch.ones(8, meta.dim, dtype=torch.float64))
        start = 0.1 * torch.randn(4, 1, self.target().size, dtype=torch.float64)
        self.register_buffer("draws", start)

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.columns == cls.columns:
            return None
        return f"it needs a table with the columns {', '.join(cls.columns)}"

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        # By default each step uses the whole table; batches are an option of ADVI.
        return {"objective": "bayes", "batch": 8192}

    @classmethod
    @abc.abstractmethod
    def log_joint(cls, options: Any, rows: Tensor) -> LogJoint:
        """log p(rows, θ) on all rows, (N, C) in float64."""

    @abc.abstractmethod
    def predict(self, values: Values, rows: Tensor) -> Tensor:
        """Draw the modelled columns of n rows, one row for each of n values of θ.

        Args:
            values: the parameters by name, (n, shape).
            rows: (n, C); columns that are not modelled are copied.
        """

    @classmethod
    def split(cls, rows: Tensor) -> Rows:
        """Rows (B, C) in the form of the log-joint's ``data``, so that ADVI can use batches."""
        return (rows,)

    @classmethod
    def marginal(cls, options: Any, rows: Tensor) -> Marginal | None:
        """The exact posterior of the first parameters, if it can be computed."""
        return None

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        # The numbers of rows and draws follow from the tensors.
        for name in ("rows", "draws"):
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, torch.empty_like(state_dict[f"{prefix}{name}"]))
        self._target = None
        super()._load_from_state_dict(state_dict, prefix, *others)

    def target(self) -> LogJoint:
        """The log-joint on the observed rows."""
        if self._target is None:
            self._target = self.log_joint(self.options, self.rows)
        return self._target

    def observe(self, rows: Tensor) -> None:
        rows = rows.detach().double()
        if torch.equal(rows, self.rows):
            return
        self.rows, self._target = rows.clone(), None
        if self.target().size != self.draws.shape[-1]:
            self.draws = torch.zeros(4, 1, self.target().size, dtype=torch.float64)

    def set_draws(self, draws: Tensor, rows: Tensor) -> None:
        """Set the posterior draws of ζ, (n, chains, K), given the rows (N, C)."""
        self.observe(rows)
        self.draws = draws.detach().clone()

    def sample(self, n: int) -> Tensor:
        """Posterior predictive rows, (n, C): θ from a draw, other columns from an observed row."""
        theta = self.draws.flatten(0, 1)
        theta = theta[torch.randint(len(theta), (n,))]
        rows = self.rows[torch.randint(len(self.rows), (n,))]
        return self.predict(self.target().constrain(theta), rows).float()

    def replicate(self, n: int) -> tuple[Tensor, Tensor]:
        theta = self.draws.flatten(0, 1)
        theta = theta[torch.randint(len(theta), (n,))]
        rows, many = self.rows, len(self.rows)
        each = self.target().constrain(theta.repeat_interleave(many, 0))
        return rows, self.predict(each, rows.repeat(n, 1)).view(n, many, -1)

    def numbers(self) -> dict[str, Tensor]:
        found = {}
        for name, value in self.target().constrain(self.draws).items():
            each = value.reshape(*value.shape[:2], -1).unbind(2)
            indices = itertools.product(*map(range, value.shape[2:]))
            for index, draws in zip(indices, each, strict=True):
                found[f"{name}[{', '.join(map(str, index))}]" if index else name] = draws
        return found

    @classmethod
    def truth_of(cls, options: Options, rows: Tensor) -> Truth | None:
        """The exact posterior given rows (N, C), if it can be computed; cached."""
        rows = rows.contiguous()
        return _truth(cls, options, tuple(rows.shape), rows.numpy().tobytes())

    def truth(self) -> Truth | None:
        return self.truth_of(self.options, self.rows)

    def estimates(self) -> list[Estimate]:
        truth, found = self.truth(), []
        for name, draws in self.numbers().items():
            mean, sd = float(draws.mean()), float(draws.std())
            known = truth is not None and name in truth.names
            at = truth.names.index(name) if truth is not None and known else 0
            label = "quadrature on a grid" if known else ""
            for word, value, sample, exact in (
                ("mean", mean, draws, truth.mean[at] if truth and known else None),
                ("sd", sd, (draws - mean).square(), truth.sd[at] if truth and known else None),
            ):
                size = _effective(sample)
                half = 1.959964 * float(sample.std()) / math.sqrt(size)
                # Delta method: the error of the root of sd² is that of sd² over twice the root.
                half = half if word == "mean" else half / (2 * max(sd, 1e-300))
                series = Series(
                    f"posterior_{word}_{name}",
                    f"{word} of {name} over the draws",
                    f"posterior {word}",
                    "parameter units",
                    "Monte Carlo",
                    int(size),
                    "none",
                    exact,
                    label,
                )
                found.append(Estimate(value, series, value - half, value + half))
        return [*found, *self._agreement()]

    def _agreement(self) -> list[Estimate]:
        n, chains, _ = self.draws.shape
        if chains < 2 or n < 4:
            return []
        worst = max(r_hat(draws) for draws in self.numbers().values())
        series = Series(
            "r_hat",
            "R̂, the largest of all parameters",
            "agreement",
            "dimensionless",
            "Monte Carlo",
            n * chains,
            "lower",
            1.0,
            "chains agree",
        )
        return [Estimate(worst, series, worst, worst)]

    def log_predictive(self, x: Tensor) -> Tensor | None:
        theta = self.draws.flatten(0, 1)
        theta = theta[:: max(1, len(theta) // PREDICTIVE_DRAWS)]
        rows = self.split(x.flatten(1).double())
        each = self.target().pointwise(self.target().constrain(theta), rows)
        if each is None:
            return None
        return (each.logsumexp(0) - math.log(len(theta))).to(x.dtype)


def _effective(draws: Tensor) -> float:
    """The effective sample size; draws of a single chain are independent draws from q."""
    n, chains = draws.shape
    if chains == 1 or n < 4:
        return float(n * chains)
    size = effective_sample_size(draws)
    return size if math.isfinite(size) else float(n * chains)
