"""Flows and diffusion on the ring over five seeds: modes, quality and log p beside the entropy.

    python bench/flows.py --steps 1500 --seeds 5

Each line is a mean over the seeds with the 95 % t interval for the method.
"""

from __future__ import annotations

import argparse
import math
import time

import torch
from scipy import stats

from genlab import data as datasets
from genlab.core import random
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.data.base import Dataset
from genlab.divergences import mode_coverage
from genlab.models.base import GenerativeModel, HasDiffusionSteps, HasLogProb, HasProbabilityPath
from genlab.probes.common import draw
from genlab.probes.flow_likelihood import STRATA, stratified_terms
from genlab.train.loop import train

MODELS_SHOWN = ("realnvp", "flow_matching", "ddpm")
SAMPLES, HELD_OUT, SPREAD = 2000, 256, 0.05


@torch.no_grad()
def read(model: GenerativeModel, data: Dataset) -> dict[str, float]:
    """Modes, share within three standard deviations of one, and log p of held-out examples."""
    assert data.modes is not None
    assert data.density is not None
    model.eval()
    seen = mode_coverage(draw(model, SAMPLES), data.modes, SPREAD)
    x = data.test.x[:HELD_OUT]
    truth = float(data.density.log_prob(x).mean())
    found = {"modes": float(seen.modes), "high quality": seen.high_quality}
    if isinstance(model, HasProbabilityPath):
        found["log p − truth"] = float(model.log_prob_ode(x, 64).log_prob.mean()) - truth
    elif isinstance(model, HasLogProb):
        found["log p − truth"] = float(model.log_prob(x).mean()) - truth
    if isinstance(model, HasDiffusionSteps):
        rows = stratified_terms(model, x, STRATA)
        found["ELBO − truth"] = -sum(float(v.mean()) for _, v in rows) - truth
    return found


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", default="ring")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in MODELS_SHOWN:
        rows: list[dict[str, float]] = []
        for seed in range(arguments.seeds):
            spec = RunSpec.build(model=name, data=arguments.data, steps=arguments.steps, seed=seed)
            data = datasets.load(spec)
            random.seed_run(seed)
            start = time.process_time()
            algorithm = ALGORITHMS[spec.algorithm](spec)
            state, _ = train(algorithm, data, algorithm.init(seed, data))
            took = time.process_time() - start
            with scope(seed, "study of flows"):
                rows.append({"seconds": took, **read(algorithm.model(state), data)})
        for key in rows[0]:
            values = torch.tensor([row[key] for row in rows], dtype=torch.float64)
            k = len(values)
            half = stats.t.ppf(0.975, k - 1) * float(values.std()) / math.sqrt(k)
            print(
                f"{MODELS.row(name).title} on {arguments.data}: {key} {float(values.mean()):.4g} "
                f"± {half:.2g} (95 % t interval, {k} seeds, {arguments.steps} steps)",
                flush=True,
            )


if __name__ == "__main__":
    main()
