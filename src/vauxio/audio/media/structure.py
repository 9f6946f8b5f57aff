"""Whether a file is all there, and how many frames it has: what FFmpeg does not say.

Reads where parts of a file begin and how long they are, never samples. MP4 by ISO 14496-12, with
Apple's ``iTunSMPB``; Matroska by RFC 9559; ASF by Microsoft's specification; ADTS by ISO 13818-7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from ..window import Window
from .kinds import Kind

__all__ = ["Edits", "damage", "edits", "end_of"]

_EBML = b"\x1a\x45\xdf\xa3"
_AGAIN = {
    "tta": b"TTA1\1\0",
    "ape": b"MAC \x96\x0f",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
}
_MOST = 100_000  # boxes that are looked at
_MOOV = 64 << 20  # bytes
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_SEGMENT = b"\x18\x53\x80\x67"
_GAPLESS = re.compile(rb"iTunSMPB.{0,24}?data.{8} ?[0-9A-Fa-f]{8} ([0-9A-Fa-f]{8}) "
                      rb"([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{16})", re.DOTALL)  # fmt: skip


class Edits(NamedTuple):
    """What an MP4 file says of the length of a track.

    Attributes
    ----------
    seconds : Fraction
        As long as it is to be played.
    exact : bool
        Whether that is a whole number of frames; else an edit list says it in coarser units.
    frames : int or None
        As Apple's programs write it; goes before `seconds`.
    """

    seconds: Fraction
    exact: bool
    frames: int | None


def damage(window: Window, kind: Kind) -> str:
    """What is wrong with a file as a whole; empty if nothing can be seen.

    Parameters
    ----------
    window : Window
    kind : Kind
    """
    if kind.demuxer == "aac":
        return _walk_adts(window)
    if several(window, kind):
        return (
            "several recordings one after the other in one file: only the first could be read; "
            "split it first"
        )
    stated = _mp4_size(window) if kind.demuxer == "mov" else end_of(window, kind)
    if stated > window.size:
        return f"cut off: its last {stated - window.size:,} bytes are missing"
    return ""


def end_of(window: Window, kind: Kind) -> int:
    """Where a file ends, by what it says; 0 if that is not known."""
    ends = {"mov": _last_box, "matroska": _matroska_size, "asf": _asf_size, "avi": _riff_size}
    return ends[kind.demuxer](window) if kind.demuxer in ends else 0


def several(window: Window, kind: Kind) -> bool:
    """Whether another recording of the kind begins behind the first."""
    if kind.demuxer == "mov":
        return [name for name, _, _ in _boxes(window, 0, window.size)].count(b"ftyp") > 1
    if kind.demuxer == "wv":
        return _restarts(window)
    start = _AGAIN.get(kind.demuxer)
    size = 8 if start is None else len(start)
    if kind.demuxer == "matroska" and (end := _matroska_size(window)):
        return window.take(end, 4) == _EBML
    return start is not None and window.find(start, size) is not None


def _restarts(window: Window) -> bool:
    """Whether a block of WavPack has the number of the first once more."""
    at, seen = 0, False
    while len(head := window.take(at, 32)) == 32:
        if head[:4] != b"wvpk":  # a tag
            if (after := window.find(b"wvpk", at)) is None:
                return False
            at = after
            continue
        first, samples = (int.from_bytes(head[i : i + 4], "little") for i in (16, 20))
        begins = first == 0 and samples > 0 and bool(head[25] & 8)  # the first of its channels
        if begins and seen:
            return True
        seen |= begins
        at += 8 + int.from_bytes(head[4:8], "little")
    return False


def edits(window: Window, track: int) -> Edits | None:
    """How long a track of an MP4 file is; None if that is not said, or in fragments.

    Parameters
    ----------
    window : Window
    track : int
        Its number, as in its header.
    """
    for name, at, end in _boxes(window, 0, window.size):
        if name == b"moov" and end - at <= _MOOV:
            return _edits(window, at, end, track)
    return None


def _edits(window: Window, at: int, end: int, wanted: int) -> Edits | None:
    scale = _scale(window, at, end, b"mvhd")
    frames = None
    if found := _GAPLESS.search(window.take(at, end - at)):
        frames = int(found[3], 16) or None
    for name, start, stop in _boxes(window, at, end):
        if name != b"trak" or _track_number(window, start, stop) != wanted:
            continue
        ticks = _scale(window, start, stop, b"mdia", b"mdhd")
        length = _media_length(window, start, stop)
        if not (ticks and length and scale):
            return None
        begin, played, parts = _edit_list(window, start, stop)
        rest = Fraction(length - begin, ticks)
        if not parts:
            return Edits(rest, True, frames)
        if parts == 1 and abs(rest - Fraction(played, scale)) <= Fraction(1, scale):
            return Edits(rest, True, frames)  # the same, but for rounding
        return Edits(Fraction(played, scale), parts == 1 and scale % ticks == 0, frames)
    return None


def _edit_list(window: Window, at: int, end: int) -> tuple[int, int, int]:
    """Where the first edit begins, how long all are, and how many: in two different units."""
    found = _inside(window, at, end, b"edts", b"elst")
    if found is None:
        return 0, 0, 0
    head = window.take(found[0], 8)
    wide, count = head[0], min(int.from_bytes(head[4:8], "big"), _MOST)
    size = 20 if wide else 12
    table = window.take(found[0] + 8, count * size)
    begin, played, parts = 0, 0, 0
    for i in range(0, len(table) - size + 1, size):
        half = 8 if wide else 4
        length = int.from_bytes(table[i : i + half], "big")
        first = int.from_bytes(table[i + half : i + 2 * half], "big", signed=True)
        if first >= 0:  # else it is a pause
            begin = first if not parts else begin
            played, parts = played + length, parts + 1
    return (begin, played, parts) if played else (begin, 0, 0)


def _media_length(window: Window, at: int, end: int) -> int:
    found = _inside(window, at, end, b"mdia", b"minf", b"stbl", b"stts")
    if found is None:
        return 0
    table = window.take(found[0] + 8, found[1] - found[0] - 8)
    pairs = (table[i : i + 8] for i in range(0, len(table) - 7, 8))
    return sum(int.from_bytes(p[:4], "big") * int.from_bytes(p[4:], "big") for p in pairs)


def _track_number(window: Window, at: int, end: int) -> int:
    found = _inside(window, at, end, b"tkhd")
    if found is None:
        return 0
    head = window.take(found[0], 24)
    return int.from_bytes(head[20:24] if head[:1] == b"\1" else head[12:16], "big")


def _scale(window: Window, at: int, end: int, *path: bytes) -> int:
    """Units a second, of a header for a film or a track."""
    found = _inside(window, at, end, *path)
    if found is None:
        return 0
    head = window.take(found[0], 24)
    return int.from_bytes(head[20:24] if head[:1] == b"\1" else head[12:16], "big")


def _inside(window: Window, at: int, end: int, *path: bytes) -> tuple[int, int] | None:
    """Where the body of a box lies that is in others."""
    for name in path:
        for found, start, stop in _boxes(window, at, end):
            if found == name:
                at, end = start, stop
                break
        else:
            return None
    return at, end


def _boxes(window: Window, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, and where the body begins and ends; the last may end behind `end`."""
    for _ in range(_MOST):
        head = window.take(at, 16)
        if len(head) < 8 or at >= end:
            return
        size, body = int.from_bytes(head[:4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), at + 16
        elif size == 0:
            size = end - at
        if size < body - at:
            return
        yield head[4:8], body, at + size
        at += size


def _mp4_size(window: Window) -> int:
    known = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx", b"uuid")
    return max((end for name, _, end in _boxes(window, 0, window.size) if name in known), default=0)


def _last_box(window: Window) -> int:
    ends = [end for name, _, end in _boxes(window, 0, window.size)
            if end <= window.size and all(0x20 <= c < 0x7F for c in name)]  # fmt: skip
    return max(ends, default=0)


def _matroska_size(window: Window) -> int:
    at = 0
    for _ in range(8):
        head = window.take(at, 12)
        name, size = _ebml(head, keep=True), 0
        if name is None or (length := _ebml(head[name[1] :])) is None:
            return 0
        at += name[1] + length[1]
        size = length[0]
        if head.startswith(_SEGMENT):
            live = size == (1 << 7 * length[1]) - 1  # not known: whoever wrote it never came back
            return 0 if live else at + size
        at += size
    return 0


def _ebml(data: bytes, keep: bool = False) -> tuple[int, int] | None:
    """A number of variable length, and how many bytes it takes."""
    if not data or not data[0]:
        return None
    size = 9 - data[0].bit_length()
    number = int.from_bytes(data[:size], "big")
    return number if keep else number - (1 << 7 * size), size


def _asf_size(window: Window) -> int:
    at = window.take(0, 1 << 16).find(_FILE_PROPERTIES)
    properties = window.take(at, 92) if at >= 0 else b""
    live = len(properties) < 92 or properties[88] & 1
    return 0 if live else int.from_bytes(properties[40:48], "little")


def _riff_size(window: Window) -> int:
    return int.from_bytes(window.take(4, 4), "little") + 8


def _walk_adts(window: Window) -> str:
    """Go from frame to frame; what is wrong."""
    at = 0
    head = window.take(0, 10)
    if head[:3] == b"ID3":
        at = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    kind = None
    while at < window.size:
        head = window.take(at, 7)
        if head[:3] == b"TAG" or window.take(at, 8) == b"APETAGEX":
            return ""
        size = (int.from_bytes(head[3:6], "big") >> 5) & 0x1FFF if len(head) >= 6 else 0
        about = head[1:3] + bytes([head[3] >> 6]) if len(head) > 3 else b""
        if len(head) < 7 and window.size - at < 7:
            return "cut off: it ends in the middle of a frame"
        if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or size < 7 or kind not in (None, about):
            return f"damaged: no frame begins at byte {at:,}, where one should"
        kind = about
        at += size
    return "cut off: it ends in the middle of a frame" if at > window.size else ""
