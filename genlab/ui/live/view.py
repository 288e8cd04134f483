"""How a live view is looked at, as the texts of a link."""

from __future__ import annotations

import re
from collections.abc import Mapping

from genlab.core.views import SECTIONS

#: What the link may say: open groups, the enlarged card, zoom, logarithmic charts, the field of a
#: map and what is drawn over it.
ALLOWED: Mapping[str, re.Pattern[str]] = {
    "open": re.compile(rf"(({'|'.join(SECTIONS)})(,|$))*"),
    "enlarged": re.compile(r"(panel|chart):[\w ./-]{1,80}"),
    "zoom": re.compile(r"-?[\d.e+-]{1,20},-?[\d.e+-]{1,20}"),
    "log": re.compile(r"[\w ./,-]{1,400}"),
    "field": re.compile(r"\w{1,20}"),
    "layers": re.compile(r"((points|arrows|grid)(,|$))*"),
}


def view_of_link(texts: Mapping[str, str]) -> dict[str, str]:
    """What a link says of the view; anything that cannot be is left out.

    Example:
        >>> view_of_link({"open": "learning,critic", "field": "<b>", "run": "a"})
        {'open': 'learning,critic'}
    """
    return {
        name: texts[name]
        for name, allowed in ALLOWED.items()
        if name in texts and allowed.fullmatch(texts[name])
    }
