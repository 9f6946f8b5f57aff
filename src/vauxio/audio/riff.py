"""Chunks of WAV, RF64, W64, AIFF and CAF files: what they are called and where they lie.

WAV and RF64 by EBU Tech 3306, AIFF by Apple's specification of 1989, W64 by Sonic Foundry's, CAF by
Apple's. This room reads no samples, and does not know what a chunk means but those of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .window import Window

__all__ = ["Chunk", "chunks", "follows", "kind_of"]

_MOST = 1000  # chunks that are looked at
_W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"
_BEGINNINGS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b".snd", b"fLaC", b"OggS", b"riff")
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
_IGNORED = 1024  # bytes behind all chunks that are not worth a word


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


def chunks(window: Window) -> Iterator[Chunk]:
    """All that can be found, up to the first that makes no sense or tells no length."""
    head = window.take(0, 40)
    kind = kind_of(head)
    if not kind:
        return
    # Bytes of a name, of a chunk's head, and what chunks are filled up to a multiple of.
    named, header, padded = {"W64": (16, 24, 8), "CAF": (4, 12, 1)}.get(kind, (4, 8, 2))
    big = kind in ("AIFF", "CAF") or head[:4] == b"RIFX"
    at = {"W64": 40, "CAF": 8}.get(kind, 12)
    long_size = None
    for _ in range(_MOST):
        start = window.take(at, header)
        name = start[:4]
        if len(start) < header or not all(0x20 <= c < 0x7F for c in name):
            return
        length = int.from_bytes(start[named:], "big" if big else "little")
        if kind == "W64":  # the head counts
            length -= header
        if name == b"ds64":
            long_size = int.from_bytes(window.take(at + header + 8, 8), "little")
        if name == b"data" and length == 0xFFFFFFFF and long_size is not None:
            length = long_size
        if length < 0 or at + header + length > window.size:
            return
        yield Chunk(name, at + header, length)
        at += header + length + -length % padded


def follows(window: Window) -> tuple[bool, int]:
    """What lies behind the samples of a file: whether another recording, and bytes of no chunk."""
    head = window.take(0, 40)
    end, samples = 0, 0
    if head[:4] == b".snd" and len(head) >= 24:
        begin, length = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
        if length == 0xFFFFFFFF:
            return False, 0
        end, samples = begin + length, 1
    elif head[:4] == b"fLaC" or head[:3] == b"ID3":
        return _another_flac(window), 0
    elif kind := kind_of(head):
        for chunk in chunks(window):
            if chunk.name in _BEGINNINGS:
                return True, 0
            samples += chunk.name in (b"data", b"SSND")
            end = chunk.at + chunk.length
            end += -end % {"CAF": 1, "W64": 8}.get(kind, 2)
    if not samples:
        return False, 0
    for at in (end, end - 1):
        if window.take(at, 12).startswith(_BEGINNINGS):
            return True, 0
    if samples > 1:
        return True, 0
    rest = window.size - end
    if rest < _IGNORED or window.take(end, 12).startswith(_TAGS):
        return False, 0
    return False, rest


def _another_flac(window: Window) -> bool:
    """Whether a second FLAC file lies somewhere behind the first."""
    at = window.find(b"fLaC", 0)
    while at is not None and (at := window.find(b"fLaC", at + 4)) is not None:
        if window.take(at + 4, 4) in (b"\0\0\0\x22", b"\x80\0\0\x22"):
            sizes = window.take(at + 8, 4)  # the smallest and largest block
            if 16 <= int.from_bytes(sizes[:2], "big") <= int.from_bytes(sizes[2:], "big"):
                return True
    return False
