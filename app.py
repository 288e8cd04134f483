"""GenLab in the browser: ``streamlit run app.py`` serves the pages and the live routes.

The server imports this file for ``app``; each visit then runs ``genlab/ui/script.py``.
"""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware

from genlab.serving.doors import ROUTES as DOORS
from genlab.serving.guard import Guard
from genlab.serving.rooms import ROUTES as ROOMS
from genlab.ui import main
from genlab.ui.explore.routes import ROUTES as EXPLORE
from genlab.ui.routes import ROUTES

app = st.App(
    main.SCRIPT,
    routes=[*ROUTES, *EXPLORE, *DOORS, *ROOMS],
    lifespan=main.lifespan,
    middleware=[Middleware(Guard)],
)
