"""Hand-outs: a run or a comparison as one HTML file that replays without a server."""

from __future__ import annotations

from genlab.replay.handout import Handout, handout

__all__ = ["Handout", "handout"]
