"""Reading a file in pieces at any position, and parts of it as file objects."""

from __future__ import annotations

import io
from typing import Any

__all__ = ["Part", "Window"]

_AHEAD = 1 << 18  # bytes


class Window:
    """Access to the bytes of a file by position. Positions count from where the file is now.

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
        """`count` bytes from `at` on, or as many as there are."""
        if at >= self.size:  # perhaps too large a number to seek to
            return b""
        begin = at - self._at
        if begin < 0 or begin + count > len(self._held):
            self._file.seek(self._start + at)
            self._held, self._at, begin = self._file.read(max(count, _AHEAD)) or b"", at, 0
        return self._held[begin : begin + count]

    def find(self, what: bytes, at: int) -> int | None:
        """Position of the next occurrence of some bytes, from `at` on; None if there is none."""
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


class Part(io.RawIOBase):
    """A part of a file, as a file of its own.

    Parameters
    ----------
    file : binary file object that can seek
        Not closed.
    begin, end : int
        Of the part, from where the file is now.
    head : bytes, optional
        What it begins with, instead of what is there.
    """

    def __init__(self, file: Any, begin: int, end: int, head: bytes = b"") -> None:
        self._head = head
        self._file, self._begin = file, file.tell() + begin
        self._size, self._at = end - begin, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._begin + self._at)
        data = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        if self._at < len(self._head):
            head = self._head[self._at : self._at + len(data)]
            data = head + data[len(head) :]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
