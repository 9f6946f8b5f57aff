"""What a FLAC file (RFC 9639) says that no decoder asks: its checksum, and whether it ends there.

libFLAC looks at the checksum of all samples only if nothing was sought; libsndfile does not ask.
Frames have checksums of their own, but only this one tells whether they are all there, and no
others.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np

from .around import BLANK, Behind, after_tags, before_tags
from .window import Window

__all__ = ["MAGIC", "Digest", "follows"]

MAGIC = b"fLaC"

_BITS = 8, 16, 24  # of samples that float32 holds exactly
_LONGEST = 1 << 19  # bytes of a frame
_MOST = 16  # frames that are looked at


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
            if window.take(begin, 4) == MAGIC:
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


def follows(window: Window, at: int) -> Behind:
    """What lies behind a FLAC file that begins there."""
    stop, notes = before_tags(window)
    if not _ends(window, at, stop):
        notes.append("the bytes behind its last frame were left out")
    return Behind(_another(window, at), tuple(notes))


def _another(window: Window, at: int) -> bool:
    """Whether a second FLAC file lies somewhere behind the first, which begins there."""
    while (found := window.find(MAGIC, at + 4)) is not None:
        at = found
        if window.take(at + 4, 4) in (b"\0\0\0\x22", b"\x80\0\0\x22"):
            sizes = window.take(at + 8, 4)  # the smallest and largest block
            if 16 <= int.from_bytes(sizes[:2], "big") <= int.from_bytes(sizes[2:], "big"):
                return True
    return False


def _ends(window: Window, at: int, stop: int) -> bool:
    """Whether a frame ends at `stop`, or so soon before it that nothing is left out."""
    longest = int.from_bytes(window.take(at + 15, 3), "big") or _LONGEST
    begin, last = at + 4, False
    while not last and len(head := window.take(begin, 4)) == 4:
        last = head[0] > 127
        begin += 4 + int.from_bytes(head[1:], "big")
    begin = max(begin, stop - longest - BLANK)
    if begin >= stop or longest > _LONGEST:  # no frames; or so long ones that it would take long
        return True
    data = window.take(begin, stop - begin)
    filled = data.rstrip(b"\0")
    tried, sync = 0, len(filled)
    while tried < _MOST and (sync := filled.rfind(b"\xff", 0, sync)) >= 0:
        if _is_header(data[sync : sync + 16]):
            tried += 1
            end, crc = len(filled), _crc(filled[sync:], 16, 0x8005)
            while crc and end < len(data):  # a checksum may end in zeros
                end, crc = end + 1, _crc(b"\0", 16, 0x8005, crc)
            if crc == 0:  # as that of a frame is, together with the checksum at its end
                return len(data) - end < BLANK
    return not filled and len(data) < BLANK


def _is_header(head: bytes) -> bool:
    """Whether a frame begins so (section 9.1)."""
    if len(head) < 6 or head[0] != 0xFF or head[1] >> 1 != 0x7C:
        return False
    first = head[4]  # of a number in the manner of UTF-8
    size = 4 + (1 if first < 0x80 else 8 - (first ^ 0xFF).bit_length())
    size += {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return len(head) > size and _crc(head[:size], 8, 0x07) == head[size]


def _crc(data: bytes, bits: int, polynomial: int, crc: int = 0) -> int:
    table, mask = _table(bits, polynomial), (1 << bits) - 1
    for byte in data:
        crc = crc << 8 & mask ^ table[crc >> bits - 8 ^ byte]
    return crc


@functools.cache
def _table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << bits - 8
        for _ in range(8):
            crc = crc << 1 ^ (polynomial if crc >> bits - 1 else 0)
            crc &= (1 << bits) - 1
        table.append(crc)
    return table
