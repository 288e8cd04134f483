"""What axe finds on a page: rules of WCAG 2.2 A and AA that are broken by our own elements."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
#: Also asked of every page, though WCAG does not demand it of every one.
RULES = ["heading-order", "page-has-heading-one"]
#: Elements of Streamlit's own that no page can change, as selectors of what they lie in, with the
#: rule that each breaks.
#: The value over a slider has the primary colour; in the dark no colour serves both as that text
#: and as the ground of the white text of a button.
FOREIGN: tuple[tuple[str, str], ...] = (("color-contrast", "[data-testid=stSlider]"),)
INSIDE = "([target, around]) => !!document.querySelector(target)?.closest(around)"
AXE = Axe()


def violations(page: Any) -> list[str]:
    """Each broken rule with its elements, as sentences; empty where there is none."""
    rules = {rule: {"enabled": True} for rule in RULES}
    options = {"runOnly": {"type": "tag", "values": TAGS}, "rules": rules}
    found = AXE.run(page, options=options).response["violations"]
    said = []
    for one in found:
        for node in one["nodes"]:
            target, place = str(node["target"]), node["target"][-1]
            if any(
                one["id"] == rule
                and isinstance(place, str)
                and page.evaluate(INSIDE, [place, part])
                for rule, part in FOREIGN
            ):
                continue
            why = node["failureSummary"][:300]
            said.append(f"{one['id']}: {target} {node['html'][:160]} | {why}")
    return said
