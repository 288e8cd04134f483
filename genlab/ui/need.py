"""The predicted time, memory and disk space of a run, shown before it starts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab.core.errors import GenlabError
from genlab.core.machine import in_bytes
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog
from genlab.train.resources import Resources, predict_resources
from genlab.train.step_time import StepTime, measure_step

#: Units of a duration: seconds and name.
UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def duration(seconds: float) -> str:
    """A predicted duration in words, to one or two digits.

    Example:
        >>> duration(0.3), duration(47.0), duration(59.9), duration(5000.0), duration(90000.0)
        ('less than a second', '47 seconds', '1 minute', '1.4 hours', '1 day')
    """
    if seconds < 1:
        return "less than a second"
    size, unit = next(one for one in UNITS if round(seconds) >= one[0])
    count = float(f"{seconds / size:.2g}")
    return f"{count:g} {unit}" + ("" if count == 1 else "s")


@functools.lru_cache(maxsize=256)
def cached_step_time(spec: RunSpec) -> StepTime | None:
    """Measure the time of a step of a run, once for its options."""
    return measure_step(spec, catalog.dataset(spec))


def need_sentence(spec: RunSpec, step: StepTime | None, need: Resources) -> str:
    """The needs of a run in words, each number with its kind.

    Args:
        spec: of the run.
        step: the time of a step; None where it was not measured.
        need: its memory and disk.
    """
    memory = (
        f"Memory: at most about {in_bytes(need.memory)} (predicted from the network and a batch)."
    )
    disk = f"Disk: at most {in_bytes(need.disk)} for {need.snapshots} snapshots."
    if step is None:
        return f"Time: not measured, because the network is large. {memory} {disk}"
    whole = duration(step.seconds * spec.train.steps)
    return (
        f"Time: about **{whole}** for {spec.train.steps:,} steps ({step.words()}; pictures and "
        f"other active runs make it longer). {memory} {disk}"
    )


def show_need(values: Mapping[str, Any]) -> None:
    """Draw the needs of a run with these values, after the rest of the page."""
    try:
        spec = RunSpec.build(**values)
        plain = dataclasses.replace(spec.train, steps=1, seed=0, snapshots=3)
        with st.spinner("Measuring a few steps…", show_time=False):
            step = cached_step_time(dataclasses.replace(spec, train=plain))
        st.caption(need_sentence(spec, step, predict_resources(spec)))
    except (GenlabError, RuntimeError):
        st.caption("The training time could not be measured.")
