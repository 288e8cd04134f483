"""The parts of a hand-out: joined scripts, packed answers, and what is left out."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess

import pytest

from genlab.panels.scripts import static_files
from genlab.replay.bundle import BundleError, bundle
from genlab.replay.page import ENTRY, for_script, packed
from genlab.replay.thinning import Group, Item, TooLarge, halve, left_out, thin


def test_every_module_of_the_live_view_is_in_the_bundle_once() -> None:
    script = bundle(ENTRY)
    for name in ("live/live.js", "live/gap.js", "explore/pad.js", "explore/decoder.js"):
        assert script.count(f'modules["{name}"] = ') == 1
    # Not a copy: apart from imports and exports each module stands there as it is served.
    lines = [
        line
        for line in static_files()["live/cell.js"].decode().splitlines()
        if not line.startswith(("import", "export"))
    ]
    assert "\n".join(lines[-40:]) in script
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def test_modules_see_what_they_import_and_nothing_else() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    files = {
        "a/main.js": b'import { one as first, Two } from "../b/x.js";\n'
        b'import { log } from "./log.js";\n'
        b"log(first() + new Two().value);",
        "b/x.js": b'import { base } from "./y.js";\nexport function one() { return base; }\n'
        b"export class Two { value = 2; }\nconst hidden = 5;",
        "b/y.js": b"export const base = 40;\nconst hidden = 7;",
        "a/log.js": b"export async function later() {}\nexport let log = console.log;",
    }
    done = subprocess.run([node, "-e", bundle("a/main.js", files)], capture_output=True, text=True)
    assert done.stdout == "42\n", done.stderr


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a/x.js": b'import { y } from "./y.js";'}, "no script 'a/y.js'"),
        (
            {
                "a/x.js": b'import { y } from "./y.js";',
                "a/y.js": b'import { x } from "./x.js";',
            },
            "circle",
        ),
        ({"a/x.js": b"export default 3;"}, "export default"),
        ({"a/x.js": b'import * as y from "./y.js";'}, "import"),
        ({"a/x.js": b'const end = "</script>";'}, "end the script"),
    ],
)
def test_what_the_bundle_does_not_know_is_refused(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(BundleError, match=re.escape(words)):
        bundle("a/x.js", files)


def test_packed_answers_come_back() -> None:
    items = [Item("a", b"12"), Item("ü/b", bytes(range(256)))]
    content = gzip.decompress(base64.b64decode(packed(items)))
    size = int.from_bytes(content[:4], "little")
    assert json.loads(content[4 : 4 + size]) == [["a", 2], ["ü/b", 256]]
    assert content[4 + size :] == b"12" + bytes(range(256))


def test_json_in_a_script_element_cannot_end_it() -> None:
    text = for_script({"title": "</script><!--"})
    assert "<" not in text
    assert json.loads(text) == {"title": "</script><!--"}


def series(name: str, n: int, size: int) -> list[Item]:
    # Bytes that do not compress.
    noise = b"".join(i.to_bytes(4, "little") for i in (pow(5, k, 2**31 - 1) for k in range(size)))
    return [Item(f"{name}/{k}", noise, name, k) for k in range(n)]


def test_the_largest_group_is_thinned_first_and_keeps_its_ends() -> None:
    items = [*series("large", 33, 500), *series("small", 33, 10), Item("needed", b"x")]
    kept, thinned = thin(items, [Group("large"), Group("small")], 20_000)
    assert sum(item.size for item in kept) <= 20_000
    steps = [item.step for item in kept if item.group == "large"]
    assert (steps[0], steps[-1]) == (0, 32)
    assert thinned == {"large": (len(steps), 33)}
    assert sum(item.group == "small" for item in kept) == 33
    assert left_out(thinned) == [f"large: {len(steps)} of 33 steps are in this file."]


def test_what_fits_stays_whole_and_what_cannot_fit_is_said() -> None:
    items = series("one", 5, 100)
    assert thin(items, [Group("one")], 10**6) == (items, {})
    with pytest.raises(TooLarge, match="Nothing was written"):
        thin(items, [Group("one")], 100)


@pytest.mark.parametrize("n", range(1, 40))
@pytest.mark.parametrize("least", [1, 2])
def test_halving_ends_at_the_least(n: int, least: int) -> None:
    steps = list(range(n))
    while len(steps) > least:
        shorter = halve(steps, least)
        assert len(shorter) < len(steps)
        assert shorter[-1] == n - 1
        steps = shorter
