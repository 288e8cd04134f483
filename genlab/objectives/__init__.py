"""Objectives: the losses that the players of a run minimise."""

from __future__ import annotations

from genlab.core.tables import OBJECTIVES
from genlab.objectives.base import Loss, Objective, Player

names = OBJECTIVES.names

__all__ = ["Loss", "Objective", "Player", "names"]
