"""The help of ``genlab train``: the options of the named tables, and of no other."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from genlab import cli
from genlab.core.run_spec import Combination, TrainOptions
from genlab.core.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]


def test_every_option_of_every_table_is_an_option() -> None:
    parser = argparse.ArgumentParser()
    cli.add_run_options(parser)
    text = " ".join(parser.format_help().split())
    rows = [*TrainOptions.table()]
    for table in TABLES.values():
        for row in table.rows():
            rows += row.value.Options.table()
            assert row.name in text
    for option in rows:
        assert f"--{option.name} " in text, option.name
        assert option.help.split()[-1] in text


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as done:
        cli.main(["train", *words])
    assert done.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [("--help", "--model", "vae"), ("--model=vae", "--help")])
def test_help_shows_the_options_of_the_named_model_alone(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    text = help_of(capsys, *words, "--data", "digits")
    parts = Combination.of({"model": "vae", "data": "digits"}).options()
    shown = {row.name for rows in parts.values() for row in rows}
    every = {
        row.name
        for table in TABLES.values()
        for r in table.rows()
        for row in r.value.Options.table()
    }
    for name in shown:
        assert f"--{name} " in text
    for name in every - shown:
        assert f"--{name} " not in text
    assert "Name --model and --data" not in text


def test_help_without_names_is_short_and_says_how_to_see_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = help_of(capsys, "--help")
    assert "--device " in text
    assert "--latent " not in text
    assert "genlab train --help --model vae --data digits" in text
    with pytest.raises(SystemExit):
        cli.main(["train", "--help", "--model", "vae"])
    assert "--beta1 " in capsys.readouterr().out


def test_help_for_a_model_that_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--help", "--model", "vea"]) == 2
    assert "did you mean 'vae'" in capsys.readouterr().err
