"""``python -m genlab``."""

from __future__ import annotations

import sys

from genlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
