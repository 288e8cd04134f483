"""Start: what this is, the presets, the recent runs, the models that ship with the project."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.ui import cards, links
from genlab.ui.presets import PRESETS, Preset, start_preset

st.title("GenLab")
st.markdown(
    "See what generative models learn, while they learn it. "
    "Each run trains a small variational autoencoder or a generative adversarial network in the "
    "background, and every curve says what kind of number it is, with the exact answer beside it "
    "where there is one. Start a preset below, make your own on **Train**, or read the theory, "
    "with its numbers live, on **Learn**."
)

st.header("One click")
pressed: list[Preset] = []


def preset_of_grid(preset: Preset) -> None:
    """Draw a preset, and remember whether it was pressed."""
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

st.header("Trained already")
if shipped := runs.list_shipped():
    cards.grid(shipped, cards.shipped_card)
else:
    st.caption("No pre-trained model is in `checkpoints/pretrained`.")
