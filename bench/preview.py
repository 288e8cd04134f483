"""From a change of one column to the new preview of a table: seconds, for files of three sizes.

The page Data runs without a browser. A file is sent, then the role of a column, its type and the
separator are changed in turn, and the page answers. Seconds are of the processor, with those of
the process that reads a file of more than 4 MB, so that other work of the machine does not count.

    python -m bench.preview [--rows 1000,20000,200000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from genlab import runs
from genlab.ui.main import SCRIPT

#: Seconds within which a preview should answer.
TARGET = 0.3


def table(n: int) -> bytes:
    """A table of six columns: real numbers, counts and words."""
    draw = np.random.default_rng(0)
    columns = [
        draw.normal(size=n).round(4).astype(str),
        draw.normal(100.0, 20.0, n).round(2).astype(str),
        draw.poisson(4.0, n).astype(str),
        draw.exponential(1000.0, n).round(2).astype(str),
        np.array(["red", "green", "blue"])[draw.integers(0, 3, n)],
        draw.integers(0, 2, n).astype(str),
    ]
    lines = map(",".join, zip(*columns, strict=True))
    return ("a,b,c,d,e,f\n" + "\n".join(lines) + "\n").encode()


def spent() -> float:
    """Processor seconds of this process and of those that it has ended."""
    own = time.process_time()
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + others.ru_utime + others.ru_stime


def of_column(**given: str) -> Callable[[AppTest], None]:
    """A change of the first column, as the table of the page writes it down."""

    def change(app: AppTest) -> None:
        (mine,) = app.session_state["own.columns"].values()
        mine.setdefault("a", {}).update(given)

    return change


def separator(app: AppTest) -> None:
    """Choose the separator that the file has."""
    next(one for one in app.selectbox if "eparator" in one.label).set_value(",")


CHANGES: dict[str, Callable[[Any], None]] = {
    "role": of_column(role="leave out"),
    "type": of_column(type="positive", role="feature"),
    "separator": separator,
    "nothing": lambda _: None,
}


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description="From a change to the new preview.")
    parser.add_argument("--rows", default="1000,20000,200000")
    values = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs.configure(f"sqlite:///{Path(folder) / 'genlab.db'}", Path(folder) / "files")
        for n in map(int, values.rows.split(",")):
            app = AppTest.from_file(str(SCRIPT), default_timeout=600).run()
            app.query_params["data"] = "own"
            app.switch_page("../../pages/data.py").run()
            content = table(n)
            app.file_uploader[0].upload("table.csv", content, "text/csv").run()
            found = []
            for name, change in CHANGES.items():
                change(app)
                begun = spent()
                app.run()
                found.append(f"{name} {spent() - begun:.2f} s")
                assert not app.exception, app.exception
                assert not app.error, app.error[0].value
            size = len(content) / 2**20
            print(f"{n:,} rows, {size:.1f} MB: {', '.join(found)} (target {TARGET} s)", flush=True)
        runs.configure()


if __name__ == "__main__":
    main()
