"""docs/serving.md: each line of the threat model has its test; the files beside it are read."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "serving.md").read_text()
TESTS = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", TEXT)


def test_each_line_of_the_threat_model_names_a_test() -> None:
    part = TEXT.partition("| threat |")[2].partition("\n\n")[0]
    table = part.splitlines()[2:]
    assert len(table) > 12
    assert all("`tests/" in line for line in table)


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_the_tests_that_are_named_exist(file: str, name: str) -> None:
    text = (ROOT / file).read_text()
    assert not name or f"def {name}(" in text


@pytest.mark.parametrize("unit", ["genlab.service", "genlab-worker.service"])
def test_the_units_start_commands_that_exist(unit: str) -> None:
    from genlab.cli import COMMANDS

    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(ROOT / "deploy" / unit)
    words = parser["Service"]["ExecStart"].split()
    assert words[0].endswith("/genlab")
    assert words[1] in COMMANDS
    assert {"Unit", "Service", "Install"} <= set(parser.sections())


def test_the_compose_file_is_read_and_starts_commands_that_exist() -> None:
    yaml = pytest.importorskip("yaml")
    from genlab.cli import COMMANDS

    made = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    assert {"pages", "worker-a", "worker-b", "db", "s3"} == set(made["services"])
    for name in ("pages", "worker-a", "worker-b"):
        assert made["services"][name]["command"].split()[1] in COMMANDS
        assert made["services"][name]["environment"]["GENLAB_FILES"] == "s3://genlab"


def test_the_settings_of_the_examples_exist() -> None:
    known = "\n".join(path.read_text() for path in (ROOT / "genlab").rglob("*.py"))
    for name in ("genlab.env", "compose.yaml"):
        for setting in re.findall(r"GENLAB_[A-Z_]+", (ROOT / "deploy" / name).read_text()):
            assert setting in known, setting
