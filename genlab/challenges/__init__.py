"""Challenges: a limit, a number and a threshold, checked by the program.

One new challenge is one row of :data:`CHALLENGES`.
"""

from __future__ import annotations

from genlab.challenges.base import CHALLENGES, Challenge, Pictures, Training

__all__ = ["CHALLENGES", "Challenge", "Pictures", "Training"]
