"""Class: open or join a room in which students follow the teacher's page."""

from __future__ import annotations

import streamlit as st

from genlab.ui import room

st.title("Class")
room.page()
