"""Images a second of the training step, as ratios measured in one run.

Three nets, each against a plain PyTorch loop as a tutorial would write it (a DataLoader over a
dataset that turns one picture at a time into a tensor, Adam as it comes, ``loss.item()`` at each
step) and, where it is installed, against pythae's own trainer with the same layers, fed in both
of its ways: with a tensor in memory, and with pictures that are turned one by one.

Each contender is a process of its own, as it is in use; they take turns, so that other work of the
machine meets all of them; the time is the CPU time of the process (its one thread); each ratio is
the median over the rounds.

    python bench/training.py [--rounds 9] [--steps 8] [--threads 1]

pythae is found on the import path; ``PYTHONPATH=folder python bench/training.py`` takes it from a
folder of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from genlab import data as datasets
from genlab.core.random import seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.core.vision import torchvision
from genlab.data.base import Batches

BATCH = 128
Round = Callable[[], int]


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures as torchvision's datasets hold them: bytes, turned into a tensor one by one."""

    def __init__(self, x: Tensor, signed: bool) -> None:
        from PIL import Image

        transforms = torchvision().transforms
        self.bytes = (x[:, 0] * 255).round().byte().numpy()
        steps: list[Any] = [transforms.ToTensor()]
        if signed:
            steps.append(transforms.Normalize((0.5,), (0.5,)))
        self.transform = transforms.Compose(steps)
        self.open = Image.fromarray

    def __len__(self) -> int:
        return len(self.bytes)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.open(self.bytes[index], mode="L")), 0


def ours(name: str, x: Tensor) -> Round:
    """One pass of GenLab's step over the pictures."""
    spec = RunSpec.build(model=name, data="mnist5k", batch=BATCH)
    data = datasets.load(spec)
    seed_run(0)
    algorithm = ALGORITHMS["gradient"](spec)
    state = algorithm.init(0, data)
    batches = Batches(len(x), BATCH, 0)
    step = 0

    def go() -> int:
        nonlocal step
        for _ in range(len(x) // BATCH):
            algorithm.step(state, x.index_select(0, batches.index(step)))
            step += 1
        return len(x) // BATCH * BATCH

    return go


def vae_nets(name: str) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module]:
    """Body of the encoder, its two heads, and the decoder to probabilities: as in GenLab's."""
    latent = 20
    if name == "vae":
        body: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
        features = 400
        decoder: nn.Module = nn.Sequential(
            nn.Linear(latent, 400),
            nn.ReLU(),
            nn.Linear(400, 784),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, 28, 28)),
        )
    else:
        features = 64 * 7 * 7
        body = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        decoder = nn.Sequential(
            nn.Linear(latent, features),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1),
            nn.Sigmoid(),
        )
    return body, nn.Linear(features, latent), nn.Linear(features, latent), decoder


