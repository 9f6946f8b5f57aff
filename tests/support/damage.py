"""Damage that gets past the checksums of a ``.vx`` file."""

from __future__ import annotations

import zlib


def repaired(data: bytes) -> bytes:
    """The same with right checksums, and the right size in an end chunk, as far as found.

    Without this, no change would come past the checksums.
    """
    out = bytearray(data)
    at, start = 8 + int.from_bytes(out[6:8], "little"), 0
    while at + 4 <= len(out):
        if start and out[start] == ord("E") and at - start >= 8:
            out[at - 4 : at] = (at + 4 - start).to_bytes(4, "little")
        out[at : at + 4] = zlib.crc32(out[start:at]).to_bytes(4, "little")
        start = at = at + 4
        at += 1
        length = shift = 0
        while at < len(out) and shift < 28:
            length |= (out[at] & 127) << shift
            shift += 7
            at += 1
            if out[at - 1] < 128:
                break
        at += length
    return bytes(out)
