"""Probes of models with an encoder and a decoder: held-out ELBO, latent space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import torch
from torch.distributions import Distribution, Independent, Normal
from torch.distributions.kl import kl_divergence

from genlab import models
from genlab.core.measure import Kind, Picture, Reading, Series
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.distributions import density_note
from genlab.divergences import closed_form_kl
from genlab.models.base import (
    GenerativeModel,
    HasCodebook,
    HasDecoder,
    HasEncoder,
    HasLabels,
    HasLikelihood,
    HasLogProb,
)
from genlab.models.dequantise import log_density_kind, log_density_title
from genlab.models.labels import conditioned_on
from genlab.objectives.elbo import elbo_terms
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import box_of, held_out, image_budget, points, principal, round_digits
from genlab.probes.views import LATENT, RECONSTRUCTIONS

#: Held-out examples in the numbers, and in the pictures of points.
NUMBERS, DOTS = 256, 200
#: A latent unit is active where the variance of its posterior mean over the data exceeds this.
ACTIVE = 0.01
#: A latent dimension counts as unused if its mean KL is below this, in nats.
SILENT = 0.01


def is_variational(model: type[GenerativeModel]) -> bool:
    """Whether there are an encoder and a decoder."""
    return issubclass(model, HasEncoder) and issubclass(model, HasLikelihood)


def knows_labels(model: type[GenerativeModel], data: Dataset) -> bool:
    """Whether held-out examples are evaluated given their class."""
    return issubclass(model, HasLabels) and data.validation.y is not None


def likelihood_note(spec: RunSpec, data: Dataset) -> str:
    """The caveat on the run's log-likelihood; empty where it is a density."""
    name = getattr(spec.model_options, "likelihood", None)
    return "" if name is None else density_note(name, data.meta)


def _distributions(spec: RunSpec, data: Dataset) -> tuple[Distribution, Distribution]:
    """q(z | x) of two examples and p(z) of an untrained model, which show the families."""
    with scope(0, "kind of KL"), torch.no_grad():
        model = models.build(spec).eval()
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        return model.encode(data.validation.model_input(data.meta)[:2]), model.prior()


def active_units(q: Distribution) -> int:
    """The number of latent units u with Var_x(E_q[z_u]) > 0.01.

    Source: Burda, Grosse and Salakhutdinov 2016.
    """
    return int((q.mean.var(dim=0) > ACTIVE).sum())


