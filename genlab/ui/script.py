"""The script that the server runs for each visit. It is not beside the folder ``pages/``, because
Streamlit would then serve each file in that folder as a page until the first visit of Start.
"""

from __future__ import annotations

from genlab.ui import main

main.show()
