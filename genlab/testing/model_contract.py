"""What every model must do, as reusable test cases.

A test module subclasses :class:`ModelContract` and gives a fixture ``case``, a
:class:`ModelCase`; :func:`model_cases` lists one for each row of the table and each sort of data
that it fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.core.random import scope
from genlab.core.run_spec import TrainOptions
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder, HasEncoder, HasLogProb

#: Sorts of data, by name: small, and made here, so that nothing is loaded.
METAS = {
    "line": DataMeta((1,), "real", density=True),
    "plane": DataMeta((2,), "real", ("left", "right"), density=True),
    "grey8": DataMeta((1, 8, 8), "unit", tuple("0123456789")),
    "binary8": DataMeta((1, 8, 8), "binary"),
    "grey28": DataMeta((1, 28, 28), "unit", tuple("0123456789")),
    "colour32": DataMeta((3, 32, 32), "unit"),
}
BATCH = 6
#: Where the rules stand, for the messages.
READ = "See docs/extending.md, What a model can do."


@dataclass(frozen=True)
class ModelCase:
    """One model on one sort of data."""

    name: str
    meta: DataMeta
    label: str

    @property
    def sort(self) -> str:
        """The sort of data, a name of ``METAS``."""
        return next(name for name, meta in METAS.items() if meta == self.meta)

    @property
    def cls(self) -> type[GenerativeModel]:
        """The model's class."""
        found: type[GenerativeModel] = MODELS[self.name]
        return found

    def build(self, seed: int = 0, **values: Any) -> GenerativeModel:
        """The untrained model under the defaults for such data."""
        names = {row.name for row in self.cls.Options.table()}
        given = {k: v for k, v in self.cls.defaults(self.meta).items() if k in names}
        for row in self.cls.Options.table():
            allowed = self.cls.choices(self.meta).get(row.name)
            if allowed is not None:
                given[row.name] = row.with_choices(tuple(allowed)).default
        with scope(seed, "contract", self.name):
            return self.cls(self.cls.Options.build({**given, **values}), self.meta)

    def batch(self, n: int = BATCH, seed: int = 0) -> Tensor:
        """Examples of such data."""
        with scope(seed, "contract batch"):
            if self.meta.support == "real":
                return torch.randn(n, *self.meta.shape)
            x = torch.rand(n, *self.meta.shape)
            return x.round() if self.meta.support == "binary" else x


def model_cases(names: Iterable[str] | None = None) -> list[ModelCase]:
    """Each model of the table on each sort of data that it fits."""
    return [
        ModelCase(name, meta, f"{name}-{label}")
        for name in (MODELS.names() if names is None else names)
        for label, meta in METAS.items()
        if MODELS[name].incompatibility(meta) is None
    ]