@PROBES.register("elbo", title="ELBO on held-out data", order=230)
class HeldOutELBO(Probe):
    """ELBO, reconstruction and KL on fixed held-out examples; active units."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_variational(model)

    @cached_property
    def _kl_kind(self) -> Kind:
        """Whether KL(q ‖ prior) of this model has a closed form, from an untrained model."""
        closed = closed_form_kl(*_distributions(self.spec, self.data))
        return "Monte Carlo" if closed is None else "exact"

    @property
    def series(self) -> tuple[Series, ...]:
        n = min(NUMBERS, len(self.data.validation))
        note = likelihood_note(self.spec, self.data)
        # log p(x | y) is on average I(x; y) above log p(x): the truth of p(x) is not its limit.
        labels_known = knows_labels(MODELS[self.spec.model], self.data)
        what = "held-out given the class" if labels_known else "held-out"
        what = f"{what}; {note}" if note else what
        truth, label = None, ""
        if self.data.density is not None and not labels_known:
            x, _ = held_out(self.data, NUMBERS)
            truth = float(self.data.density.log_prob(x).mean())
            label = "mean log-density of the truth"
        codes = issubclass(MODELS[self.spec.model], HasCodebook)
        kl = "KL(q(z|x) ‖ p(z))" + (" = −log p(codes)" if codes else "")
        kind: Kind = "Monte Carlo"
        return (
            Series("val_elbo", f"ELBO, {what}", "loss", "nats", kind, n, "higher", truth, label),
            Series(
                "val_reconstruction",
                f"reconstruction E_q log p(x|z), {what}",
                "loss",
                "nats",
                kind,
                n,
                "higher",
            ),
            Series("val_kl", f"{kl}, held-out", "divergence", "nats", self._kl_kind, n),
            Series(
                "active_units",
                "active units, Var_x E_q[z] > 0.01",
                "latent",
                "count",
                "Monte Carlo",
                n,
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        x, y = held_out(self.data, NUMBERS)
        q, terms = elbo_terms(conditioned_on(model, y), x)
        values = {f"val_{name}": float(term.mean()) for name, term in terms.items()}
        return Reading(values | {"active_units": float(active_units(q))})


@PROBES.register("reconstructions", title="Reconstructions", order=240)
class Reconstructions(Probe):
    """Held-out examples beside the decoder's mean at their posterior means."""

    views: ClassVar[Mapping[str, View]] = {
        "reconstructions": RECONSTRUCTIONS,
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        # A decoder may have no density, as a BiGAN's: the images are shown, nothing is scored.
        both = issubclass(model, HasEncoder) and issubclass(model, HasDecoder)
        return both and (data.meta.is_image or data.meta.dim == 2)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        picture = self.data.meta.is_image
        n = image_budget(model, self.data.meta, 32) if picture else DOTS
        x, y = held_out(self.data, n)
        model = conditioned_on(model, y)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        back = model.decode(model.encode(x).mean).mean
        if not picture:
            meta = self.data.meta
            payload = points(
                meta.original(torch.cat([self.data.validation.x[: len(x)], back])),
                [0] * len(x) + [1] * len(x),
                ["held-out", "reconstruction"],
                [meta.axis(0), meta.axis(1)],
                meta.original(box_of(self.data)),
            )
            shown = Picture("points", "Reconstructions", payload, f"n = {len(x)}, held-out")
        else:
            columns = min(8, len(x))
            rows = len(x) // columns
            pairs = torch.stack(
                [part[: rows * columns].view(rows, columns, *x.shape[1:]) for part in (x, back)],
                dim=1,
            )
            sheet = pairs.flatten(0, 2).clamp(0.0, 1.0)
            shown = Picture(
                "images",
                "Reconstructions",
                {"x": sheet, "columns": columns},
                "rows in pairs: held-out examples, and the decoder's mean at their posterior mean",
            )
        return Reading(pictures={"reconstructions": shown})


@PROBES.register("latent", title="Latent space", order=250)
class LatentSpace(Probe):
    """Posterior means of fixed held-out examples, and the KL of each latent dimension."""

    views: ClassVar[Mapping[str, View]] = {
        "latent": LATENT,
        "kl_per_dim": View(
            "latent",
            "The KL of each latent dimension: a dimension near 0 is not used.",
            "elbo",
        ),
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasEncoder) and issubclass(model, HasDecoder)

    @property
    def series(self) -> tuple[Series, ...]:
        if kl_per_dimension(*_distributions(self.spec, self.data)) is None:
            return ()
        n = min(NUMBERS, len(self.data.validation))
        title = f"latent dimensions of KL below {SILENT:g} nats, held-out"
        return (Series("silent_units", title, "latent", "count", "exact", n),)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        x, y = held_out(self.data, image_budget(model, self.data.meta, NUMBERS))
        model = conditioned_on(model, y)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        q, prior = model.encode(x), model.prior()
        values = {}
        pictures = {"latent": self._means(q.mean[:DOTS], None if y is None else y[:DOTS])}
        parts = kl_per_dimension(q, prior)
        if parts is not None:
            mean = parts.mean(dim=0)
            values["silent_units"] = float((mean < SILENT).sum())
            payload = {
                "x": list(range(1, len(mean) + 1)),
                "y": round_digits(mean),
                "x_title": "latent dimension",
                "y_title": "KL (nats)",
            }
            pictures["kl_per_dim"] = Picture(
                "bars",
                "KL per latent dimension",
                payload,
                f"exact, nats, mean over {len(x)} held-out examples",
            )
        return Reading(values, pictures)

    def _means(self, mean: torch.Tensor, y: torch.Tensor | None) -> Picture:
        names = list(self.data.meta.classes)
        label = [0] * len(mean) if y is None or not names else [int(v) for v in y]
        if mean.shape[1] == 1:
            mean = torch.cat([mean, torch.zeros_like(mean)], dim=1)
            axes, how = ["z₁", ""], "the one coordinate"
        elif mean.shape[1] == 2:
            axes, how = ["z₁", "z₂"], "the two coordinates"
        else:
            size = mean.shape[1]
            mean = principal(mean)
            axes, how = ["component 1", "component 2"], f"PCA of {size} dimensions"
        note = f"posterior means of {len(mean)} held-out examples; {how}"
        return Picture("points", "Latent space", points(mean, label, names, axes), note)


def kl_per_dimension(q: Distribution, prior: Distribution) -> torch.Tensor | None:
    """KL of each latent dimension, (B, latent) in nats, for products of normal distributions."""
    factors = [
        distribution.base_dist
        for distribution in (q, prior)
        if isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal)
    ]
    return kl_divergence(*factors) if len(factors) == 2 else None


@PROBES.register("log_prob", title="Log-density of held-out data", order=260)
class HeldOutLogProb(Probe):
    """The exact mean log-density of fixed held-out examples."""

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return issubclass(model, HasLogProb)

    @property
    def series(self) -> tuple[Series, ...]:
        model, meta = MODELS[self.spec.model], self.data.meta
        n = min(NUMBERS, len(self.data.validation))
        truth, label = None, ""
        if self.data.density is not None:
            x, _ = held_out(self.data, NUMBERS)
            truth = float(self.data.density.log_prob(x).mean())
            label = "mean log-density of the truth"
        return (
            Series(
                "val_log_prob",
                log_density_title("log p(x), held-out", model, meta),
                "loss",
                "nats",
                log_density_kind("exact", model, meta),
                n,
                "higher",
                truth,
                label,
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasLogProb)
        x, _ = held_out(self.data, NUMBERS)
        return Reading({"val_log_prob": float(model.log_prob(x).mean())})
