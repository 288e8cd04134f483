"""Drawn distributions: the density and its sampler against each other, storage, and bad input."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from genlab import cli, runs
from genlab.core.errors import DataError, SpecError
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.data import drawings
from genlab.data.base import Density
from genlab.data.grid_density import GridDensity
from genlab.probes.toys import grid_of
from genlab.testing.data_contract import DensityContract

N = drawings.CELLS
#: Level of the tests of fit. The draws are seeded, so a failure repeats.
ALPHA = 1e-4


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    drawings._guests.clear()
    yield tmp_path
    drawings._guests.clear()
    runs.configure()


def one_pixel() -> np.ndarray[Any, Any]:
    array = np.zeros((N, N))
    array[17, 40] = 1.0
    return array


def noise(*shape: int) -> np.ndarray[Any, Any]:
    source = np.random.default_rng(3)
    return source.random(shape) * (source.random(shape) < 0.3)


DRAWN = {
    **{name: drawings.example(name) for name in drawings.EXAMPLES},
    "one pixel": drawings.drawing(one_pixel()),
    "everything": drawings.drawing(np.ones((N, N))),
    "noise": drawings.drawing(noise(N, N)),
    "line": drawings.drawing(noise(N)),
}


class TestExamples(DensityContract):
    @pytest.fixture(params=list(drawings.EXAMPLES))
    def density(self, request: pytest.FixtureRequest) -> Density:
        return DRAWN[request.param].density


@pytest.mark.parametrize("name", DRAWN)
def test_masses_sum_to_one_and_are_the_integral_of_the_density(name: str) -> None:
    made = DRAWN[name].density
    assert float(made.masses.sum()) == pytest.approx(1.0, abs=1e-14)
    axis = made.low + (torch.arange(N, dtype=torch.float64) + 0.5) * made.side
    mesh = torch.stack(torch.meshgrid(*[axis] * made.dim, indexing="ij"), -1).view(-1, made.dim)
    mass = made.log_prob(mesh).exp() * made.side**made.dim
    assert torch.allclose(mass, made.masses, atol=1e-15)
    assert torch.equal(made.masses > 0, torch.from_numpy(DRAWN[name].weights > 0).flatten())


@pytest.mark.parametrize("name", DRAWN)
def test_the_sampler_fits_the_density(name: str) -> None:
    """Pearson's chi-square over the cells, and uniform places within them (Kolmogorov)."""
    made = DRAWN[name].density
    x = made.sample(100_000, torch.Generator().manual_seed(5))
    assert bool(torch.isfinite(made.log_prob(x)).all())
    place = (x.double() - made.low) / made.side
    index = place.floor().long()
    flat = index[:, 0] if made.dim == 1 else index[:, 0] * N + index[:, 1]
    found = torch.bincount(flat, minlength=len(made.masses)).double().numpy()
    expected = made.masses.numpy() * len(x)
    often = expected >= 5
    cells = [*zip(found[often], expected[often], strict=True)]
    if not often.all() and expected[~often].sum() >= 5:
        cells.append((found[~often].sum(), expected[~often].sum()))
    statistic = sum((f - e) ** 2 / e for f, e in cells)
    if len(cells) > 1:
        assert stats.chi2.sf(statistic, len(cells) - 1) > ALPHA
    else:
        assert statistic < 1e-9
    for axis in range(made.dim):
        within = (place[:, axis] % 1.0).numpy()
        assert stats.kstest(within, "uniform").pvalue > ALPHA


@pytest.mark.parametrize("name", DRAWN)
def test_the_entropy_is_the_mean_of_the_log_density(name: str) -> None:
    made = DRAWN[name].density
    terms = -made.log_prob(made.sample(50_000, torch.Generator().manual_seed(6)).double())
    error = float(terms.std()) / math.sqrt(len(terms))
    assert float(terms.mean()) == pytest.approx(made.entropy, abs=4 * error + 1e-9)


def test_entropy_of_known_drawings() -> None:
    assert DRAWN["everything"].density.entropy == pytest.approx(math.log(16.0))
    assert DRAWN["one pixel"].density.entropy == pytest.approx(2 * math.log(4.0 / N))


@pytest.mark.parametrize("name", ["smile", "noise", "line", "hills"])
def test_the_grids_of_the_probes_integrate_a_drawing_exactly(name: str) -> None:
    made = DRAWN[name]
    drawings.take_guest(made.flat())
    source = DATASETS["drawn"]
    data = source.load(source.Options.build({"drawing": made.id, "points": 100}))
    grid = grid_of(data)
    assert float(grid.masses[-1]) == 0.0
    fine = made.density.masses.view((N,) * made.dim)
    step = N // grid.cells
    coarse = fine.unfold(0, step, step).sum(-1)
    if made.dim == 2:
        coarse = coarse.unfold(1, step, step).sum(-1)
    assert torch.allclose(grid.masses[:-1], coarse.flatten(), atol=1e-12)


