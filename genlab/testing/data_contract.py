"""What every dataset must hold, as reusable test cases.

A test module subclasses :class:`DataContract` and gives a fixture ``name`` with the names of the
table; :class:`DensityContract` asks for a fixture ``density``.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.core.options import Options
from genlab.core.tables import DATASETS
from genlab.data.base import Dataset, Density, Split
from genlab.data.densities import grid
from genlab.data.previews import preview


@functools.lru_cache(maxsize=64)
def loaded(name: str, options: Options | None = None) -> Dataset:
    """A dataset, loaded once for all tests of a process."""
    source = DATASETS[name]
    data: Dataset = source.load(options if options is not None else source.Options())
    return data


def splits(data: Dataset) -> dict[str, Split]:
    """The three splits by name."""
    return {"train": data.train, "validation": data.validation, "test": data.test}


def rows(x: Tensor) -> set[bytes]:
    """The examples as bytes, to compare sets of them."""
    flat = x.reshape(len(x), -1).contiguous().numpy()
    return {row.tobytes() for row in flat}


class DataContract:
    """Every dataset: shapes, ranges, types, determinism, splits, labels, preview.

    Attributes:
        shared: how many equal examples two splits may hold; a real set may hold a picture twice.
    """

    shared = 0

    @pytest.fixture
    def data(self, name: str) -> Dataset:
        """The dataset under its defaults."""
        return loaded(name)

    def test_meta_is_what_was_said_before_loading(self, name: str, data: Dataset) -> None:
        source = DATASETS[name]
        assert data.meta == source.meta(source.Options())
        assert data.meta.density == (data.density is not None)
        assert data.meta.note

    def test_every_split_has_the_shape_and_type(self, data: Dataset) -> None:
        for part, split in splits(data).items():
            assert len(split) > 0, part
            assert split.x.shape == (len(split), *data.meta.shape), part
            assert split.x.dtype == torch.float32, part
            assert split.x.is_contiguous(), part
            assert bool(torch.isfinite(split.x).all()), part

    def test_values_lie_in_the_support(self, data: Dataset) -> None:
        for part, split in splits(data).items():
            if data.meta.support == "real":
                assert split.x.std() > 0, part
                continue
            assert split.x.min() >= 0, part
            assert split.x.max() <= 1, part
            # Grey levels reach both ends, so an image in [0, 255] or in [-1, 1] is caught.
            assert split.x.max() == 1, part
            assert split.x.min() == 0, part

    def test_labels_are_class_indices(self, data: Dataset) -> None:
        for part, split in splits(data).items():
            assert (split.y is not None) == bool(data.meta.classes), part
            if split.y is not None:
                assert split.y.shape == (len(split),), part
                assert split.y.dtype == torch.int64, part
                found = sorted(set(split.y.tolist()))
                assert found == list(range(len(data.meta.classes))), part

    def test_the_same_options_give_the_same_tensors(self, name: str, data: Dataset) -> None:
        torch.manual_seed(1234)  # another global stream than the first load had
        before = torch.get_rng_state()
        source = DATASETS[name]
        again = source.load(source.Options())
        assert torch.equal(torch.get_rng_state(), before), "loading drew from the run's stream"
        for part, split in splits(data).items():
            other = splits(again)[part]
            assert torch.equal(split.x, other.x), part
            assert (split.y is None) == (other.y is None), part
            if split.y is not None and other.y is not None:
                assert torch.equal(split.y, other.y), part

    def test_splits_share_no_example(self, data: Dataset) -> None:
        sets = {part: rows(split.x) for part, split in splits(data).items()}
        names = list(sets)
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                shared = len(sets[first] & sets[second])
                # On the line, rounding to single precision makes some draws equal by chance.
                limit = len(data.test) // 200 if data.meta.dim == 1 else self.shared
                assert shared <= limit, f"{shared} examples in {first} and {second}"

    def test_preview_shows_training_data(self, name: str, data: Dataset) -> None:
        picture = preview(name, {}, n=16)
        x = torch.from_numpy(picture.payload["x"])
        assert picture.form == ("images" if data.meta.is_image else "points")
        assert torch.equal(x, data.meta.original(data.train.x[: len(x)]))
        assert len(x) == 16 if data.meta.is_image else len(x) >= min(16, len(data.train))
        assert f"n = {len(x)}" in picture.note
        if data.density is not None:
            *axes, p = picture.payload["grid"]
            assert p.shape == tuple(len(axis) for axis in reversed(axes))
        label = picture.payload["label"]
        assert (label is None) == (data.train.y is None)

    def test_every_option_refuses_what_is_out_of_range(self, name: str) -> None:
        from genlab.core.errors import SpecError

        table = DATASETS[name].Options.table()
        assert table, "a dataset without options has no size to choose"
        for row in table:
            for bad in bad_values(row):
                with pytest.raises(SpecError, match=row.name):
                    DATASETS[name].Options.build({row.name: bad})


def bad_values(row: Any) -> list[Any]:
    """Values that an option must refuse.

    Example:
        >>> from genlab.core.options import Option
        >>> bad_values(Option("n", int, 1, "count", low=0, high=9))
        [None, 'nan', 'inf', 1.5, 'x', -1, 10]
    """
    bad: list[Any] = [None]
    if row.type in (int, float):
        bad += ["nan", "inf"]
    if row.type is int:
        bad += [1.5]
    if row.type is not str or row.choices is not None:
        bad += ["x"]
    if row.low is not None:
        bad += [row.low - 1]
    if row.high is not None:
        bad += [row.high + 1]
    return bad


class DensityContract:
    """Every exact distribution: a density, of which its samples are samples.

    Attributes:
        side: grid points an axis for the quadratures, in two dimensions.
        tolerance: error of the midpoint rule, which is large where a density has edges.
    """

    side = 500
    tolerance = 1e-3
    n = 50_000

    @staticmethod
    def _quadrature(density: Density, side: int) -> tuple[Tensor, float]:
        d = density.box.shape[1]
        side = 20_000 if d == 1 else side
        axes, p = grid(density, side)
        cell = math.prod(float(axis[1] - axis[0]) for axis in axes)
        return p, cell

    @staticmethod
    def _draw(density: Density, n: int) -> Tensor:
        return density.sample(n, torch.Generator().manual_seed(7))

    def test_it_integrates_to_one_on_its_box(self, density: Density) -> None:
        p, cell = self._quadrature(density, self.side)
        assert float(p.min()) >= 0
        assert float(p.sum()) * cell == pytest.approx(1.0, abs=self.tolerance)

    def test_the_box_holds_the_samples(self, density: Density) -> None:
        x = self._draw(density, self.n).double()
        assert density.box.shape == (2, x.shape[1])
        inside = ((x >= density.box[0]) & (x <= density.box[1])).all(-1)
        assert float(inside.double().mean()) > 1 - 1e-4

    def test_entropy_of_samples_is_that_of_the_density(self, density: Density) -> None:
        p, cell = self._quadrature(density, self.side)
        exact = -float(torch.special.xlogy(p, p).sum()) * cell
        terms = -density.log_prob(self._draw(density, self.n).double())
        error = float(terms.std()) / math.sqrt(self.n)
        slack = self.tolerance * max(1.0, abs(exact))
        assert float(terms.mean()) == pytest.approx(exact, abs=5 * error + slack)

    def test_samples_fill_the_cells_as_the_density_says(self, density: Density) -> None:
        """Pearson's statistic over coarse cells, within five standard deviations of its mean."""
        d, coarse = density.box.shape[1], 20
        fine = 20_000 if d == 1 else self.side
        p, cell = self._quadrature(density, self.side)
        axis_cells = p.reshape(*([coarse, fine // coarse] * d))
        mass = axis_cells.sum(1) if d == 1 else axis_cells.sum((1, 3)).T  # [x, y]
        expected = mass.flatten() * cell * self.n
        low, high = density.box[0], density.box[1]
        x = self._draw(density, self.n).double()
        cells = ((x - low) / (high - low) * coarse).floor().clamp(0, coarse - 1).long()
        index = cells[:, 0] if d == 1 else cells[:, 0] * coarse + cells[:, 1]
        found = torch.bincount(index, minlength=coarse**d).double()
        used = expected >= 20
        assert float(found[~used].sum()) == pytest.approx(
            float(expected[~used].sum()), abs=5 * math.sqrt(float(expected[~used].sum()) + 10)
        )
        statistic = float(((found - expected).square() / expected)[used].sum())
        freedom = int(used.sum()) - 1
        assert statistic == pytest.approx(freedom, abs=5 * math.sqrt(2 * max(freedom, 1)) + 5)

    def test_it_is_the_same_in_both_precisions(self, density: Density) -> None:
        x = self._draw(density, 1000)
        single, double = density.log_prob(x), density.log_prob(x.double())
        assert single.shape == (1000,)
        assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
        assert torch.allclose(single.double(), double, rtol=1e-6, atol=1e-6)

    def test_samples_have_a_finite_density_and_gradient(self, density: Density) -> None:
        x = self._draw(density, 1000).requires_grad_()
        value = density.log_prob(x)
        (gradient,) = torch.autograd.grad(value.sum(), x)
        assert bool(torch.isfinite(value).all())
        assert bool(torch.isfinite(gradient).all())

    def test_it_is_never_nan_and_vanishes_far_away(self, density: Density) -> None:
        d = density.box.shape[1]
        far = torch.full((1, d), 1e3)
        centre = torch.zeros(1, d)
        values = density.log_prob(torch.cat([far, -far, centre]))
        assert not bool(torch.isnan(values).any())
        assert bool((values < math.inf).all())
        assert float(values[0]) < -1000

    def test_samples_repeat_with_the_generator(self, density: Density) -> None:
        first, second = self._draw(density, 50), self._draw(density, 50)
        assert torch.equal(first, second)
        assert first.dtype == torch.float32
        assert first.shape == (50, density.box.shape[1])
