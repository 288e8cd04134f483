"""Widgets are made from options, and what they may hold is what the option allows."""

from __future__ import annotations

import itertools
import os
import sys

import pytest

from genlab.core.errors import SpecError
from genlab.core.escape import escape_markdown
from genlab.core.options import Option
from genlab.core.registry import Registry
from genlab.core.run_spec import Combination, RunSpec, models_for, objectives_for
from genlab.core.tables import DATASETS, MODELS
from genlab.ui.choice_titles import choice_title
from genlab.ui.forms import changed_options, help_text, label, ladder
from genlab.ui.messages import plain_sentence
from genlab.ui.varied_options import VariedOptions, first_range


def test_a_ladder_holds_the_decades_the_default_and_the_value_and_nothing_outside():
    option = Option("lr", float, 2e-3, "learning rate", low=1e-4, high=1e-1, log=True)
    values = ladder(option, 3.3e-4)
    assert values == tuple(sorted(set(values)))
    assert {1e-4, 2e-3, 3.3e-4, 5e-2, 1e-1} <= set(values)
    assert all(option.parse(value) == value for value in values)


def test_every_option_says_its_name_its_unit_and_its_range():
    for data in DATASETS:
        for model in models_for(data):
            for rows in Combination.of({"data": data, "model": model}).options().values():
                for row in rows:
                    # An option of a plugin may leave its label to its name.
                    assert row.label or os.environ.get("GENLAB_PLUGINS"), row.name
                    assert label(row).startswith(row.title)
                    assert row.unit in label(row)
                    assert row.allowed in help_text(row)


def test_the_first_range_of_a_search_is_inside_that_of_the_option():
    seen = 0
    for data in DATASETS:
        for model in models_for(data):
            rows = VariedOptions.of(Combination.of({"data": data, "model": model})).rows
            for row in rows.values():
                if row.type not in (int, float) or row.choices:
                    continue
                middles = {row.default, row.low, row.high, 0, 1} - {None}
                allowed = [m for m in middles if (row.low is None or m >= row.low)]
                for middle in (m for m in allowed if row.high is None or m <= row.high):
                    low, high = first_range(row, middle)
                    assert row.parse(low) == low < high == row.parse(high), (row.name, middle)
                    seen += 1
    assert seen > 1000


def test_a_choice_that_is_a_row_of_a_table_has_the_title_of_the_row():
    tables = [
        value
        for module in list(sys.modules.values())
        if module.__name__.startswith("genlab.")
        for value in vars(module).values()
        if isinstance(value, Registry)
    ]
    seen = set()
    for model in MODELS:
        for objective in objectives_for(model):
            for data in ("digits", "ring"):
                named = {"data": data, "model": model, "objective": objective}
                if model not in models_for(data):
                    continue
                for row in itertools.chain(*Combination.of(named).options().values()):
                    choices = [one for one in row.choices or () if isinstance(one, str)]
                    fits = [t for t in tables if choices and all(one in t for one in choices)]
                    shown = {one: choice_title(row, one) for one in choices}
                    for table in fits[:1]:
                        seen.add(row.name)
                        for one, title in shown.items():
                            assert title.casefold() == table.row(one).title.casefold()
                    assert len(set(shown.values())) == len(shown)
    assert {"likelihood", "posterior", "divergence", "sampler", "coupling"} <= seen


@pytest.mark.parametrize(
    "values",
    [
        {"data": "ring", "model": "gan", "steps": 321, "lr": 0.003},
        {"data": "digits", "model": "vae", "binarise": "threshold", "latent": 3},
        {"data": "mnist5k", "model": "dcgan"},
    ],
)
def test_the_url_is_short_and_says_the_whole_run(values):
    spec = RunSpec.build(**values)
    url = changed_options(spec.flat())
    assert RunSpec.build(**url) == spec
    assert len(url) <= 4 + len(values)
    assert all(isinstance(value, str) for value in url.values())


def test_markdown_in_a_message_is_shown_as_it_is():
    assert escape_markdown("conv_vae: 3 * 4") == r"conv_vae: 3 \* 4"
    assert escape_markdown("[a](b) :red[x] <b>") == r"\[a\](b) \:red\[x\] \<b>"
    text = plain_sentence(SpecError("model", "<script>", "allowed: vae"))
    assert text == r"model = '\<script>' is not possible: allowed: vae. Nothing was started."
