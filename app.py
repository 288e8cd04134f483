"""GenLab in the browser: ``streamlit run app.py`` serves the pages and the live routes.

The server imports this file for ``app``; then each visit runs it as a script, which draws.
"""

from __future__ import annotations

import streamlit as st

from genlab.ui import main

if __name__ == "__main__":
    main.show()
else:
    from genlab.ui.routes import ROUTES

    app = st.App(__file__, routes=ROUTES, lifespan=main.lifespan)
