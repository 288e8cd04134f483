"""The parser of the command line: its errors are one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from genlab.core.errors import SpecError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with the message and a pointer to ``--help``, without a traceback."""
        if message.endswith("expected one argument"):
            message += " (a value that begins with - needs =, as in --formula=-log(u))"
        raise SpecError(
            "command line", " ".join(sys.argv[1:]), f"{message}; see {self.prog} --help"
        )


def command_options(parser: Parser, words: Sequence[str]) -> list[argparse.Action]:
    """The options of the command that the words name."""
    commands = next(a for a in parser._actions if a.dest == "command")
    named = commands.choices.get(words[0], parser) if words else parser  # type: ignore[union-attr]
    return list(named._actions)
