"""A progress bar in a terminal."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from genlab.train.algorithm import Info
from genlab.train.observers import Observer


class Bar(Observer):
    """Shows steps, speed, time left and the first term of the loss on standard error.

    Args:
        steps: of the whole run.
    """

    def __init__(self, steps: int) -> None:
        self.every = max(1, steps // 200)
        self._steps = steps
        self._bar: Any = None

    def begin(self, step: int, state: Any) -> bool:
        self._bar = tqdm(
            total=self._steps, initial=step, unit="step", file=sys.stderr, dynamic_ncols=True
        )
        return False

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self._bar.update(step - self._bar.n)
        terms = list(info.means().items())[:3]
        text = " ".join(f"{name} {value:.4g}" for name, value in terms)
        self._bar.set_postfix_str(text, refresh=False)
        return False

    def end(self, step: int, state: Any) -> None:
        self._bar.update(step - self._bar.n)
        self._bar.close()
