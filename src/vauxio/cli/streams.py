"""Files, pipes and devices to read, and outputs that appear whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import click

from ..fileio import Output
from .failures import Failure, blame
from .names import STREAM, is_device
from .signals import arrive, postponed, wakeup

__all__ = ["opened", "writing"]

_AT_ONCE = 1 << 20  # bytes


@contextlib.contextmanager
def opened(name: str) -> Iterator[Any]:
    """An input: the path itself, or a stream."""
    if name != STREAM and not is_device(name):
        yield name
        return
    if name == STREAM and sys.stdin is None:
        raise Failure(name, "standard input is closed")
    with blame(name):
        stream = _Stream(name)
    with stream:
        yield stream


@contextlib.contextmanager
def writing(name: str, force: bool) -> Iterator[Output]:
    """An output that gets its name when it is complete. After an error, nothing is left.

    Parameters
    ----------
    name : str
    force : bool
        Whether a file of that name may be replaced.
    """
    with contextlib.ExitStack() as stack:
        with blame(name):
            if name == STREAM or is_device(name) or os.path.isdir(name):
                output = Output(_standard_output() if name == STREAM else name)
                stack.callback(output.discard)
            else:
                with postponed():  # no signal between the temporary file and what removes it
                    output = Output(name, exclusive=not force)
                    stack.callback(output.discard)
        yield output
        arrive()
        with blame(name):
            output.commit()  # after which there is nothing to discard


class _Stream(io.FileIO):
    """A pipe or device to read, such as standard input. A signal ends it at any time.

    It has no lock that a thread which still reads could hold when the process ends, and it ends
    when a signal arrives: C code that waits for data at the other end of a pipe would wait on.
    """

    def __init__(self, name: str) -> None:
        if name == STREAM:
            super().__init__(sys.stdin.fileno(), closefd=False)
        else:
            super().__init__(name)
        self.name = name
        self._woken = wakeup() if os.name == "posix" else None

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as asked for, unless the end comes first."""
        parts = []
        left = sys.maxsize if size is None or size < 0 else size
        while left > 0 and not self._is_woken():
            part = super().read(min(left, _AT_ONCE))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _is_woken(self) -> bool:
        """Wait for data or a signal. Returns whether it is a signal."""
        if self._woken is None:
            return False
        ready, _, _ = select.select([self.fileno(), self._woken], [], [])
        return self._woken in ready


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise Failure(STREAM, "standard output is closed")
    if sys.stdout.isatty():
        raise click.UsageError("the output is not for a terminal: name a file, or use a pipe")
    return sys.stdout.buffer