def test_equal_drawings_have_one_name_and_others_another(home: Path) -> None:
    first = drawings.drawing(noise(N, N))
    again = drawings.drawing(10.0 * noise(N, N))
    assert drawings.store(first) == drawings.store(again)
    assert len(drawings.names()) == len(drawings.EXAMPLES) + 1
    changed = noise(N, N)
    changed[0, 0] += 1.0
    assert drawings.drawing(changed).id != first.id
    # The same numbers on the line and in the plane are two drawings.
    assert drawings.drawing(np.ones(N)).id != drawings.drawing(np.ones((N, N))).id
    assert np.array_equal(drawings.find(first.id).weights, first.weights)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((N, N)), "Nothing is drawn"),
        (np.ones((3, 3)), "64 by 64"),
        (np.full((N, N), np.nan), "finite"),
        (-np.ones(N), "from 0"),
        ("drawing", "numbers"),
        ([[1], [1, 2]], "numbers"),
    ],
)
def test_what_is_no_drawing_is_refused(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        drawings.drawing(values)
    assert "Nothing was stored" in str(caught.value)


def test_faint_parts_stay_in_the_support() -> None:
    values = np.zeros(N)
    values[3], values[9] = 1.0, 1e-9
    assert drawings.drawing(values).covered == 2


def test_damaged_and_unknown_drawings_are_said(home: Path) -> None:
    name = drawings.store(drawings.drawing(noise(N)))
    path = home / "files" / "drawings" / f"{name}.json"
    values = json.loads(path.read_text())
    for damaged in ("{", json.dumps(values | {"weights": "!"}), json.dumps(values | {"dim": 2})):
        path.write_text(damaged)
        with pytest.raises(DataError, match="damaged"):
            drawings.find(name)
    path.write_text(json.dumps(drawings.drawing(np.ones(N)).flat()))
    with pytest.raises(DataError, match="its content is another"):
        drawings.find(name)
    with pytest.raises(DataError, match="no drawing"):
        drawings.find("../../etc/passwd")
    with pytest.raises(SpecError, match="drawing"):
        RunSpec.build(data="drawn", model="gan", drawing="drawing-0000000000000000")


def test_an_exported_run_brings_its_drawing(home: Path, tmp_path: Path) -> None:
    from genlab.runs import foreground

    made = drawings.drawing(noise(N, N) + 0.01)
    spec = {"data": "drawn", "drawing": drawings.store(made), "model": "gan", "steps": 3}
    view = foreground.train(spec | {"hidden": 8, "points": 200})
    assert {"ledger", "gap"} <= set(view.frames())
    runs.export(view.id, tmp_path / "out")
    (home / "files" / "drawings" / f"{made.id}.json").unlink()
    drawings._guests.clear()
    brought = runs.open_run(str(tmp_path / "out"), paths=True)
    density = brought.data().density
    assert isinstance(density, GridDensity)
    assert torch.equal(density.masses, made.density.masses)
    assert brought.model().sample(4).shape == (4, 2)
    drawings._guests.clear()


def png(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray((255 * array).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_the_ink_of_an_image_is_its_mass() -> None:
    page = np.ones((128, 128))
    page[0:64, 0:32] = 0.0  # the upper left, on white paper
    made = drawings.from_image(png(page))
    assert made.covered == 16 * 32
    assert bool((made.weights[:16, 32:] == 255).all())
    assert np.array_equal(drawings.from_image(png(1.0 - page)).weights, made.weights)
    # A wide picture is not stretched: it has empty cells above and below.
    wide = drawings.from_image(png(np.pad(np.zeros((40, 126)), 1, constant_values=1.0)))
    assert 0.28 < wide.covered / N**2 < 0.38
    with pytest.raises(DataError, match="Nothing is drawn"):
        drawings.from_image(png(np.ones((20, 20))))
    with pytest.raises(DataError):
        drawings.from_image(b"no image")


def test_the_command_line_stores_drawings(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, table = tmp_path / "a.png", tmp_path / "a.npz"
    page = np.ones((64, 64))
    page[20:40, 10:50] = 0.0
    image.write_bytes(png(page))
    np.savez(table, weights=noise(N))
    for path, dim in ((image, 2), (table, 1)):
        assert cli.main(["data", "draw", str(path)]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["dim"] == dim
        assert drawings.find(said["drawing"]).covered == said["covered"]
    flat = tmp_path / "a.json"
    flat.write_text(json.dumps(drawings.example("smile").flat()))
    assert cli.main(["data", "draw", str(flat)]) == 0
    np.savez(table, weights=np.zeros(N))
    assert cli.main(["data", "draw", str(table)]) == 2
    assert "Nothing is drawn" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["one pixel", "everything"])
def test_one_pixel_and_everything_are_trained_on(home: Path, name: str) -> None:
    """The truth lines of a drawing that is as small, or as large, as one can be."""
    from genlab.runs import foreground

    spec = {"data": "drawn", "drawing": drawings.store(DRAWN[name]), "model": "gan", "steps": 3}
    view = foreground.train(spec | {"hidden": 8, "points": 200})
    assert view.row.status == "done"
    assert {"ledger", "gap"} <= set(view.frames())
    rows: list[Any] = [row.payload for row in view.read(0, kinds=("scalars",))]
    found = [row["grid_js"] for row in rows if "grid_js" in row]
    assert len(found) >= 2
    # No sample hits one cell of thousands after three steps; none misses all of them.
    if name == "one pixel":
        assert found == pytest.approx([math.log(2)] * len(found), abs=0.01)
    else:
        assert all(0.0 < value < 0.69 for value in found)
