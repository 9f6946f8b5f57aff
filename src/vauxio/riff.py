"""Whether a WAV or AIFF file is all there.

libsndfile takes what it finds for the whole of a file that was cut off: an interrupted copy or
download. This room compares what such a file says of itself with its size; it reads no samples.
WAV and RF64 by EBU Tech 3306, AIFF by Apple's specification of 1989.
"""

from __future__ import annotations

import io
from typing import Any

__all__ = ["missing"]

_SLACK = 64
"""Bytes: some programs count the header among the samples."""

_MOST = 1000  # chunks that are looked at


def missing(file: Any) -> int:
    """Bytes of samples that a file should have and has not; 0 also for any other kind of file.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    place = file.tell()
    try:
        return _missing(file, file.seek(0, io.SEEK_END) - place, place)
    finally:
        file.seek(place)


def _missing(file: Any, size: int, start: int) -> int:
    def take(at: int, count: int) -> bytes:
        file.seek(start + at)
        return file.read(count)

    head = take(0, 12)
    order = {b"RIFF": "little", b"RF64": "little", b"RIFX": "big", b"FORM": "big"}.get(head[:4])
    if order is None or head[8:] not in (b"WAVE", b"AIFF", b"AIFC"):
        return 0
    at, long_size = 12, None
    for _ in range(_MOST):
        chunk = take(at, 8)
        if len(chunk) < 8:
            break
        name, length = chunk[:4], int.from_bytes(chunk[4:], order)  # type: ignore[arg-type]
        at += 8
        if name == b"ds64":  # of RF64: sizes that do not fit 32 bits
            long_size = int.from_bytes(take(at + 8, 8), "little")
        if name in (b"data", b"SSND"):
            if head[:4] == b"RF64" and length == 0xFFFFFFFF and long_size:
                length = long_size
            elif -length % (1 << 31) <= 1 << 16:  # 0, 2^31 or 2^32: written to a pipe, not known
                return 0
            short = at + length - size
            return short if short > _SLACK else 0
        at += length + length % 2
    return 0
