"""The checksum that a FLAC file has of all its samples: RFC 9639, section 8.2.

libFLAC looks at it only if nothing was sought; libsndfile does not ask. Frames have checksums of
their own, but only this one tells whether they are all there, and no others.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .around import after_tags
from .window import Window

__all__ = ["Digest"]

_BITS = 8, 16, 24  # of samples that float32 holds exactly


class Digest:
    """MD5 of samples, to be compared with what a file says.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """

    def __init__(self, file: Any) -> None:
        self._wanted, self._bits = b"", 0
        with Window(file) as window:
            begin = after_tags(window, 0)
            if window.take(begin, 4) == b"fLaC":
                about = window.take(begin + 8, 34)
                self._wanted = about[18:]
                self._bits = (int.from_bytes(about[12:14], "big") >> 4 & 31) + 1
        self._found = hashlib.md5(usedforsecurity=False)

    def __bool__(self) -> bool:
        """Whether the file has one that can be compared."""
        return any(self._wanted) and self._bits in _BITS

    def add(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""
        samples = (frames * np.float32(1 << self._bits - 1)).astype("<i4")
        width = self._bits // 8
        self._found.update(samples.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())

    def fits(self) -> bool:
        """Whether all frames were those of the file."""
        return self._found.digest() == self._wanted
