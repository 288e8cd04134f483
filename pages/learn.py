"""Learn: the theory as lessons, each with live numbers, pictures, and checks."""

from __future__ import annotations

from genlab.ui import lessons

lessons.show()
