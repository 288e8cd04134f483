"""Explore: a map of the latent space, and below it the tools that work on it."""

from __future__ import annotations

from genlab.ui.explore.map import map_part
from genlab.ui.explore.scene import controls, load_scene, pick_run
from genlab.ui.explore.tool_choice import tools_part

__all__ = ["controls", "load_scene", "map_part", "pick_run", "tools_part"]
