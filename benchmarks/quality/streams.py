"""How many bytes of a file are coded audio, and not the container around it.

A codec's bitrate is that of its coded audio; what a container adds is a choice of whoever made the
file. Only the few formats that the peers' tools write are known here.
"""

from __future__ import annotations

from collections.abc import Callable

_AMR_WB_FRAME = 18, 24, 33, 37, 41, 47, 51, 59, 61, 6  # bytes with the first, by mode


def ogg(data: bytes) -> int:
    """Opus in Ogg pages: all packets but the two of the header."""
    return sum(map(len, ogg_packets(data)[2:]))


def ogg_packets(data: bytes) -> list[bytes]:
    """Packets of an Ogg file of one stream (RFC 3533): for Opus, two of the header first
    (RFC 7845)."""
    packets, part, at = [], b"", 0
    while data[at : at + 4] == b"OggS":
        count = data[at + 26]
        lacing, at = data[at + 27 : at + 27 + count], at + 27 + count
        for size in lacing:
            part, at = part + data[at : at + size], at + size
            if size < 255:
                packets.append(part)
                part = b""
    if at != len(data) or len(packets) < 2:
        raise ValueError("not an Ogg file of one stream")
    return packets


def amr_wb(data: bytes) -> int:
    """AMR-WB speech frames in a file (RFC 4867, section 5), without the byte before each."""
    magic = b"#!AMR-WB\n"
    if not data.startswith(magic):
        raise ValueError("not an AMR-WB file")
    at, size = len(magic), 0
    while at < len(data):
        frame = _AMR_WB_FRAME[data[at] >> 3 & 15]
        at += frame
        size += frame - 1
    return size


def adts(data: bytes) -> int:
    """AAC frames in ADTS (ISO/IEC 14496-3), without the seven bytes before each."""
    at, size = 0, 0
    while at < len(data):
        if data[at] != 0xFF or data[at + 1] & 0xF7 != 0xF1:
            raise ValueError("not ADTS without checksums")
        frame = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        at += frame
        size += frame - 7
    return size


COUNT: dict[str, Callable[[bytes], int]] = {
    ".opus": ogg,
    ".awb": amr_wb,
    ".aac": adts,
    ".mp3": len,  # a stream of frames already
    ".c2": len,  # bare frames
}
