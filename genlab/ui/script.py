"""What the server runs for each visit. It lies apart from ``pages/``: beside a folder of that name
Streamlit would serve the files in it by themselves, until the first visitor has come by Start.
"""

from __future__ import annotations

from genlab.ui import main

main.show()
