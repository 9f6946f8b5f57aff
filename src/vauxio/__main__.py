"""``python -m vauxio``: the same as ``vaux``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
