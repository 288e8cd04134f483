"""Plotly figures: each from data to a figure, without Streamlit."""