def plain_vae(name: str, x: Tensor) -> Round:
    """The loop of a tutorial on variational autoencoders."""
    nets = nn.ModuleList(vae_nets(name))
    body, mean_head, variance_head, decoder = nets
    loader = DataLoader(Pictures(x, False), batch_size=BATCH, shuffle=True, drop_last=True)
    optimiser = torch.optim.Adam(nets.parameters(), lr=1e-3)

    def go() -> int:
        total = 0.0
        for picture, _ in loader:
            h = body(picture)
            mean, log_variance = mean_head(h), variance_head(h)
            z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
            bce = nn.functional.binary_cross_entropy(decoder(z), picture, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            loss = (bce + kl) / len(picture)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        return len(loader) * BATCH

    return go


def plain_dcgan(name: str, x: Tensor) -> Round:  # noqa: ARG001 - the table's signature
    """The loop of a tutorial on DCGAN."""
    latent, width = 64, 32
    generator = nn.Sequential(
        nn.ConvTranspose2d(latent, 2 * width, 7, 1, 0, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(True),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(True),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * width, 1, 7, 1, 0),
        nn.Sigmoid(),
    )
    loader = DataLoader(Pictures(x, True), batch_size=BATCH, shuffle=True, drop_last=True)
    criterion = nn.BCELoss()
    of_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    of_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def go() -> int:
        losses = []
        for picture, _ in loader:
            n = len(picture)
            ones, zeros = torch.ones(n), torch.zeros(n)
            discriminator.zero_grad()
            real = discriminator(picture).view(-1)
            loss_real = criterion(real, ones)
            loss_real.backward()
            fake = generator(torch.randn(n, latent, 1, 1))
            judged = discriminator(fake.detach()).view(-1)
            loss_fake = criterion(judged, zeros)
            loss_fake.backward()
            of_d.step()
            generator.zero_grad()
            again = discriminator(fake).view(-1)
            loss = criterion(again, ones)
            loss.backward()
            of_g.step()
            losses.append((loss.item(), loss_real.item() + loss_fake.item()))
            losses[-1] += (real.mean().item(), judged.mean().item(), again.mean().item())
        return len(loader) * BATCH

    return go


def pythae_pictures(name: str, x: Tensor) -> Round:
    """pythae's trainer, fed with pictures that are turned into tensors one by one."""
    from pythae.data.datasets import DatasetOutput

    class Wrapped(Pictures):
        def __getitem__(self, index: int) -> Any:
            return DatasetOutput(data=super().__getitem__(index)[0])

    return pythae_vae(name, x, Wrapped(x, False))


def pythae_vae(name: str, x: Tensor, source: Any = None) -> Round:
    """pythae's trainer on the same layers, fed with a tensor in memory or another source."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    body, mean_head, variance_head, net = vae_nets(name)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.mean, self.variance = body, mean_head, variance_head

        def forward(self, x: Tensor) -> ModelOutput:
            h = self.body(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.net(z))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    with contextlib.redirect_stderr(io.StringIO()):
        trainer = BaseTrainer(
            model=VAE(config, encoder=Encoder(), decoder=Decoder()),
            train_dataset=source or BaseDataset(x, torch.zeros(len(x))),
            training_config=BaseTrainerConfig(
                output_dir=tempfile.mkdtemp(),
                num_epochs=1000,
                per_device_train_batch_size=BATCH,
                learning_rate=1e-3,
                no_cuda=True,
            ),
        )
        trainer.prepare_training()
    epoch = 0

    def go() -> int:
        nonlocal epoch
        epoch += 1
        with contextlib.redirect_stderr(io.StringIO()):
            trainer.train_step(epoch)
        return len(x) // BATCH * BATCH

    return go


CONTENDERS: dict[str, Callable[[str, Tensor], Round]] = {
    "genlab": ours,
    "plain VAE": plain_vae,
    "plain DCGAN": plain_dcgan,
    "pythae": pythae_vae,
    "pythae, pictures one by one": pythae_pictures,
}
#: net -> {contender: the ratio that must hold, None where it is only told}.
AGAINST: dict[str, dict[str, float | None]] = {
    "vae": {"plain VAE": None, "pythae": 2.2, "pythae, pictures one by one": None},
    "conv_vae": {"plain VAE": None, "pythae": 1.5, "pythae, pictures one by one": None},
    "dcgan": {"plain DCGAN": 1.6},
}


def serve(who: str, net: str, steps: int, threads: int, pipe: Any) -> None:
    """A contender's process: at each word from the parent one round, answered by its rate."""
    torch.set_num_threads(threads)
    spec = RunSpec.build(model="vae", data="mnist5k")
    x = datasets.load(spec).train.x[: steps * BATCH].contiguous()
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        go = CONTENDERS[who](net, x)
        while pipe.recv():
            begun, cpu = time.perf_counter(), time.process_time()
            images = go()
            spent = time.process_time() - cpu if threads == 1 else time.perf_counter() - begun
            pipe.send(images / spent)


def rates(whom: list[str], net: str, rounds: int, steps: int, threads: int) -> dict[str, Any]:
    """Images a second of each contender in each round; the first two rounds are not counted."""
    context = multiprocessing.get_context("spawn")
    pipes, found = {}, {who: [] for who in whom}
    for who in whom:
        pipes[who], far = context.Pipe()
        context.Process(target=serve, args=(who, net, steps, threads, far), daemon=True).start()
    for number in range(rounds + 2):
        for who, pipe in pipes.items():
            pipe.send(True)
            rate = pipe.recv()
            if number >= 2:
                found[who].append(rate)
    for pipe in pipes.values():
        pipe.send(False)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=8, help="steps a round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nets", nargs="*", default=list(AGAINST), choices=list(AGAINST))
    arguments = parser.parse_args()
    installed = importlib.util.find_spec("pythae") is not None
    if not installed:
        print("pythae is not installed: its comparisons are left out")
    for net in arguments.nets:
        targets = {k: v for k, v in AGAINST[net].items() if installed or "pythae" not in k}
        whom = ["genlab", *targets]
        found = rates(whom, net, arguments.rounds, arguments.steps, arguments.threads)
        for who, target in targets.items():
            ratio = statistics.median(
                a / b for a, b in zip(found["genlab"], found[who], strict=True)
            )
            mine, other = (statistics.median(found[w]) for w in ("genlab", who))
            verdict = "holds" if target and ratio >= target else "MISSED"
            goal = f" (target {target}: {verdict})" if target else ""
            print(f"{net}: {ratio:.2f}x {who}, {mine:.0f} against {other:.0f} images/s{goal}")


if __name__ == "__main__":
    main()
