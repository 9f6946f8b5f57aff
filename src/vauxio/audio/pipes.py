"""A stream for libsndfile, which reads from a pipe of the operating system only."""

from __future__ import annotations

import io
import os
import shutil
import threading
from typing import BinaryIO

__all__ = ["through_pipe"]


def through_pipe(head: bytes, stream: BinaryIO) -> int:
    """The descriptor of a pipe that gives `head`, then the rest of a stream.

    The reader closes it.
    """
    receiver, sender = os.pipe()
    threading.Thread(target=_pump, args=(head, stream, sender), daemon=True).start()
    return receiver


def _pump(head: bytes, stream: BinaryIO, sender: int) -> None:
    """Write `head` and the rest of a stream into a pipe."""
    try:
        with os.fdopen(sender, "wb") as out:
            out.write(head)
            shutil.copyfileobj(stream, out, io.DEFAULT_BUFFER_SIZE)
    except (OSError, ValueError):
        pass  # the recording was closed before its end
