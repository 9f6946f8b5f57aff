"""A file or pipe to read from."""

from __future__ import annotations

import io
from typing import Any

__all__ = ["Source"]


class Source:
    """A file. Positions count from where it was when it was handed over."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seekable = bool(file.seekable()) if hasattr(file, "seekable") else False
        self._begin = file.tell() if self.seekable else 0
        self.at = 0

    def read(self, count: int) -> bytes:
        data = self._file.read(count) or b""
        self.at += len(data)
        return data

    def seek(self, at: int) -> None:
        self._file.seek(self._begin + at)
        self.at = at

    def size(self) -> int:
        """Size of a seekable file in bytes. The position does not change."""
        size: int = self._file.seek(0, io.SEEK_END) - self._begin
        self._file.seek(self._begin + self.at)
        return size