class ModelContract:
    """Shapes, ranges, seeds, options, weights to and fro, and each capability's promise."""

    def test_unfit_data_are_refused_with_a_reason(self, case: ModelCase) -> None:
        for meta in METAS.values():
            why = case.cls.incompatibility(meta)
            assert why is None or len(why) > 10

    def test_defaults_and_choices_name_options_that_exist(self, case: ModelCase) -> None:
        tables = [case.cls.Options, TrainOptions, *(ALGORITHMS[a].Options for a in ALGORITHMS)]
        defaults = case.cls.defaults(case.meta)
        objective = defaults.get("objective")
        if objective is not None:
            tables.append(OBJECTIVES[objective].Options)
        rows = {row.name: row for table in tables for row in table.table()}
        assert objective is None or OBJECTIVES[objective].incompatibility(case.cls) is None
        for key, value in defaults.items():
            if key not in {"objective", "algorithm"}:
                assert rows[key].parse(value) == value
        for key, allowed in case.cls.choices(case.meta).items():
            assert allowed
            assert set(allowed) <= set(rows[key].choices or allowed)

    def test_every_choice_can_be_built(self, case: ModelCase) -> None:
        for key, allowed in case.cls.choices(case.meta).items():
            for value in allowed:
                assert case.build(**{key: value}).meta == case.meta

    def test_samples_have_the_shape_and_range_of_data(self, case: ModelCase) -> None:
        model = case.build().eval()
        with scope(1, "sample"), torch.no_grad():
            x = model.sample(BATCH)
        assert x.shape == (BATCH, *case.meta.shape), (
            f"sample({BATCH}) gives {tuple(x.shape)}, not {(BATCH, *case.meta.shape)}. {READ}"
        )
        assert x.isfinite().all()
        if case.meta.support != "real":
            assert 0.0 <= float(x.min()) <= float(x.max()) <= 1.0

    def test_the_stream_decides_the_samples(self, case: ModelCase) -> None:
        model = case.build().eval()
        with torch.no_grad():
            draws = []
            for seed in (1, 1, 2):
                with scope(seed, "sample"):
                    draws.append(model.sample(BATCH))
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])

    def test_the_stream_decides_the_weights(self, case: ModelCase) -> None:
        one, same, other = (case.build(seed).state_dict() for seed in (0, 0, 1))
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)

    def test_weights_go_to_and_fro(self, case: ModelCase) -> None:
        model, other = case.build(0).eval(), case.build(1).eval()
        other.load_state_dict(
            {key: value.clone().contiguous() for key, value in model.state_dict().items()}
        )
        draws = []
        for one in (model, other):
            with scope(3, "sample"), torch.no_grad():
                draws.append(one.sample(2))
        assert torch.equal(*draws)

    def test_latent_space(self, case: ModelCase) -> None:
        model = case.build().eval()
        if not isinstance(model, HasDecoder):
            pytest.skip("no decoder")
        with scope(0, "z"), torch.no_grad():
            z = model.prior().sample(torch.Size((BATCH,)))
            likelihood = model.decode(z)
            again = model.decode(z[2:3]).mean
            drawn = likelihood.sample()
        assert z.shape == (BATCH, model.latent), (
            f"prior().sample(({BATCH},)) gives {tuple(z.shape)}: p(z) needs the event shape "
            f"(latent,) = ({model.latent},). {READ}"
        )
        assert tuple(likelihood.batch_shape) == (BATCH,), (
            f"decode(z) needs the batch shape (B,). {READ}"
        )
        assert tuple(likelihood.event_shape) == case.meta.shape, (
            f"decode(z) needs the event shape of an example, {case.meta.shape}: wrap it in "
            f"Independent, or return Point. {READ}"
        )
        assert likelihood.mean.shape == drawn.shape == (BATCH, *case.meta.shape)
        torch.testing.assert_close(likelihood.mean[2:3], again, rtol=1e-4, atol=1e-5)

    def test_encoder(self, case: ModelCase) -> None:
        model, x = case.build().eval(), case.batch()
        if not (isinstance(model, HasEncoder) and isinstance(model, HasDecoder)):
            pytest.skip("no encoder")
        with scope(0, "z"), torch.no_grad():
            q = model.encode(x)
            draws = q.sample(torch.Size((200,)))
            alone = model.encode(x[1:2]).mean
        assert tuple(q.batch_shape) == (BATCH,)
        assert tuple(q.event_shape) == (model.latent,)
        if isinstance(q, Point):
            assert torch.equal(draws[0], q.mean)
        else:
            assert q.log_prob(draws).isfinite().all(), f"log q(z | x) of draws. {READ}"
        gap = (draws.mean(dim=0) - q.mean).abs()
        # Bernstein's bound, for a rare code as well; a posterior may be a point, up to rounding.
        reach = (draws - q.mean).abs().amax(dim=0)
        rounding = 1e-6 * (1.0 + q.mean.abs())
        assert bool((gap < 6.0 * ((q.variance / 200).sqrt() + reach / 200) + rounding).all())
        torch.testing.assert_close(q.mean[1:2], alone, rtol=1e-4, atol=1e-5)

    def test_critic(self, case: ModelCase) -> None:
        model, x = case.build().eval(), case.batch()
        if not isinstance(model, HasCritic):
            pytest.skip("no critic")
        with torch.no_grad():
            score, features = model.score(x), model.features(x)
            alone = model.score(x[1:2])
        assert score.shape == (BATCH,)
        assert features.dim() == 2
        assert len(features) == BATCH
        assert score.isfinite().all()
        assert features.isfinite().all()
        torch.testing.assert_close(score[1:2], alone, rtol=1e-4, atol=1e-5)

    def test_log_density(self, case: ModelCase) -> None:
        model, x = case.build().eval(), case.batch()
        if not isinstance(model, HasLogProb):
            pytest.skip("no exact density")
        with torch.no_grad():
            together = model.log_prob(x)
            alone = model.log_prob(x[1:2])
        assert together.shape == (BATCH,)
        torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)
