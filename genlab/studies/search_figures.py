"""Optuna's plots of a search, in the style of the other figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna
import plotly.graph_objects as go
from optuna.trial import TrialState

from genlab.figures.style import template
from genlab.studies import trials
from genlab.studies.study import Study


def _importances(study: optuna.Study, *, target_name: str) -> go.Figure:
    """Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
    importance": the variance of a random forest's predictions, by option."""
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.visualization.plot_param_importances(
        study, evaluator=evaluator, target_name=target_name
    )


#: Title, plot, and the number of trials with a result that it needs.
PLOTS: Mapping[str, tuple[str, Callable[..., go.Figure], int]] = {
    "parallel": (
        "Parallel coordinates: one line a trial",
        optuna.visualization.plot_parallel_coordinate,
        2,
    ),
    "importance": (
        "Importance: share of the results' variance that an option explains (fANOVA)",
        _importances,
        4,
    ),
    "history": (
        "Results in the order of the trials, and the best so far",
        optuna.visualization.plot_optimization_history,
        2,
    ),
}


def search_figures(study: Study, *, height: int = 380) -> dict[str, tuple[str, go.Figure]]:
    """The plots that the trials so far allow: title and figure by name.

    Args:
        study: with a search.
        height: in pixels.
    """
    wanted = study.search
    if wanted is None:
        return {}
    found = trials.open_trials(study.name, wanted)
    done = found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    several = len({trial.value for trial in done}) > 1
    drawn = {}
    for name, (title, plot, fewest) in PLOTS.items():
        if len(done) < fewest or not several:
            continue
        shown = plot(found, target_name=wanted.metric)
        shown.update_layout(template=template(), height=height, title=None, uirevision=name)
        shown.update_layout(margin={"l": 48, "r": 24, "t": 56, "b": 40})
        drawn[name] = (title, shown)
    return drawn
