"""A CSV of 60 MB, read by ``genlab`` and by pandas in one run: seconds and memory.

Each reader has a process of its own. Seconds are of the processor, so that other work of the
machine does not count; memory is the largest resident size less that of the process before it
read anything, with the file itself in it. pandas reads numbers and words; genlab judges
separator, signs, names, types, roles, missing codes and totals by all rows, and splits.

    python bench/reading.py [--megabytes 60]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
COMMON = (
    "import resource, sys, time; sys.path.insert(0, {root!r}); {imports}\n"
    "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
    "before, begun = peak(), time.process_time()\n"
    "{read}\n"
    "print(n, time.process_time() - begun, peak() - before)"
)
READERS = {
    "genlab": (
        "import genlab.data.readers.csv_file, pyarrow.csv, torch; "
        "from genlab.data.readers import READERS, read; READERS.rows(); "
        "read(b'a,b\\n' + b'1,2\\n3,4\\n' * 9)",
        "content = open({file!r}, 'rb').read(); n = len(read(content).x)",
    ),
    "pandas": ("import pandas, pyarrow", "n = len(pandas.read_csv({file!r}))"),
}


def write(file: Path, megabytes: float) -> None:
    """A table of eight columns: real numbers, whole ones, counts and words."""
    draw = np.random.default_rng(0)
    with file.open("w", encoding="ascii") as out:
        out.write("a,b,c,d,e,f,g,h\n")
        while out.tell() < megabytes * 2**20:
            n = 50_000
            columns = [
                draw.normal(size=n).round(4).astype(str),
                draw.integers(0, 1000, n).astype(str),
                draw.normal(100, 20, n).round(2).astype(str),
                np.array(["red", "green", "blue"])[draw.integers(0, 3, n)],
                draw.random(n).round(6).astype(str),
                draw.normal(size=n).round(5).astype(str),
                draw.poisson(4, n).astype(str),
                draw.exponential(1000, n).round(2).astype(str),
            ]
            out.write("\n".join(map(",".join, zip(*columns, strict=True))) + "\n")


def main() -> None:
    """Print a line for each reader and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=60.0)
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        write(file, arguments.megabytes)
        size = file.stat().st_size / 2**20
        for name, (imports, read) in READERS.items():
            code = COMMON.format(root=str(ROOT), imports=imports, read=read.format(file=str(file)))
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            )
            rows, seconds, memory = map(float, done.stdout.split())
            found[name] = seconds, memory
            print(f"{name}: {size:.0f} MB, {rows:,.0f} rows, {seconds:.2f} s, {memory:.0f} MB")
    (ours, our_memory), (theirs, their_memory) = found["genlab"], found["pandas"]
    print(
        f"ratio: {ours / theirs:.1f} times the seconds, {our_memory / their_memory:.1f} the memory"
    )


if __name__ == "__main__":
    main()
