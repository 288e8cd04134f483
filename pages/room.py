"""Class: a room in which others follow, with its code and its QR code."""

from __future__ import annotations

import streamlit as st

from genlab.ui import room

st.title("Class")
room.page()
