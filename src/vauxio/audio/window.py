"""A file to look at, a stretch at a time, at any place; left where it was."""

from __future__ import annotations

import io
from typing import Any

__all__ = ["Window"]

_AHEAD = 1 << 18  # bytes


class Window:
    """Bytes of a file by their place, from where the file is now.

    Parameters
    ----------
    file : binary file object that can seek

    Attributes
    ----------
    size : int
        How many there are.
    """

    def __init__(self, file: Any) -> None:
        self._file, self._start = file, file.tell()
        self.size = file.seek(0, io.SEEK_END) - self._start
        self._at, self._held = 0, b""

    def take(self, at: int, count: int) -> bytes:
        """So many bytes from there on, or as many as there are."""
        if at >= self.size:  # perhaps by more than can be sought
            return b""
        begin = at - self._at
        if begin < 0 or begin + count > len(self._held):
            self._file.seek(self._start + at)
            self._held, self._at, begin = self._file.read(max(count, _AHEAD)) or b"", at, 0
        return self._held[begin : begin + count]

    def find(self, what: bytes, at: int) -> int | None:
        """Where those bytes are next, from there on."""
        while at < self.size:
            stretch = self.take(at, _AHEAD)
            found = stretch.find(what)
            if found >= 0:
                return at + found
            if len(stretch) < len(what):
                return None
            at += len(stretch) - len(what) + 1
        return None

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *args: object) -> None:
        self._file.seek(self._start)
