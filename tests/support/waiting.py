"""Waiting for what must happen, however slow or busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300
"""Seconds after which a test gives up. Only what hangs takes as long."""


def wait_until(condition: Callable[[], object]) -> None:
    """Look again and again."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)
