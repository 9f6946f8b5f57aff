"""Chunks of WAV, RF64, W64, AIFF and CAF files: what they are called and where they lie.

WAV and RF64 by EBU Tech 3306, AIFF by Apple's specification of 1989, W64 by Sonic Foundry's, CAF by
Apple's. This module reads no samples, and does not know what a chunk means but those of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from . import flac
from .around import Behind, after_tags, behind
from .window import Window

__all__ = ["Chunk", "chunks", "follows", "kind_of"]

_MOST = 1000  # chunks that are looked at
_W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"
_W64_CHUNK = b"\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a"  # the rest of a chunk's name
_BEGINNINGS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b".snd", b"fLaC", b"OggS", b"riff")
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
_SAMPLES = (b"data", b"SSND")


class Chunk(NamedTuple):
    """Attributes: its name, where its body begins, and how many bytes that has."""

    name: bytes
    at: int
    length: int


def kind_of(head: bytes) -> str:
    """``RIFF``, ``W64``, ``AIFF`` or ``CAF``; empty for any other beginning of a file."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "RIFF"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[:4] == b"caff":
        return "CAF"
    return "W64" if head.startswith(_W64) else ""


def chunks(window: Window, cut: bool = False) -> Iterator[Chunk]:
    """All chunks, up to the first that is not valid or has no length.

    Parameters
    ----------
    window : Window
    cut : bool, optional
        Whether one that is longer than the file comes, too.
    """
    head = window.take(0, 40)
    kind = kind_of(head)
    if not kind:
        return
    # Bytes of a name and of a chunk's head; chunks are padded to a multiple of the last.
    named, header, padded = {"W64": (16, 24, 8), "CAF": (4, 12, 1)}.get(kind, (4, 8, 2))
    big = kind in ("AIFF", "CAF") or head[:4] == b"RIFX"
    at = {"W64": 40, "CAF": 8}.get(kind, 12)
    long_size = None
    for _ in range(_MOST):
        start = window.take(at, header)
        name = start[:4]
        if len(start) < header or not all(0x20 <= c < 0x7F for c in name):
            return
        if kind == "W64" and start[4:16] not in (_W64[4:], _W64_CHUNK):
            return
        length = int.from_bytes(start[named:], "big" if big else "little")
        if kind == "W64":  # the length includes the head
            length -= header
        if name == b"ds64":
            long_size = int.from_bytes(window.take(at + header + 8, 8), "little")
        if name == b"data" and length == 0xFFFFFFFF and long_size is not None:
            length = long_size
        if length < 0 or (at + header + length > window.size and not cut):
            return
        yield Chunk(name, at + header, length)
        at += header + length + -length % padded


def follows(window: Window) -> Behind:
    """What lies behind the samples of a file and is not read."""
    head = window.take(0, 40)
    first = after_tags(window, 0)
    if head[:4] == b".snd" and len(head) >= 24:
        begin, length = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
        end = begin + length
        if length == 0xFFFFFFFF or not length or end > window.size:
            return Behind()
        return Behind(_begins(window, end, end), tuple(behind(window, end)), end)
    if window.take(first, 4) == flac.MAGIC:
        return flac.follows(window, first)
    if kind := kind_of(head):
        return _behind_chunks(window, kind)
    return Behind()


def _behind_chunks(window: Window, kind: str) -> Behind:
    end, stop, samples, padded = 0, 0, 0, {"CAF": 1, "W64": 8}.get(kind, 2)
    for chunk in chunks(window, cut=True):
        there = window.size - chunk.at
        if chunk.name in _BEGINNINGS:
            return Behind(another=True)
        if chunk.name in _SAMPLES:
            samples, stop = samples + 1, chunk.at + chunk.length
            if chunk.length <= 8 or chunk.length > there:  # perhaps up to the end of the file
                return Behind()
        elif chunk.length > there:
            if not samples or window.take(end, 12).startswith(_TAGS):
                break
            name = chunk.name.decode("ascii").strip()
            return Behind(notes=(f"left out: {name}, which is cut off",), end=stop)
        end = chunk.at + chunk.length
        end += -end % padded if end + -end % padded <= window.size else 0
    if not samples:
        return Behind()
    if samples > 1 or _begins(window, end - padded, end + -end % 8):
        return Behind(another=True)
    return Behind(notes=tuple(behind(window, end)), end=stop)


def _begins(window: Window, at: int, last: int) -> bool:
    """Whether a recording begins at `at`, or after padding of up to `last`."""
    there = window.take(max(at - 1, 0), last - at + 8)
    return any(there[i:].startswith(_BEGINNINGS) for i in range(last - at + 2))
