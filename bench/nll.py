"""Test log-likelihood on the full MNIST, beside the values in print.

Each model is trained by the package's own loop on MNIST with dynamic binarisation (each training
picture drawn anew, with its grey levels as probabilities, whenever it is seen) for a stated time,
with Adam at a constant rate for the first half of the budget and a rate that then falls to 0. The
test set is binarised once, with the fixed seed of the data set.

Fully visible nets: exact log p(x) of all 10,000 test pictures. Variational autoencoders: the
importance-weighted bound L_k with k = 5,000 draws, and the ELBO, of the first test pictures.

    python bench/nll.py [--only fvbn made ...] [--minutes 8] [--threads 1] [--out nll.json]

The files are those of torchvision, packed or not, in the folder named by ``--data`` or
``GENLAB_DATA``. With ``--steps`` instead of ``--minutes`` the numbers depend on the seed alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from genlab import data as datasets
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Dataset
from genlab.data.images import SPLIT_SEED
from genlab.models.base import GenerativeModel, HasLogProb
from genlab.objectives.importance_weights import iwae_bound, log_weights
from genlab.train.algorithm import Algorithm, Info
from genlab.train.loop import train
from genlab.train.observers import Observer

#: Draws of q for each picture in the bound, and how many are held at once.
DRAWS, AT_ONCE = 5000, 2000
#: Test pictures in the bound of a latent-variable model.
SUBSET = 500


@dataclass(frozen=True)
class Contender:
    """A row of the table.

    Args:
        title: what it is.
        options: of the run.
        minutes: of training, unless stated otherwise.
        published: NLL in nats of the model in print, with its binarisation and source.
    """

    title: str
    options: Mapping[str, Any]
    minutes: float
    published: str


STATIC = "static binarisation"
IWAE_1 = "1 layer of 50, 200-200 tanh, 3,280 epochs; dynamic binarisation, Burda et al. 2016"
NETS = {"model": "vae", "hidden": 200, "layers": 2, "latent": 50, "batch": 100, "lr": 2e-3}

CONTENDERS: dict[str, Contender] = {
    "fvbn": Contender(
        "logistic autoregressive net",
        {"model": "fvbn", "batch": 100, "lr": 1e-3},
        3,
        "no published value with a source at hand",
    ),
    "made": Contender(
        "MADE, 1 hidden layer of 500, 1 mask",
        {"model": "made", "hidden": 500, "layers": 1, "batch": 100, "lr": 1e-3},
        5,
        f"88.40 ({STATIC}, Germain et al. 2015; from memory)",
    ),
    "made_masks": Contender(
        "MADE, 1 hidden layer of 1,000, 8 masks (mixture)",
        {"model": "made", "hidden": 1000, "layers": 1, "masks": 8, "batch": 100, "lr": 1e-3},
        6,
        f"88.04 with 32 masks ({STATIC}, Germain et al. 2015)",
    ),
    "pixelcnn": Contender(
        "gated PixelCNN, 5 layers of 16 channels",
        {"model": "pixelcnn", "width": 16, "layers": 5, "batch": 16, "lr": 4e-3},
        14,
        f"81.30 (the PixelCNN without gates; {STATIC}, van den Oord et al. 2016)",
    ),
    "vae": Contender(
        "VAE, 200-200 ReLU, 50 latent",
        {**NETS, "objective": "elbo"},
        7,
        f"86.76 ({IWAE_1})",
    ),
    "iwae": Contender(
        "IWAE, k = 5, the same nets",
        {**NETS, "objective": "iwae", "importance": 5},
        8,
        f"85.54 ({IWAE_1})",
    ),
    "nade": Contender(
        "NADE, 200 hidden units",
        {"model": "nade", "hidden": 200, "batch": 50, "lr": 2e-3},
        5,
        f"88.33 with 500 hidden units ({STATIC}, as later papers quote it)",
    ),
}


class Schedule(Observer):
    """Ends the run when its budget is used, and lowers the rate over the second half of it.

    Args:
        algorithm: whose rate is changed.
        seconds: of training; None where the run ends by its number of steps.
        clock: what the seconds are of: on a shared machine those of the processor are fairer.
    """

    every = 10

    def __init__(
        self,
        algorithm: Algorithm[Any],
        seconds: float | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._algorithm, self._seconds, self._clock = algorithm, seconds, clock
        self._rate = float(algorithm.spec.algorithm_options.flat()["lr"])
        self.seconds = self.processor = 0.0

    def begin(self, step: int, state: Any) -> bool:
        self._began, self._processor = time.perf_counter(), time.process_time()
        self._start = self._clock()
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        if self._seconds is None:
            share = step / self._algorithm.spec.train.steps
        else:
            share = (self._clock() - self._start) / self._seconds
        rate = max(1e-7, self._rate * min(1.0, 2 * (1 - share)))
        self._algorithm.set_options(state, {"lr": rate})
        return share >= 1

    def end(self, step: int, state: Any) -> None:
        self.seconds = time.perf_counter() - self._began
        self.processor = time.process_time() - self._processor


@dataclass(frozen=True)
class Mean:
    """A mean over test pictures.

    Args:
        value: in nats.
        n: pictures.
        over: standard error from the choice of pictures.
        noise: standard error from the draws of q; 0 where each picture's number is exact.
    """

    value: float
    n: int
    over: float
    noise: float = 0.0

    @classmethod
    def of(cls, each: Tensor, noise: float = 0.0) -> Mean:
        """From a number a picture, (n,)."""
        spread = float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.nan
        return cls(float(each.mean()), len(each), spread, noise)


def exact(model: HasLogProb, x: Tensor, at_once: int = 100) -> Tensor:
    """−log p(x) of each picture, (n,) in nats."""
    with torch.no_grad():
        return torch.cat([-model.log_prob(part).double() for part in x.split(at_once)])


def bounds(
    model: Any, x: Tensor, draws: int = DRAWS, seed: int = 0, at_once: int = AT_ONCE
) -> tuple[Mean, Mean]:
    """−L_k with k draws of q a picture, and −ELBO from the same draws, in nats.

    −L_k is in expectation an upper bound of −log p(x), nearer the larger k. The error from the
    draws is that of the delta method, Var(log (1/k) Σ w) ≈ Var(w) / (k (mean w)²).

    Args:
        model: with an encoder, a decoder and a likelihood.
        x: pictures, (n, *data_shape).
        draws: k.
        seed: of the draws.
        at_once: draws held in memory at a time.
    """
    tight, loose, tight_noise, loose_noise = [], [], [], []
    with torch.no_grad(), scope(seed, "bounds"):
        for picture in x.split(1):
            q, parts, left = model.encode(picture), [], draws
            while left > 0:
                parts.append(log_weights(model, picture, q, min(left, at_once)).double())
                left -= at_once
            weights = torch.cat(parts)
            tight.append(-iwae_bound(weights)[0])
            loose.append(-weights.mean())
            share = torch.softmax(weights[:, 0], 0)
            tight_noise.append(share.square().sum() - 1 / draws)
            loose_noise.append(weights.var() / draws)
    n = len(x)
    errors = [math.sqrt(max(float(sum(e)), 0.0)) / n for e in (tight_noise, loose_noise)]
    return Mean.of(torch.stack(tight), errors[0]), Mean.of(torch.stack(loose), errors[1])


def run(
    name: str,
    source: Mapping[str, Any],
    *,
    minutes: float | None = None,
    steps: int | None = None,
    threads: int = 1,
    seed: int = 0,
    subset: int = SUBSET,
    draws: int = DRAWS,
    clock: Callable[[], float] = time.perf_counter,
    load: Callable[[RunSpec], Dataset] = datasets.load,
) -> dict[str, Any]:
    """Train one row of the table and measure it on the test set.

    Args:
        name: of the row.
        source: the data set and its options.
        minutes: of training; None for the row's own.
        steps: of training, instead of a time.
        threads: of the processor.
        seed: of the run.
        subset: test pictures in the bound of a latent-variable model.
        draws: k of the bound.
        clock: seconds, of which the minutes are.
        load: reads the data.

    Returns:
        Plain values: what was trained, for how long, and what it came to.
    """
    row = CONTENDERS[name]
    spec = RunSpec.build(
        **{**source, **row.options, "seed": seed, "threads": threads, "steps": steps or 10**7}
    )
    torch.set_num_threads(threads)
    data = load(spec)
    seed_run(seed)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    schedule = Schedule(algorithm, None if steps else 60 * (minutes or row.minutes), clock)
    state, steps = train(algorithm, data, algorithm.init(seed, data), observers=[schedule])
    model: GenerativeModel = algorithm.model(state).eval()
    seen = steps * spec.train.batch
    result: dict[str, Any] = {
        "name": name,
        "title": row.title,
        "published": row.published,
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": steps,
        "batch": spec.train.batch,
        "examples": seen,
        "epochs": seen / len(data.train),
        "seconds": schedule.seconds,
        "processor_seconds": schedule.processor,
        "threads": threads,
        "seed": seed,
        "lr": spec.algorithm_options.flat()["lr"],
        "options": spec.flat(),
    }
    began = time.perf_counter()
    if isinstance(model, HasLogProb):
        each = exact(model, data.test.x)
        found = {"nll": Mean.of(each), "nll_subset": Mean.of(each[:subset])}
        result |= {"kind": "exact"}
    else:
        tight, loose = bounds(model, data.test.x[:subset], draws, seed)
        found = {"nll": tight, "elbo": loose}
        result |= {"kind": "upper bound of the NLL", "draws": draws}
    result |= {key: dataclasses.asdict(value) for key, value in found.items()}
    return result | {"seconds_of_measuring": time.perf_counter() - began}


def result_line(result: Mapping[str, Any]) -> str:
    """A result in a few lines."""
    nll = result["nll"]
    what = "exact" if result["kind"] == "exact" else f"−L_k, k = {result['draws']:,}"
    noise = f", ± {nll['noise']:.2g} by the draws" if nll["noise"] else ""
    lines = [
        f"{result['name']}: {result['title']}",
        f"  test NLL {nll['value']:.2f} nats ({what}; {nll['n']:,} pictures, "
        f"± {nll['over']:.2f} by the choice of pictures{noise})",
    ]
    if "nll_subset" in result:
        part = result["nll_subset"]
        lines.append(f"  of the first {part['n']:,} test pictures: {part['value']:.2f}")
    if "elbo" in result:
        lines.append(f"  −ELBO {result['elbo']['value']:.2f} nats on the same pictures")
    lines += [
        f"  budget: {result['steps']:,} steps of {result['batch']}, "
        f"{result['epochs']:.1f} epochs, {result['seconds'] / 60:.1f} minutes "
        f"({result['processor_seconds'] / 60:.1f} of the processor, {result['threads']} thread"
        f"{'s' if result['threads'] > 1 else ''}), {result['parameters']:,} parameters, "
        f"learning rate {result['lr']:g}, seed {result['seed']}",
        f"  in print: {result['published']}",
    ]
    return "\n".join(lines)


def table(results: list[dict[str, Any]]) -> str:
    """All results beside each other."""
    head = f"{'model':<50} {'test NLL':>15} {'−ELBO':>7} {'epochs':>7} {'min':>5}  in print"
    rows = [
        f"{r['title']:<50} {r['nll']['value']:>8.2f} ± {r['nll']['over']:<4.2f} "
        f"{format(r['elbo']['value'], '.2f') if 'elbo' in r else '':>7} {r['epochs']:>7.1f} "
        f"{r['seconds'] / 60:>5.1f}  {r['published']}"
        for r in results
    ]
    return "\n".join([head, *rows])


def unpacked(folder: Path, target: Path) -> Path:
    """The folder if torchvision's files lie in it, else ``place`` with its packed files unpacked.

    Raises:
        SystemExit: if there are neither.
    """
    if (folder / "MNIST" / "raw").is_dir():
        return folder
    packed = sorted((folder / "MNIST").glob("*.gz"))
    if len(packed) < 4:
        sys.exit(
            f"the files of MNIST are not in {folder / 'MNIST'}; give their folder with --data or "
            "GENLAB_DATA"
        )
    raw = target / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in packed:
        with gzip.open(file) as stream, (raw / file.stem).open("wb") as out:
            shutil.copyfileobj(stream, out)
    return target


def main() -> None:
    """Train and measure the rows one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--minutes", type=float, help="of training a model; else each its own")
    parser.add_argument(
        "--processor", action="store_true", help="minutes of the processor, not of the wall"
    )
    parser.add_argument("--steps", type=int, help="of training, instead of a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subset", type=int, default=SUBSET, help="test pictures in a bound")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GENLAB_DATA") or "data"))
    parser.add_argument("--out", type=Path, help="a JSON file for the results")
    arguments = parser.parse_args()
    source = {"data": "mnist", "binarise": "dynamic"}
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GENLAB_DATA"] = str(unpacked(arguments.data, Path(folder)))
        print(f"MNIST, dynamic binarisation; the test set drawn once with seed {SPLIT_SEED}")
        for name in arguments.only:
            results.append(
                run(
                    name,
                    source,
                    minutes=arguments.minutes,
                    steps=arguments.steps,
                    threads=arguments.threads,
                    seed=arguments.seed,
                    subset=arguments.subset,
                    clock=time.process_time if arguments.processor else time.perf_counter,
                )
            )
            print(result_line(results[-1]), flush=True)
            if arguments.out is not None:
                arguments.out.write_text(json.dumps(results, indent=1))
    print(table(results))


if __name__ == "__main__":
    main()
