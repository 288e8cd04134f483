"""Widgets are made from options, and what they may hold is what the option allows."""

from __future__ import annotations

import pytest

from genlab.core.errors import SpecError
from genlab.core.escape import escape_markdown
from genlab.core.options import Option
from genlab.core.run_spec import Combination, RunSpec, models_for
from genlab.core.tables import DATASETS
from genlab.ui.forms import changed_options, help_text, label, ladder
from genlab.ui.messages import plain_sentence


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
                    assert label(row).startswith(row.title)
                    assert row.unit in label(row)
                    assert row.allowed in help_text(row)


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
