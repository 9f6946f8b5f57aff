"""Ctrl-C while the ``vaux`` command is still being loaded ends it without a traceback.

The first thing that the package imports. As a library it leaves signals alone.
"""

from __future__ import annotations

import os
import signal
import sys

__all__: list[str] = []


def _is_command() -> bool:
    """Whether this process is ``vaux``, or ``python -m vauxio``, about to be loaded."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    return name in ("vaux", "vaux.exe", "-m")


# `cli.signals` takes over, and knows what is half done, as soon as it is there.
if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
