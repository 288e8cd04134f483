"""Tables of text that scroll on their own on a narrow screen, also by keyboard."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from genlab.core.escape import escape_html

#: A cell with more characters holds a sentence.
LONG = 60
CSS = """
.own-table { overflow-x: auto; margin: 4px 0 10px; }
.own-table table { border-collapse: collapse; width: 100%; font-size: 14px; }
.own-table th, .own-table td { text-align: left; padding: 5px 10px 5px 0; vertical-align: top;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); min-width: 6em; }
.own-table td.long { min-width: 15em; }
.own-table td { font-variant-numeric: tabular-nums; }
.own-table tr:first-child td:first-child { min-width: 9em; }
"""


def draw_table(head: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> None:
    """Draw a table of plain text.

    Args:
        head: titles of the columns.
        rows: their cells.
        label: what the table holds, for screen readers.
    """
    top = "".join(f'<th scope="col">{escape_html(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    st.html(
        '<div class="own-table" tabindex="0" role="region" '
        f'aria-label="{escape_html(label)}">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    # A sentence in a narrow column would make its row as high as a phone.
    kind = ' class="long"' if len(text) > LONG else ""
    return f"<td{kind}>{escape_html(text)}</td>"
