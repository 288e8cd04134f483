"""Sheets of generated digits after a stated budget of one core, with numbers beside them.

DCGAN as it comes, and the residual GAN under the R3GAN objective, each trained for a number of
seconds of CPU time (one thread, so that other work of the machine does not count), from seed 0.
For each a sheet of 64 draws that nobody picked is written, and printed are

- steps, images seen and milliseconds a step;
- the classifier's verdict: how well a classifier trained from scratch tells held-out digits from
  generated ones (½: not at all), and the lower bound of JS that it proves;
- the share of clear digits: those whose 10 nearest training examples are all of one class,
  beside the same share of held-out digits; and how many of the ten classes appear.

    python bench/samples.py [--seconds 300] [--data mnist5k] [--out /tmp/sheets] [--only r3gan]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from genlab import data as datasets
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, Dataset
from genlab.metrics.c2st import run_c2st
from genlab.models.base import GenerativeModel
from genlab.panels.encoding import png, sheet

#: name -> options of the run, what is not named being the default.
ROWS: dict[str, dict[str, Any]] = {
    "dcgan": {"model": "dcgan"},
    "r3gan": {"model": "resgan"},
}
SHEET, DRAWS, NEIGHBOURS = 64, 500, 10


def trained(spec: RunSpec, data: Dataset, seconds: float) -> tuple[GenerativeModel, int, float]:
    """The model after so many seconds of CPU time, the steps and the seconds they took."""
    seed_run(spec.train.seed)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    state = algorithm.init(spec.train.seed, data)
    batches = Batches(len(data.train), spec.train.batch, spec.train.seed)
    begun, step = time.process_time(), 0
    while time.process_time() - begun < seconds:
        algorithm.step(state, data.train.x.index_select(0, batches.index(step)))
        step += 1
    return algorithm.model(state).eval(), step, time.process_time() - begun


def clear(x: Tensor, data: Dataset) -> tuple[float, Tensor]:
    """The share of pictures whose nearest training examples agree, and the classes of those."""
    assert data.train.y is not None
    near = torch.cdist(x.flatten(1), data.train.x[:5000].flatten(1))
    y = data.train.y[near.topk(NEIGHBOURS, largest=False).indices]
    agree = (y == y[:, :1]).all(dim=1)
    return float(agree.float().mean()), y[agree, 0].unique()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="of one core, each")
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--out", type=Path, default=Path("bench/out"), help="for the sheets")
    parser.add_argument("--only", nargs="*", default=list(ROWS), choices=list(ROWS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    data = datasets.load(RunSpec.build(model="dcgan", data=arguments.data))
    level, _ = clear(data.test.x[:DRAWS], data)
    print(f"{arguments.data}: clear digits among held-out ones: {level:.0%}")
    for name in arguments.only:
        spec = RunSpec.build(data=arguments.data, **ROWS[name])
        model, steps, spent = trained(spec, data, arguments.seconds)
        with scope(0, "sheet"), torch.no_grad():
            x = model.sample(DRAWS)
        path = arguments.out / f"{name}-{arguments.data}-{arguments.seconds:.0f}s.png"
        path.write_bytes(png(sheet(x[:SHEET], 8)))
        share, classes = clear(x, data)
        print(
            f"{name} ({spec.model}, {spec.objective}): {steps} steps of {spec.train.batch} in "
            f"{spent:.0f} s of one core ({1000 * spent / steps:.0f} ms a step); clear digits "
            f"{share:.0%}, of {len(classes)} classes; {path}"
        )
        for estimate in run_c2st(model, data).estimates:
            series = estimate.series
            print(
                f"    {series.title}: {estimate.value:.3f} [{estimate.low:.3f}, "
                f"{estimate.high:.3f}] {series.unit}, {series.kind}"
            )


if __name__ == "__main__":
    main()
