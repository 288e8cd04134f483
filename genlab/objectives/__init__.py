"""Objectives: what the players of a run lower."""

from __future__ import annotations

from genlab.objectives.base import Loss, Objective, Player
from genlab.registry import OBJECTIVES

names = OBJECTIVES.names

__all__ = ["Loss", "Objective", "Player", "names"]
