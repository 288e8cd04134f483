"""Join the scripts of the pages to one script, for a file that is opened from disk.

A page that was opened from the disk may not import a module from beside it. So each module becomes
a function that returns what it exports, and they run in the order of their imports. The modules
are those that the server hands out, unchanged.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from genlab.core.errors import GenlabError
from genlab.panels.scripts import static_files

_IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"([^"]+)";', re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|class|const|let)\s+([\w$]+)", re.M)
_OTHER = re.compile(r"^(import|export)\b.*", re.MULTILINE)


class BundleError(GenlabError):
    """A script is written in a way that the bundle does not know; nothing was written."""


def _order(entry: str, files: Mapping[str, bytes]) -> list[str]:
    """The modules that an entry needs, each after those that it imports."""
    done: list[str] = []
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in open_:
            raise BundleError(f"The scripts {', '.join(open_)} import each other in a circle.")
        if name not in files:
            raise BundleError(f"There is no script {name!r}.")
        open_.append(name)
        for match in _IMPORT.finditer(files[name].decode()):
            visit(_resolve(name, match[2]))
        open_.pop()
        done.append(name)

    visit(entry)
    return done


def _resolve(name: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _module(name: str, text: str) -> str:
    """A module as a function that returns what it exports."""

    def bound(match: re.Match[str]) -> str:
        names = re.sub(r"\s+as\s+", ": ", " ".join(match[1].split()))
        return f'const {{{names}}} = modules["{_resolve(name, match[2])}"];'

    exported = _EXPORT.findall(text)
    body = _IMPORT.sub(bound, text)
    body = _EXPORT.sub(lambda match: match[0].removeprefix("export").lstrip(), body)
    if (left := _OTHER.search(body)) is not None:
        raise BundleError(f"The bundle does not know this line of {name}: {left[0][:80]}")
    return f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(exported)} }};\n}})();'


def bundle(entry: str, files: Mapping[str, bytes] | None = None) -> str:
    """One classic script that does what a module and all of its imports do.

    Args:
        entry: the module, such as ``replay/replay.js``.
        files: the modules by their paths; our own scripts if not given.

    Raises:
        BundleError: for a circle of imports, or a line that is not understood.

    Example:
        >>> parts = {"a/x.js": b'import { y } from "./y.js";', "a/y.js": b"export const y = 1;"}
        >>> bundle("a/x.js", parts).index("a/y.js") < bundle("a/x.js", parts).index("a/x.js")
        True
    """
    files = static_files() if files is None else files
    parts = [_module(name, files[name].decode()) for name in _order(entry, files)]
    script = '"use strict";\n(() => {\nconst modules = {};\n' + "\n".join(parts) + "\n})();\n"
    if re.search(r"</script|<!--", script, re.IGNORECASE):
        raise BundleError("A script holds text that would end the script of the file.")
    return script
