"""Train the classifiers in whose features the quality of samples is measured.

    .venv/bin/python -m scripts.make_features --data FOLDER

Trains one for each set of digits and fashion with fixed seeds (a few minutes on an idle machine)
and writes ``checkpoints/features/<name>.safetensors``: the weights with their SHA-256, the
accuracy on the test split and the preprocessing. FOLDER holds the files of MNIST and
Fashion-MNIST, as torchvision has them; without it only the sets that come with a package are
done.
"""

from __future__ import annotations

import argparse
import os

from genlab import data as datasets
from genlab.core.run_spec import RunSpec
from genlab.metrics.features import SHIPPED, train_features, write_features

OFFLINE, FULL = ("digits", "mnist5k"), ("mnist", "fashion_mnist")
#: Steps of training on the full sets.
LONG = 5000
LIMIT = 1_000_000


def main() -> None:
    """Train and write the classifiers; stop if they are too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the full sets")
    parser.add_argument("--only", nargs="*", help="names of sets")
    chosen = parser.parse_args()
    if chosen.data:
        os.environ["GENLAB_DATA"] = chosen.data
    for name in chosen.only or (*OFFLINE, *(FULL if chosen.data else ())):
        data = datasets.load(RunSpec.build(model="dcgan", data=name))
        net, accuracy = train_features(data, steps=LONG if name in FULL else 1500)
        path = SHIPPED / f"{name}.safetensors"
        found = write_features(path, data, net, accuracy, name)
        print(f"{name}: accuracy {accuracy:.4f}, {path.stat().st_size:,} bytes, {found}")
    total = sum(path.stat().st_size for path in SHIPPED.glob("*.safetensors"))
    print(f"together {total:,} bytes")
    if total > LIMIT:
        raise SystemExit(f"the classifiers are over {LIMIT:,} bytes")


if __name__ == "__main__":
    main()
