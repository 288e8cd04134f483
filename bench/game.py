"""Steps a second of the two-player game on points, as a ratio measured in one run.

The app's step (model ``gan`` on the ring of 8, with its defaults) against a plain PyTorch loop as
a tutorial would write it: the same nets, the same batch, Adam as it comes, the same four numbers
recorded of each step. What the app shows of a step is part of its step, too.

Each contender is a process of its own with one thread, as in use; they take turns in short rounds,
so that other work of the machine meets both; the time is the CPU time of the process; the ratio is
the median over the rounds. Both then are to reach the same modes.

Two set-ups are measured: the app's own, and one of larger batches, where the matrix products are a
large part of either step; or the one that is given.

    python bench/game.py [--rounds 15] [--steps 100] [--quality 3000] [--set batch=64 hidden=32]
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from genlab import data as datasets
from genlab.core.random import seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, Dataset
from genlab.divergences import mode_coverage

#: Wanted of the ratio.
TARGET = 3.0
Go = Callable[[int], None]
Draw = Callable[[int], Tensor]


def ours(spec: RunSpec, data: Dataset) -> tuple[Go, Draw]:
    """GenLab's step."""
    seed_run(spec.train.seed)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    state = algorithm.init(spec.train.seed, data)
    x, batches, step = data.train.x, Batches(len(data.train), spec.train.batch, spec.train.seed), 0

    def go(steps: int) -> None:
        nonlocal step
        for _ in range(steps):
            algorithm.step(state, x.index_select(0, batches.index(step)))
            step += 1

    return go, lambda n: algorithm.sample(state, n)


def plain(spec: RunSpec, data: Dataset) -> tuple[Go, Draw]:
    """The loop of a tutorial."""
    o = spec.flat()
    latent, hidden, layers, batch = (o[k] for k in ("latent", "hidden", "layers", "batch"))
    torch.manual_seed(spec.train.seed)

    def net(inputs: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
        parts: list[nn.Module] = []
        for wide in [hidden] * layers:
            parts += [nn.Linear(inputs, wide), activation()]
            inputs = wide
        return nn.Sequential(*parts, nn.Linear(inputs, outputs))

    generator = net(latent, 2, nn.ReLU)
    discriminator = net(2, 1, lambda: nn.LeakyReLU(0.2))
    betas = (o["beta1"], o["beta2"])
    of_g = torch.optim.Adam(generator.parameters(), lr=o["lr"], betas=betas)
    of_d = torch.optim.Adam(discriminator.parameters(), lr=o["lr"], betas=betas)
    criterion = nn.BCEWithLogitsLoss()
    x = data.train.x
    losses: list[tuple[float, ...]] = []

    def go(steps: int) -> None:
        ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
        for _ in range(steps):
            real = x[torch.randint(len(x), (batch,))]
            fake = generator(torch.randn(batch, latent))
            of_d.zero_grad()
            at_real, at_fake = discriminator(real), discriminator(fake.detach())
            loss_d = criterion(at_real, ones) + criterion(at_fake, zeros)
            loss_d.backward()
            of_d.step()
            of_g.zero_grad()
            loss_g = criterion(discriminator(fake), ones)
            loss_g.backward()
            of_g.step()
            confident = at_real.sigmoid().mean().item(), at_fake.sigmoid().mean().item()
            losses.append((loss_d.item(), loss_g.item(), *confident))

    def draw(n: int) -> Tensor:
        with torch.no_grad():
            return generator(torch.randn(n, latent))

    return go, draw


#: What is changed of the app's defaults.
SET_UPS: tuple[dict[str, str], ...] = ({}, {"batch": "256"})
CONTENDERS = {"genlab": ours, "plain loop": plain}


def serve(who: str, changes: dict[str, Any], pipe: Any) -> None:
    """A contender's process: at each number one round of so many steps, answered by its rate."""
    torch.set_num_threads(1)
    spec = RunSpec.build(model="gan", data="ring", **changes)
    data = datasets.load(spec)
    assert data.modes is not None
    go, draw = CONTENDERS[who](spec, data)
    done = 0
    while steps := pipe.recv():
        begun = time.process_time()
        go(steps)
        done += steps
        pipe.send(steps / (time.process_time() - begun))
    go(max(0, pipe.recv() - done))
    pipe.send(mode_coverage(draw(2_500), data.modes, data.extra["mode_std"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100, help="steps a round")
    parser.add_argument("--quality", type=int, default=3_000, help="steps before modes are seen")
    parser.add_argument("--set", nargs="*", default=[], metavar="OPTION=VALUE", dest="pairs")
    arguments = parser.parse_args()
    chosen = dict(pair.split("=", 1) for pair in arguments.pairs)
    for changes in (chosen,) if chosen else SET_UPS:
        compare(changes, arguments)


def compare(changes: dict[str, str], arguments: argparse.Namespace) -> None:
    """Both contenders with some options changed: their speed, then what they reached."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Any] = {}
    rates: dict[str, list[float]] = {who: [] for who in CONTENDERS}
    for who in CONTENDERS:
        pipes[who], far = context.Pipe()
        context.Process(target=serve, args=(who, changes, far), daemon=True).start()
    for number in range(arguments.rounds + 2):
        for who, pipe in pipes.items():
            pipe.send(arguments.steps)
            rate = pipe.recv()
            if number >= 2:
                rates[who].append(rate)
    ratio = statistics.median(
        a / b for a, b in zip(rates["genlab"], rates["plain loop"], strict=True)
    )
    mine, other = (statistics.median(rates[who]) for who in CONTENDERS)
    verdict = "holds" if ratio >= TARGET else "MISSED"
    print(f"gan on the ring, {changes or 'defaults'}:")
    print(
        f"{ratio:.2f}x the plain loop, {mine:.0f} against {other:.0f} steps/s "
        f"(target {TARGET:g}: {verdict})"
    )
    for who, pipe in pipes.items():
        pipe.send(0)
        pipe.send(arguments.quality)
        seen = pipe.recv()
        print(
            f"{who} after {max(arguments.quality, (arguments.rounds + 2) * arguments.steps)} "
            f"steps: {seen.modes} of 8 modes, {100 * seen.high_quality:.1f} % of high quality"
        )


if __name__ == "__main__":
    main()
