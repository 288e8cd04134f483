"""How much a second thread gains a training: steps of the same run, by turns with one and two.

python bench/threads.py [--rounds 15] [--steps 40] [--threads 2]

Prints the ratio of the speeds by the clock, the median over rounds with the range of the middle
half. A run that is alone on its host may take every core (option ``threads`` = 0). Where other
programs use the cores, the threads wait for each other: at a load of 10 on two cores two threads
had 0.2 to 0.4 of the speed of one (MLP VAE and GAN, 28 x 28). The presets keep one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from genlab import data
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data import Batches

NETS = {
    "MLP VAE, 28 x 28": {"model": "vae", "data": "mnist5k"},
    "GAN, 28 x 28": {"model": "gan", "data": "mnist5k"},
    "DCGAN, 28 x 28": {"model": "dcgan", "data": "mnist5k"},
    "GAN on the ring": {"model": "gan", "data": "ring"},
}


def ratios(values: dict[str, object], rounds: int, steps: int, threads: int) -> list[float]:
    """The speed with several threads over that with one, once a round."""
    spec = RunSpec.build(**values)
    dataset = data.load(spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    state = algorithm.init(spec.train.seed, dataset)
    x = dataset.train.model_input(dataset.meta)
    batches = Batches(len(x), spec.train.batch, spec.train.seed)
    taken, found = 0, []
    for number in range(rounds + 1):
        seconds = {}
        for count in (1, threads) if number % 2 else (threads, 1):
            torch.set_num_threads(count)
            begun = time.perf_counter()
            for _ in range(steps):
                state, _info = algorithm.step(state, x.index_select(0, batches.index(taken)))
                taken += 1
            seconds[count] = time.perf_counter() - begun
        if number:
            found.append(seconds[1] / seconds[threads])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    for name, values in NETS.items():
        found = ratios(values, given.rounds, given.steps, given.threads)
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"{name:20} {middle:.2f} ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
