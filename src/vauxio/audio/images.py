"""Width, height and depth of PNG, JPEG and GIF images, which some formats store with a picture."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Size", "size_of"]


class Size(NamedTuple):
    """The size of a picture as FLAC stores it; zeros if it is not known."""

    width: int = 0
    height: int = 0
    depth: int = 0
    colors: int = 0


def size_of(data: bytes) -> Size:
    """The size in a picture's header."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 26:
        width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
        bits, kind = data[24], data[25]
        samples = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(kind, 0)
        return Size(width, height, 8 * 3 if kind == 3 else bits * samples, _palette(data, kind))
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 11:
        width, height = (int.from_bytes(data[i : i + 2], "little") for i in (6, 8))
        return Size(width, height, 24, 2 << (data[10] & 7))
    return _jpeg(data) if data.startswith(b"\xff\xd8") else Size()


def _palette(data: bytes, kind: int) -> int:
    """Colours of a PNG that has a palette."""
    at = data.find(b"PLTE", 8) if kind == 3 else -1
    return int.from_bytes(data[at - 4 : at], "big") // 3 if at >= 4 else 0


def _jpeg(data: bytes) -> Size:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            return Size(width, height, data[at + 4] * data[at + 9])
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return Size()
