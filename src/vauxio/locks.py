"""Locks of a whole process that a child of ``fork()`` can take, too."""

from __future__ import annotations

import os
import threading

__all__ = ["process_lock"]


def process_lock() -> threading.Lock:
    """A new lock, to be kept as long as the process lives.

    A child of ``fork()`` has one thread: had another one of the parent's the lock at that moment,
    it would never let go of it there. So a fork waits for the lock.
    """
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
