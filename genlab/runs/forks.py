"""Forks: a run that begins at a snapshot of another one, with some options changed.

Options may be changed unless the state fixes them: the state fixes the dataset, the model, the
algorithm, and the options that the algorithm declares as fixed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from genlab.core.errors import SnapshotError, SpecError, StoreError
from genlab.core.folders import Folder, is_full
from genlab.core.options import Option, translate_former_names
from genlab.core.run_spec import KINDS, Combination, RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.runs.bounds import check_start
from genlab.runs.catalog import RunView
from genlab.runs.files import RunFiles, run_files
from genlab.runs.store import Origin, Record, RunStore, new_id

if TYPE_CHECKING:
    from genlab.train.snapshots import Snapshot

#: The parts that a snapshot fixes, and the reason.
FIXED: Mapping[str, str] = {
    "data": "a snapshot continues with the data that it has seen",
    "model": "a snapshot holds the weights of this very model",
}
ELSE = "'Vary' on Watch, or `genlab train`, starts a fresh run with it"


def part_of(combination: Combination) -> dict[str, tuple[str, Option]]:
    """For each option of a combination its part (``model``, ``train``) and its declaration."""
    table = combination.options()
    return {row.name: (part, row) for part, rows in table.items() for row in rows}


def reason_fixed(spec: RunSpec, name: str, part: str) -> str | None:
    """None if a fork may change this option, else the reason why not.

    Example:
        >>> spec = RunSpec.build(model="vae", data="digits")
        >>> reason_fixed(spec, "lr", "algorithm"), reason_fixed(spec, "latent", "model")
        (None, 'a snapshot holds the weights of this very model')
    """
    if name == "algorithm":
        return "another algorithm keeps another state"
    if part in FIXED:
        return FIXED[part]
    if name in ALGORITHMS[spec.algorithm].fixed_options:
        return f"what {spec.algorithm!r} has found so far rests on it"
    return None


def changeable(spec: RunSpec) -> tuple[Option, ...]:
    """The options that a fork of such a run may change, in the order of a form.

    Example:
        >>> names = [row.name for row in changeable(RunSpec.build(model="vae", data="digits"))]
        >>> "lr" in names, "steps" in names, "latent" in names
        (True, True, False)
    """
    rows = part_of(Combination.of(spec.flat()))
    return tuple(row for name, (part, row) in rows.items() if not reason_fixed(spec, name, part))


def change_spec(spec: RunSpec, changes: Mapping[str, Any]) -> RunSpec:
    """The spec with changed options, if a state of the run can continue under it.

    What another objective brings along has its own defaults; all else stays.

    Raises:
        SpecError: for an option that is unknown, out of range or fixed by the state.
    """
    before = spec.flat()
    changes = translate_former_names(
        (row for _, row in part_of(Combination.of(before)).values()), changes
    )
    values = {**before, **{kind: str(changes[kind]) for kind in KINDS if kind in changes}}
    for kind in ("data", "model", "algorithm"):
        if values[kind] != before[kind]:
            raise SpecError(kind, values[kind], f"{reason_fixed(spec, kind, kind)}; {ELSE}")
    combination = Combination.of(values)
    rows = part_of(combination)
    if values["objective"] != spec.objective:
        for name in spec.objective_options.flat():
            values.pop(name, None)
    for name, value in changes.items():
        if name in KINDS:
            continue
        if name not in rows:
            raise SpecError.unknown("option", name, {*rows, *KINDS})
        part, row = rows[name]
        why = reason_fixed(spec, name, part)
        if why and row.parse(value) != before[name]:
            raise SpecError(name, value, f"{why}; {ELSE}")
        values[name] = value
    try:
        return RunSpec.build(**values)
    except SpecError as error:
        part = rows[error.option][0] if error.option in rows else ""
        if part not in FIXED:
            raise
        allowed = f"{error.allowed}; {FIXED[part]}; {ELSE}"
        raise SpecError(error.option, error.value, allowed) from None


def difference(before: RunSpec, after: RunSpec) -> dict[str, tuple[Any, Any]]:
    """The options that differ, by name.

    Of the options of another objective, only those that differ from their default; None before
    then.

    Example:
        >>> one, two = (RunSpec.build(model="vae", data="digits", lr=lr) for lr in (1e-3, 1e-4))
        >>> difference(one, two)
        {'lr': (0.001, 0.0001)}
        >>> difference(one, change_spec(one, {"objective": "beta", "beta": 3.0}))
        {'objective': ('elbo', 'beta'), 'beta': (None, 3.0)}
    """
    old, new = before.flat(), after.flat()
    usual = {name: row.default for name, (_, row) in part_of(Combination.of(new)).items()}
    compared = {name: old[name] if name in old else usual[name] for name in new}
    return {k: (old.get(k), new[k]) for k, value in compared.items() if value != new[k]}


def in_words(changes: Mapping[str, Any]) -> str:
    """The changes of a fork as text.

    Example:
        >>> in_words({"lr": (1e-3, 1e-4), "objective": ("minimax", "r3gan")})
        'lr 0.001 → 0.0001, objective minimax → r3gan'
        >>> in_words({"gamma": (None, 5.0)})
        'gamma 5'
    """

    def shown(value: Any) -> str:
        return f"{value:g}" if isinstance(value, float) else str(value)

    pairs = ((name, *pair) for name, pair in changes.items())
    return ", ".join(
        f"{name} {shown(b)}" if a is None else f"{name} {shown(a)} → {shown(b)}"
        for name, a, b in pairs
    )


def nearest(view: RunView, step: int | None) -> int:
    """The newest whole snapshot at or before a step; the newest of all for None.

    A snapshot of the model alone has no optimiser to continue with.

    Raises:
        SnapshotError: if there is none.
    """
    steps = view.files.whole_steps()
    early = [there for there in steps if step is None or there <= step]
    if not early:
        known = f"the first one is of step {steps[0]}" if steps else "there is none yet"
        raise SnapshotError(
            f"Run {view.id} has no snapshot at or before step {step or 0}: {known}. "
            "Nothing was started."
        )
    return early[-1]


def spec_at_snapshot(view: RunView, step: int) -> RunSpec:
    """The spec of a run at a snapshot, including the options changed until then."""
    algorithm = ALGORITHMS[view.spec.algorithm](view.spec)
    return change_spec(view.spec, algorithm.current_options(view.files.values(step)))


@dataclass(frozen=True)
class PreparedFork:
    """A checked fork, ready to be created.

    Args:
        spec: of the fork.
        snapshot: its first snapshot.
        origin: the step at which it branches off.
        told: what could not be carried over and starts anew, in words.
    """

    spec: RunSpec
    snapshot: Snapshot
    origin: Origin
    notes: tuple[str, ...]


def prepare(view: RunView, step: int | None, changes: Mapping[str, Any]) -> PreparedFork:
    """Check a fork; nothing is written.

    Args:
        view: the run.
        step: the nearest kept snapshot at or before it is taken; None: the newest.
        changes: options and their new values.

    Raises:
        SpecError: for a change that the state does not allow, or a run without a step left.
        SnapshotError: if there is no such snapshot, or it is damaged.
    """
    from genlab.train.algorithm import Packed
    from genlab.train.snapshots import RNG

    while True:
        at = nearest(view, step)
        before = spec_at_snapshot(view, at)
        spec = change_spec(before, changes)
        if at >= spec.train.steps:
            raise SpecError(
                "steps",
                spec.train.steps,
                f"the fork begins at step {at}, so there must be more than that",
            )
        try:
            found = view.files.snapshot(at)
            break
        except SnapshotError as error:
            # A running run thins its snapshots: this one may have gone since it was listed.
            if at in view.snapshots():
                raise SnapshotError(f"{error} Nothing was started.") from None
    packed = Packed(dict(found.tensors), dict(found.values))
    stream = packed.tensors.pop(RNG, None)
    differences = difference(before, spec)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    try:
        packed, notes = algorithm.adapt_state(packed, before, differences)
    except SnapshotError as error:
        raise SnapshotError(
            f"Run {view.id} cannot be forked: {error} Nothing was started."
        ) from None
    if stream is None:
        notes += ("The random stream starts anew from the seed: the snapshot holds none.",)
    elif "seed" in differences:
        notes += ("The random stream starts anew from the new seed.",)
    else:
        packed.tensors[RNG] = stream
    snapshot = replace(
        found, tensors=packed.tensors, values=packed.values, spec=spec.flat(), attempt=0
    )
    return PreparedFork(spec, snapshot, Origin(view.id, at, differences), notes)


def branch(
    view: RunView,
    step: int | None,
    changes: Mapping[str, Any],
    *,
    store: RunStore,
    folder: Folder,
    title: str = "",
    worker: str = "",
) -> str:
    """Create a fork, queued or claimed by the given worker; return its id.

    It owns a copy of the snapshot that it begins with: the parent may be deleted.

    Raises:
        SpecError, SnapshotError: see :func:`prepare`; or there is no space for the snapshot.
            Nothing was started then.
    """
    ready = prepare(view, step, changes)
    check_start(ready.spec, folder)
    run = new_id(ready.spec.flat())
    files, origin = run_files(folder, run), ready.origin
    words = in_words(origin.changes) or "nothing changed"
    begin, mark = view.row.title or view.id, ", from step "
    title = title or f"{begin.split(mark)[0]}{mark}{origin.step:,}: {words}"
    try:
        # The snapshot first: a worker may take the run as soon as it is in the store.
        files.save(ready.snapshot)
        store.create(ready.spec.flat(), title=title, worker=worker, run=run, origin=origin)
    except OSError as error:
        _forget(files)
        what = "is full" if is_full(error) else f"cannot be written ({error})"
        raise SnapshotError(
            f"The disk of the runs' files {what}. Nothing was started; free some space and fork "
            "again."
        ) from None
    except BaseException:
        _forget(files)
        raise
    lines = (f"Forked from {origin.parent} at step {origin.step}: {words}.", *ready.notes)
    payloads: list[dict[str, str]] = [{"level": "info", "message": line} for line in lines]
    payloads[0]["label"] = "fork"
    # The fork exists by now, and its row names its origin: a lost note is not an error.
    with contextlib.suppress(StoreError):
        store.append(run, [Record(origin.step, "event", payload) for payload in payloads])
    return run


def _forget(files: RunFiles) -> None:
    with contextlib.suppress(OSError):
        files.forget()
