"""The pages of an Ogg file: whether all are there and undamaged, and what they carry.

libsndfile skips a damaged or missing page without a message, and in a file of several concatenated
recordings it stops after the first. This module checks every page by RFC 3533, with its checksum
and its number; it decodes nothing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from .around import behind
from .findings import Findings
from .window import Window

__all__ = ["Pages", "look"]

_MAGIC = b"OggS"
_HEAD = 27  # bytes of a page before its table of segments
_SOUNDS = (b"\1vorbis", b"OpusHead", b"\x7fFLAC", b"Speex")
_FIRST, _LAST = 2, 4  # flags: of a page that begins, ends a stream

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class Pages(Findings):
    """What was found of the pages, besides `Findings`.

    Attributes
    ----------
    surround : bool
        Whether the channels are in the order of Vorbis and Opus.
    """

    surround: bool = False


def look(file: Any) -> Pages | None:
    """Go through all pages of a file; None if it is no Ogg file.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    with Window(file) as window:
        if window.take(0, 4) != _MAGIC:
            return None
        found = Pages()
        found.wrong = _walk(window, found)
        return found


def _walk(window: Window, found: Pages) -> str:
    """Look at page after page; what is wrong."""
    numbers: dict[bytes, int] = {}  # of the last page of each stream
    ended: set[bytes] = set()
    at, heard, begun, sounds = 0, 0, False, False
    while at < window.size:
        head = window.take(at, _HEAD)
        if head[:4] != _MAGIC:
            rest = window.find(_MAGIC, at)
            if rest is None and ended == numbers.keys():
                found.notes += behind(window, at)
                return ""
            return f"damaged: no page begins at byte {at:,}, where one should"
        table = window.take(at + _HEAD, head[26]) if len(head) == _HEAD else b""
        size = _HEAD + len(table) + sum(table)
        page = window.take(at, size)
        if len(head) < _HEAD or len(table) < head[26] or len(page) < size:
            return "cut off: it ends in the middle of a page"
        if _checksum(page) != int.from_bytes(page[22:26], "little"):
            return f"damaged: wrong checksum of the page at byte {at:,}"
        flags, stream, number = head[5], head[14:18], int.from_bytes(head[18:22], "little")
        if flags & _FIRST:
            if begun:
                return (
                    "several recordings one after the other in one Ogg file, as internet radio "
                    "has them: only the first could be read; split it (oggz-chop, ffmpeg) first"
                )
            packet = page[_HEAD + len(table) :]
            if packet.startswith(_SOUNDS):
                heard += 1
            elif not packet.startswith(b"fishead"):  # which says where in the others to seek
                found.notes.append("left out: a stream that is no sound")
            if heard > 1:
                return (
                    "several recordings side by side in one Ogg file: only one could be read; "
                    "take them apart (ffmpeg -map) first"
                )
            found.surround |= _has_surround(packet)
        elif stream not in numbers:
            return f"damaged: the page at byte {at:,} belongs to no stream that began"
        elif number != (numbers[stream] + 1) % (1 << 32):
            # Internet radio gives whoever comes late the headers, then what is on the air.
            if sounds or number < numbers[stream]:
                return f"damaged: pages are missing before byte {at:,}"
            found.notes.append("its beginning is missing: pages do not follow its headers")
        begun |= not flags & _FIRST
        sounds |= any(page[6:14])  # only the headers have nothing for a position
        numbers[stream] = number
        if flags & _LAST:
            ended.add(stream)
        at += size
    if ended != numbers.keys():
        found.notes.append("its last page is missing: it may be cut off")
    return ""


def _checksum(page: bytes) -> int:
    """CRC-32 of a page, by way of zlib's, whose bits are the other way round."""
    page = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")


def _has_surround(packet: bytes) -> bool:
    """Whether the first packet of a stream is of one whose channels have Vorbis's order."""
    if packet.startswith(b"OpusHead"):
        return packet[18:19] == b"\1"  # channel mapping family; others have no such order
    return packet.startswith(b"\1vorbis")
