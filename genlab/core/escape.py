r"""The one escape of text that a user gave, for each language in which it is shown.

Titles, tags, names of sets, columns and classes, and messages that repeat them are text and
nothing else. Whoever shows one passes it through the function of the language: Markdown (labels,
captions and messages of the pages), HTML and SVG (reports, hand-outs, tables), and the tags that
plotly reads in its labels. ``tests/core/test_escape.py`` finds uses that do not.
"""

from __future__ import annotations

import html
import re

#: Signs that Markdown takes for itself; an underscore in a word, a colon before a space stay.
MARKDOWN = re.compile(
    r"[\\`*\[\]$<~]|\b_|_\b|:(?=\S)|&(?=[#\w]+;)|^[#>]|(?<=\n)[#>]|^[-+](?=\s)|(?<=^\d)[.)](?=\s)"
)


def escape_markdown(text: str) -> str:
    r"""A text as Markdown that shows that text: no link, image, formula, colour or list.

    Example:
        >>> escape_markdown("two_gaussians: *new*")
        'two_gaussians: \\*new\\*'
        >>> escape_markdown("![](http://evil.test/x.png)")
        '!\\[\\](http\\://evil.test/x.png)'
        >>> escape_markdown("1. of May"), escape_markdown("&lt;b>")
        ('1\\. of May', '\\&lt;b>')
    """
    return MARKDOWN.sub(r"\\\g<0>", text)


def escape_html(text: str, quote: bool = True) -> str:
    """A text as HTML or SVG that shows that text, within an element or a quoted attribute.

    Example:
        >>> escape_html('<b title="x">')
        '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(text, quote)


def escape_plotly(text: str) -> str:
    """A text as a label of plotly, which reads tags (``<a href>``, ``<b>``) and entities.

    Example:
        >>> escape_plotly("<a href='http://evil.test'>R&D</a>")
        "&lt;a href='http://evil.test'&gt;R&amp;D&lt;/a&gt;"
    """
    return html.escape(text, quote=False)
