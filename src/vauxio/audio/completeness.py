"""Whether a WAV, W64, AIFF, AU or CAF file is all there, and whether it was finished.

libsndfile accepts a file that was cut off (an interrupted copy or download) as if it were complete.
It finds nothing in a file whose header was never finished (an interrupted recorder). This module
compares the lengths in such a file with its size. It reads no samples.
WAV and RF64 by EBU Tech 3306, AIFF by Apple's specification of 1989, W64 by Sonic Foundry's, AU by
Sun's ``audio.h``.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any, Literal

__all__ = ["OPEN_ENDED", "SLACK", "caf_head", "missing", "streams", "unfinished"]

OPEN_ENDED = {b"RIFF": b"RIFF\x08\0\0\0", b"RIFX": b"RIFX\0\0\0\x08"}
"""First eight bytes with which libsndfile takes all that follows an empty data chunk as samples."""

SLACK = 64
"""Bytes that may seem to be missing: some programs count the header among the samples."""

_MOST = 1000  # chunks that are looked at

_Order = Literal["little", "big"]
_Take = Callable[[int, int], bytes]

_CHUNKS: dict[bytes, _Order] = {
    b"RIFF": "little", b"RF64": "little", b"RIFX": "big", b"FORM": "big",
}  # fmt: skip
_AU: dict[bytes, _Order] = {b".snd": "big", b"dns.": "little"}
_W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"


def missing(file: Any) -> int:
    """Number of missing bytes of samples; 0 also for formats that are not known here.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    with _opened(file) as (take, size):
        begin, length = _samples(take) or (0, None)
        short = 0 if length is None else begin + length - size
        head = take(0, 8)
        order = _CHUNKS.get(head[:4])
        if order and head[:4] != b"RF64" and 0 < short <= SLACK:
            if int.from_bytes(head[4:], order) + 8 <= size:  # all is there: header and samples
                return 0
        return max(0, short)


def unfinished(file: Any) -> int:
    """Number of bytes after the header of a file that states no samples; else 0.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    with _opened(file) as (take, size):
        begin, length = _samples(take) or (0, None)
        if length != 0:
            return 0
        end = begin
        if order := _CHUNKS.get(take(0, 4)):  # other chunks may follow, and are no samples
            for _ in range(_MOST):
                name, count = take(end, 4), take(end + 4, 4)
                if len(count) < 4 or not all(0x20 <= c < 0x7F for c in name):
                    break
                end += 8 + int.from_bytes(count, order)
                end += (end - begin) % 2
        # One byte: the last chunk need not be padded.
        return 0 if size <= end <= size + 1 else max(size - begin, 0)


def caf_head(file: Any) -> bytes:
    """The beginning of a CAF file whose samples go up to its end, with their length filled in.

    Such files come out of pipes, and libsndfile does not take them. Empty for any other file.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    with _opened(file) as (take, size):
        found = _caf_samples(take) if take(0, 4) == b"caff" else None
        if found is None or take(found[0] - 12, 8) != b"\xff" * 8:
            return b""
        begin = found[0] - 4
        return take(0, begin - 8) + (size - begin).to_bytes(8, "big")


def streams(head: bytes) -> bool:
    """Whether libsndfile reads a file from a pipe as it would from a disk.

    Parameters
    ----------
    head : bytes
        The beginning of the file. If nothing is seen of its samples, the answer is no.
    """
    # Of RF64 it loses eight bytes; what has no samples may be unfinished.
    if head[:4] not in (b"RIFF", b"FORM", b".snd"):
        return False
    with _opened(io.BytesIO(head)) as (take, _):
        found = _samples(take)
        return found is not None and found[1] != 0


@contextlib.contextmanager
def _opened(file: Any) -> Iterator[tuple[_Take, int]]:
    """A function that reads bytes at a position, and the size of the file."""
    start = file.tell()
    size = file.seek(0, io.SEEK_END) - start

    def take(at: int, count: int) -> bytes:
        if at >= size:  # perhaps by more than can be sought
            return b""
        file.seek(start + at)
        data: bytes = file.read(count)
        return data

    try:
        yield take, size
    finally:
        file.seek(start)


def _samples(take: _Take) -> tuple[int, int | None] | None:
    """Where samples begin, and their number of bytes; None if it is not known."""
    head = take(0, 40)
    if (order := _AU.get(head[:4])) and len(head) >= 24:
        return int.from_bytes(head[4:8], order), _known(int.from_bytes(head[8:12], order))
    if head[:4] == b"caff":
        return _caf_samples(take)
    wide = head.startswith(_W64) and head[24:28] == b"wave"
    order = "little" if wide else _CHUNKS.get(head[:4])
    if order is None or not (wide or head[8:12] in (b"WAVE", b"AIFF", b"AIFC")):
        return None
    # Names of 16 bytes and lengths of 8 in W64, of 4 and 4 in all others.
    at, named, header, padded = (40, 16, 24, 8) if wide else (12, 4, 8, 2)
    long_size = 0
    for _ in range(_MOST):
        chunk = take(at, header)
        if len(chunk) < header:
            break
        name, length = chunk[:4], int.from_bytes(chunk[named:], order)
        at += header
        if wide:  # the header counts
            length = max(length - header, 0)
        if name == b"ds64":  # of RF64: sizes that do not fit 32 bits
            long_size = int.from_bytes(take(at + 8, 8), "little")
        if name == b"SSND" and length >= 8:  # two numbers of its own come first
            return at + 8, _known(length - 8)
        if name in (b"data", b"SSND"):
            if head[:4] == b"RF64" and length == 0xFFFFFFFF:
                length = long_size
            if not length and (wide or name == b"SSND"):  # libsndfile reads to the end of the file
                return at, None
            return at, _known(length)
        at += length + -length % padded
    return None


def _caf_samples(take: _Take) -> tuple[int, int | None] | None:
    at = 8
    for _ in range(_MOST):
        chunk = take(at, 12)
        if len(chunk) < 12:
            break
        length = int.from_bytes(chunk[4:], "big", signed=True)
        at += 12
        if chunk[:4] == b"data":  # a count of edits comes first; -1: up to the end
            return at + 4, length - 4 if length >= 4 else None
        at += max(length, 0)
    return None


def _known(length: int) -> int | None:
    """The length, or None if it is one written to a pipe: about 2^31, 2^32, 2^63 or 2^64."""
    return None if length and -length % (1 << 31) <= 1 << 16 else length
