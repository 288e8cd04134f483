"""Commands that use the model of a run: samples and metrics."""

from __future__ import annotations

import argparse
from pathlib import Path

from genlab.commands.output import print_json
from genlab.core.errors import SpecError


def draw_samples(arguments: argparse.Namespace) -> int:
    """``genlab sample``: write samples of a model to a file."""
    out = Path(arguments.out)
    if out.suffix not in {".csv", ".npz", ".png"}:
        raise SpecError("out", str(out), "allowed: a file that ends in .csv, .npz or .png")
    if not 1 <= arguments.n <= 100_000:
        raise SpecError("n", arguments.n, "allowed: a whole number from 1 to 100000")
    from genlab import runs

    view = runs.open_run(arguments.run, paths=True)
    import numpy as np

    from genlab.panels.encoding import png, sheet
    from genlab.runs.samples import sample_run

    found = sample_run(
        view,
        arguments.n,
        seed=arguments.seed,
        step=arguments.step,
        label=arguments.label,
        means=arguments.means,
        given=dict(word.rpartition("=")[::2] for word in arguments.given),
    )
    x, image = found.x.numpy(), found.meta.is_image
    if out.suffix == ".npz":
        np.savez(out, allow_pickle=False, **found.arrays())
    elif out.suffix == ".csv":
        if image:
            raise SpecError(
                "out", str(out), "images cannot be written as rows; allowed: a file .npz or .png"
            )
        out.write_text(found.csv(), encoding="utf-8")
    elif image:
        out.write_bytes(png(sheet(x, int(np.ceil(np.sqrt(len(x)))))))
    else:
        raise SpecError(
            "out", str(out), "points cannot be written as images; allowed: a file .csv or .npz"
        )
    label = {} if arguments.label is None else {"label": arguments.label}
    names = {} if image else {"columns": list(found.rows.names)}
    shape = list(x.shape) if image else list(found.rows.values.shape)
    about = {"out": str(out), "n": arguments.n, "kind": found.kind, "shape": shape}
    print_json({"run": view.id, **about, **label, **names})
    return 0


def evaluate_run(arguments: argparse.Namespace) -> int:
    """``genlab evaluate``: print the metrics of a run, one per line."""
    from genlab import runs

    view = runs.open_run(arguments.run, paths=True)
    model = view.model(arguments.step)
    from genlab.metrics import evaluation

    found = evaluation.evaluate(model, view.data(), arguments.seed, spec=view.spec)
    if arguments.c2st:
        from genlab.metrics.c2st import run_c2st

        found = [*found, *run_c2st(model, view.data(), arguments.seed).estimates]
    about = {}
    if arguments.samples:
        from genlab.metrics.feature_quality import measure_quality

        quality, features = measure_quality(model, view.data(), arguments.seed)
        found = [*found, *(one.estimate for one in quality)]
        about = {"features": {"hash": features.hash, "accuracy": features.accuracy}}
    step = view.snapshots()[-1] if arguments.step is None else arguments.step
    print_json(
        {
            "run": view.id,
            "step": step,
            "seed": arguments.seed,
            **about,
            "metrics": {estimate.series.name: estimate.flat() for estimate in found},
        }
    )
    return 0
