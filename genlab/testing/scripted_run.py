"""A run that a test writes by hand, as a worker would: the live view without any training."""

from __future__ import annotations

import math

import numpy as np

from genlab.core.folders import Folder
from genlab.core.measure import Picture, Series
from genlab.runs.files import run_files
from genlab.runs.store import Record, RunStore

SERIES = (
    Series("elbo", "ELBO", "loss", "nats", "training batch", 128, "higher", -20.0, "log p(x)"),
    Series("reconstruction", "Reconstruction", "loss", "nats", "training batch", 128, "higher"),
    Series("kl", "KL to the prior", "loss", "nats", "exact", 128, "lower"),
    Series("js", "JS of the samples", "divergence", "nats", "grid", 4096, "lower", 0.0, "equal"),
)


class ScriptedRun:
    """A run in a store, one call a thing that happens.

    Args:
        store, files: where.
        steps: how many steps it shall have.
        title: its name.
        seed: of its spec.
    """

    def __init__(
        self,
        store: RunStore,
        files: Folder,
        *,
        steps: int = 1000,
        title: str = "scripted",
        seed: int = 0,
    ) -> None:
        spec = {"model": "vae", "data": "digits", "objective": "elbo", "algorithm": "gradient"}
        self.store, self.steps, self.step = store, steps, 0
        self.id = store.create(spec | {"steps": steps, "seed": seed}, title=title, worker="test:0")
        self.files = run_files(files, self.id)
        store.describe(self.id, [series.flat() for series in SERIES])
        store.set_status(self.id, "running")

    @staticmethod
    def values(step: int) -> dict[str, float]:
        """What the run says at a step."""
        kl, lost = 8 * (1 - math.exp(-step / 200)), 30 + 60 * math.exp(-step / 100)
        return {"elbo": -lost - kl, "reconstruction": -lost, "kl": kl}

    def go(self, n: int, *, every: int = 2, speed: float = 100.0) -> None:
        """Take n steps, with numbers at every few of them."""
        wanted = range(self.step + 1, self.step + n + 1)
        rows = [Record(s, "scalars", self.values(s)) for s in wanted if s % every == 0]
        self.step += n
        rows.append(Record(self.step, "scalars", {"js": math.exp(-self.step / 300)}))
        self.store.append(self.id, rows)
        self.store.heartbeat(self.id, step=self.step, speed=speed)

    def look(self) -> None:
        """Save a picture of each form for this step."""
        random = np.random.default_rng(self.step)
        shade = np.linspace(0, 1, 64)[:, None, None, None] * np.ones((64, 1, 8, 8))
        labels = random.integers(0, 10, 400)
        edges = np.linspace(0, 1, 21)
        real, fake = random.beta(5, 2, 500), random.beta(2, 5, 500)
        self.files.save_frame(
            self.step,
            {
                "samples": Picture(
                    "images",
                    "Samples",
                    {"x": (shade + self.step / 1000) % 1, "columns": 8},
                    "fixed z, n = 64",
                ),
                "codes": Picture(
                    "points",
                    "Latent means",
                    {
                        "x": random.normal(size=(400, 2)) + labels[:, None] / 3,
                        "label": labels,
                        "classes": [str(k) for k in range(10)],
                        "axes": ["z₁", "z₂"],
                    },
                    "held-out images, n = 400",
                ),
                "confidence": Picture(
                    "histogram",
                    "D(x) and D(G(z))",
                    {
                        "edges": edges,
                        "x_title": "D",
                        "counts": {
                            "D(x)": np.histogram(real, edges)[0],
                            "D(G(z))": np.histogram(fake, edges)[0],
                        },
                    },
                    "probability, n = 500",
                ),
                "kl": Picture(
                    "bars",
                    "KL of each latent dimension",
                    {
                        "x": list(range(1, 13)),
                        "y": random.gamma(1, 1, 12),
                        "x_title": "latent dimension",
                        "y_title": "KL (nats)",
                    },
                    "nats, exact, n = 500",
                ),
            },
        )
        panels = ["samples", "codes", "confidence", "kl"]
        self.store.append(self.id, [Record(self.step, "frame", {"panels": panels})])

    def end(self, status: str = "done", message: str = "") -> None:
        """End the run."""
        self.store.set_status(self.id, status, message=message)  # type: ignore[arg-type]
