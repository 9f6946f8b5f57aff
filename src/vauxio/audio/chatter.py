"""What libmpg123 writes to standard error of its own accord, without a file's name: left out.

Only in processes that are ours alone: the command and the workers of an archive. A descriptor is of
the whole process, and in a program that uses the library, other threads may be writing to it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ..locks import process_lock

__all__ = ["hushed", "own_process"]

_own = False
_lock = process_lock()


def own_process() -> None:
    """Let `hushed` silence standard error: this process is the command's own."""
    global _own
    _own = True


@contextlib.contextmanager
def hushed(wanted: bool = True) -> Iterator[None]:
    """Silence standard error within, if wanted and if the process is the command's own."""
    if not wanted or not _own:
        yield
        return
    with _lock:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nothing)
