"""Start: what GenLab is, the presets, the recent runs, and the pre-trained models."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.ui import cards, links
from genlab.ui.presets import PRESETS, Preset, start_preset

st.title("GenLab")
st.markdown(
    "See what a generative model learns while it learns. "
    "Each run trains a small model (a VAE, a GAN, a flow, a diffusion model or another) in the "
    "background. Every curve says whether its numbers are exact, bounds or estimates, and shows "
    "the exact value where it is known. Start a preset below, set up your own run on **Train**, "
    "or "
    "read the theory with live numbers on **Learn**."
)

st.header("One click")
pressed: list[Preset] = []


def preset_of_grid(preset: Preset) -> None:
    """Draw a preset and remember whether its button was pressed."""
    if cards.preset_card(preset):
        pressed.append(preset)


cards.grid(PRESETS, preset_of_grid, columns=3)
if pressed:
    started = start_preset(pressed[0])
    if len(started) > 1:
        links.compare(started)
    links.open_watch(started[0])

st.header("Recent runs")
cards.recent()

st.header("Pre-trained models")
if shipped := runs.list_shipped():
    cards.grid(shipped, cards.shipped_card)
else:
    st.caption("No pre-trained model is in `checkpoints/pretrained`.")
