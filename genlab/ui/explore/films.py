"""Animations of decoded examples, and the buttons that save them in each format."""

from __future__ import annotations

from functools import partial

import streamlit as st
from torch import Tensor

from genlab.latent.video import FORMS


def save_film(frames: Tensor, name: str) -> None:
    """Draw an animation and the buttons that save it in each format."""
    st.image(FORMS["gif"].write(frames.numpy()), caption=name, width=224, alt=name)
    with st.container(horizontal=True):
        for form, row in FORMS.items():
            st.download_button(
                f"Save as {form.upper()}",
                # The file is written on request.
                partial(row.write, frames.numpy()),
                file_name=f"{name.replace(' ', '-')}.{form}",
                mime=row.mime,
                icon=":material/download:",
                key=f"explore.travel.save.{form}.{name}",
                on_click="ignore",
            )
