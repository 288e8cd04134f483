"""The check of a challenge: whether runs are within its limits and reach its goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genlab import runs
from genlab.challenges.base import EXAMPLES, FREE, NOISE, Goal, Training, Verdict
from genlab.core.errors import GenlabError, RunStateError
from genlab.core.run_spec import RunSpec
from genlab.runs import access
from genlab.runs.catalog import RunView
from genlab.runs.files import has_result, load_result
from genlab.runs.forks import change_spec
from genlab.runs.store import RunRow, RunStore, job_key
from genlab.train.controls import tells_a_change

#: Runs of somebody that are looked at, the newest first.
MOST = 500
#: Runs that break a limit and are named on the page.
MISSES = 3


def broken_limits(challenge: Training, view: RunView) -> list[str]:
    """The limits that a run does not keep to, each as a sentence.

    Args:
        challenge: the challenge.
        view: the run; for a repair the fork.
    """
    row, spec = view.row, view.spec.flat()
    seed = int(spec["seed"])
    known = challenge.given(seed).flat()
    wrong = [
        f"{name} must stay {known[name]}, and is {spec.get(name)}."
        for name in challenge.kept
        if spec.get(name) != known[name]
    ]
    steps = row.steps - row.parent_step if challenge.is_repair else row.steps
    if steps > challenge.steps:
        wrong.append(f"It takes {steps:,} steps; allowed are {challenge.steps:,}.")
    if seed not in challenge.seeds:
        wrong.append(f"Its seed {seed} is none of {', '.join(map(str, challenge.seeds))}.")
    if row.status != "done":
        wrong.append(f"It is {row.status}; a run that is judged was trained to its end.")
    elif challenge.seconds and row.ended - row.started > challenge.seconds:
        spent = row.ended - row.started
        wrong.append(f"It took {spent:.0f} s; allowed are {challenge.seconds:g} s.")
    return wrong + _broken_origin(challenge, view) or _broken_course(view)


def _broken_origin(challenge: Training, view: RunView) -> list[str]:
    """What is wrong with where a run comes from."""
    row = view.row
    if not challenge.is_repair:
        return ["It is a fork: train it from its first step."] if row.parent else []
    if not row.parent:
        return ["It is no fork of the given run."]
    if row.parent_step < challenge.fork_at:
        return [f"It begins at step {row.parent_step:,}, before {challenge.fork_at:,}."]
    try:
        parent = runs.open_run(row.parent)
    except GenlabError:
        return ["The run that it was forked from was deleted."]
    given = challenge.given(int(parent.spec.flat()["seed"])).flat()
    found = parent.spec.flat()
    if parent.row.parent or any(found.get(k) != v for k, v in given.items() if k not in FREE):
        return ["It is no fork of the given run: that one has other options, or is a fork."]
    return []


def _broken_course(view: RunView) -> list[str]:
    """What of a run, or of the run that it was forked from, was changed while it trained."""
    try:
        parent = [runs.open_run(view.row.parent)] if view.row.parent else []
    except GenlabError:
        return ["The run that it was forked from was deleted."]
    for one in (view, *parent):
        if any(tells_a_change(record.payload) for record in one.read(kinds=("event",))):
            what = "It" if one is view else "The run that it was forked from"
            return [f"{what} was changed while it trained; one with these options is judged."]
    return []


def plan(spec: RunSpec) -> dict[str, Any]:
    """What two runs of one entry have in common: all options but the seed."""
    return {name: value for name, value in spec.flat().items() if name not in FREE}


def mine(store: RunStore) -> list[RunRow]:
    """The runs of who acts, the newest first."""
    owner = access.acting().id
    return [row for row in store.runs(limit=MOST) if row.owner == owner]


def entries(challenge: Training, store: RunStore) -> list[RunView]:
    """The runs of who acts that keep to the limits: one for each plan."""
    found: dict[str, RunView] = {}
    for row in mine(store):
        if row.status != "done":
            continue
        view = runs.open_run(row.id)
        try:
            if not broken_limits(challenge, view):
                found.setdefault(repr(sorted(plan(view.spec).items())), view)
        except GenlabError:
            continue
    return list(found.values())


def near_misses(challenge: Training, store: RunStore) -> list[tuple[RunView, list[str]]]:
    """The newest finished runs of who acts that break a limit, each with what it breaks."""
    found: list[tuple[RunView, list[str]]] = []
    for row in mine(store):
        if row.status != "done":
            continue
        view = runs.open_run(row.id)
        try:
            wrong = broken_limits(challenge, view)
        except GenlabError:
            continue
        if wrong:
            found.append((view, wrong))
        if len(found) == MISSES:
            break
    return found


def advance(challenge: Training, first: RunView, store: RunStore) -> list[RunView]:
    """The runs of an entry by seed, as far as there are; missing ones are started.

    Args:
        challenge: the challenge.
        first: a run that keeps to its limits.
        store: the run store.

    Raises:
        NotAllowed, RunStateError: if a run could not be started.
    """
    found = []
    rows = mine(store)
    for seed in challenge.seeds:
        wanted = challenge.given(seed) if challenge.is_repair else None
        view = _twin(first, seed, rows)
        if view is None and wanted is None:
            runs.start(RunSpec.build(**{**first.spec.flat(), "seed": seed}), first.row.title)
        elif view is None and wanted is not None:
            _fork_twin(first, seed, wanted, rows)
        else:
            found.append(view)
    return [view for view in found if view is not None]


def _twin(first: RunView, seed: int, rows: Sequence[RunRow]) -> RunView | None:
    """The run of a plan with another seed, at work or done."""
    wanted = plan(first.spec)
    is_fork = bool(first.row.parent)
    for row in rows:
        if row.status in {"failed", "stopped", "diverged"} or bool(row.parent) != is_fork:
            continue
        if is_fork and row.parent_step != first.row.parent_step:
            continue
        view = runs.open_run(row.id)
        same = int(view.spec.flat()["seed"]) == seed and plan(view.spec) == wanted
        if same and not _broken_course(view):
            return view
    return None


def _fork_twin(first: RunView, seed: int, given: RunSpec, rows: Sequence[RunRow]) -> None:
    """Fork the given run of another seed as the first one was; start the given run before."""
    for row in rows:
        view = runs.open_run(row.id)
        same = plan(view.spec) == plan(given) and int(view.spec.flat()["seed"]) == seed
        if not same or row.parent or _broken_course(view):
            continue
        if row.status == "done":
            before, after = given.flat(), first.spec.flat()
            changes = {k: v for k, v in after.items() if before.get(k) != v and k not in FREE}
            change_spec(view.spec, changes)
            runs.fork(row.id, first.row.parent_step, changes, first.row.title)
        if row.status not in {"failed", "stopped", "diverged"}:
            return
    runs.start(given, "the given run")


def judge_values(view: RunView) -> dict[str, Any]:
    """The values of the computation that measures a run for a challenge."""
    steps = view.snapshots()
    if not steps:
        raise RunStateError(f"Run {view.id} has no snapshot; train it to its end.")
    return {"run": view.id, "step": steps[-1], "seed": NOISE, "n": EXAMPLES}


def find_metrics(view: RunView, *, submit: bool) -> Mapping[str, Mapping[str, Any]] | None:
    """The metrics of a run by name; None while they are computed.

    Args:
        view: the run.
        submit: whether to ask for the computation where there is none yet.
    """
    values = judge_values(view)
    key = job_key("evaluate", values)
    if has_result(runs.files(), key):
        return {row["name"]: row for row in load_result(runs.files(), key)["metrics"]}
    if submit:
        runs.submit_job("evaluate", values)
    return None


def verdict(
    challenge: Training, found: Sequence[tuple[RunView, Mapping[str, Mapping[str, Any]]]]
) -> Verdict:
    """Judge the runs of an entry by what was measured.

    Args:
        challenge: the challenge.
        found: each run with its metrics.
    """
    lines, met, worst = [], True, list[float]()
    for view, metrics in found:
        wrong = broken_limits(challenge, view)
        met = met and not wrong
        lines += [f"Seed {view.spec.flat()['seed']}: {text}" for text in wrong]
        for goal in challenge.goals:
            line, good = _judge_one(goal, view, metrics)
            met = met and good
            lines.append(line)
        first = challenge.goals[0]
        if first.metric in metrics:
            end = "low" if first.low is not None else "high"
            worst.append(float(metrics[first.metric][end]))
    seeds = {int(view.spec.flat()["seed"]) for view, _ in found}
    if missing := set(challenge.seeds) - seeds:
        met = False
        lines.append(f"There is no run of the seeds {', '.join(map(str, sorted(missing)))} yet.")
    pick = min if challenge.goals[0].low is not None else max
    value = pick(worst) if worst else 0.0
    return Verdict(met, tuple(lines), value, tuple(view.id for view, _ in found))


def _judge_one(
    goal: Goal, view: RunView, metrics: Mapping[str, Mapping[str, Any]]
) -> tuple[str, bool]:
    seed = view.spec.flat()["seed"]
    if goal.metric not in metrics:
        return f"Seed {seed}: this model has no {goal.says}.", False
    one = metrics[goal.metric]
    good = goal.is_met(one)
    sign = "✓" if good else "✗"
    span = f"{one['value']:.4g} (95 %: {one['low']:.4g} to {one['high']:.4g})"
    return f"{sign} Seed {seed}: {goal.says} {span} {goal.unit}; {goal.text}.", good
