"""Download buttons for a table of codes or vectors, one per file format."""

from __future__ import annotations

from functools import partial

import streamlit as st

from genlab.core.escape import escape_markdown
from genlab.latent.exports import TABLE_FILES, Columns


def table_downloads(columns: Columns, stem: str, key: str) -> None:
    """Draw a download button for each format; a file is written only on request.

    Args:
        columns: the table, as :data:`TABLE_FILES` takes it.
        stem: the file's name without its ending.
        key: prefix of the buttons' keys.
    """
    for ending, form in TABLE_FILES.items():
        st.download_button(
            escape_markdown(form.title),
            partial(form.write, columns),
            file_name=f"{stem}.{ending}",
            mime=form.mime,
            icon=":material/download:",
            key=f"{key}.{ending}",
            on_click="ignore",
        )
