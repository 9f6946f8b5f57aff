"""Which of the formats that libsndfile does not read a file has, by its first bytes.

The name of a file decides only where nothing in it could. FFmpeg is told what to expect and may
take it for nothing else: some of what it reads are lists of other files and addresses.
"""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["HEAD", "Kind", "kind_of"]

HEAD = 1 << 12
"""Bytes that are enough to tell."""


class Kind(NamedTuple):
    """Attributes: what people call it, FFmpeg's name of it, and whether that must be forced."""

    name: str
    demuxer: str
    forced: bool = False


_MP4 = Kind("MP4", "mov")
_AAC = Kind("AAC", "aac")

_BEGINNINGS = (
    (4, b"ftyp", _MP4),
    (4, b"moov", _MP4),
    (4, b"mdat", _MP4),
    (4, b"wide", _MP4),
    (0, b"\x1a\x45\xdf\xa3", Kind("Matroska", "matroska")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind("ASF", "asf")),
    (0, b"wvpk", Kind("WavPack", "wv")),
    (0, b"MAC ", Kind("Monkey's Audio", "ape")),
    (0, b"TTA1", Kind("True Audio", "tta")),
    (0, b"MP+", Kind("Musepack", "mpc")),
    (0, b"MPCK", Kind("Musepack", "mpc8")),
    (0, b"tBaK", Kind("TAK", "tak")),
    (0, b"#!AMR", Kind("AMR", "amr")),
    (0, b"FLV\1", Kind("FLV", "flv")),
    (8, b"AVI ", Kind("AVI", "avi")),
    (0, b"DSD ", Kind("DSF", "dsf")),
    (0, b"FRM8", Kind("DSDIFF", "iff")),
    (0, b"\x0b\x77", Kind("AC-3", "ac3,eac3")),
    (0, b"\x7f\xfe\x80\x01", Kind("DTS", "dts")),
    (0, b"DTSHDHDR", Kind("DTS", "dtshd")),
    (0, b"\0\0\1\xba", Kind("MPEG", "mpeg")),
    (0, b".RMF", Kind("RealMedia", "rm")),
    (0, b".ra\xfd", Kind("RealAudio", "rm")),
    (0, b"ajkg", Kind("Shorten", "shn")),
)

_WAV = {0x0055, 0x0001, 0x0002, 0x0003, 0x0006, 0x0007, 0x0011, 0x0031, 0x0040, 0x0050, 0xFFFE}
"""How samples may be coded in a WAV file that libsndfile reads."""

_BARE = {".g722": Kind("G.722", "g722", forced=True)}
"""Without a header, so that only the name tells."""


def kind_of(head: bytes, name: str = "") -> Kind | None:
    """The format; None if it is one of libsndfile's, or of nobody's.

    Parameters
    ----------
    head : bytes
        The first `HEAD` bytes.
    name : str, optional
    """
    head = head[_tagged(head) :]
    for at, start, kind in _BEGINNINGS:
        if head.startswith(start, at):
            return kind
    if len(head) > 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return _AAC
    if head[:2] == b"\x56\xe0" or (head[:1] == b"\x56" and head[1:2] and head[1] >> 5 == 7):
        return Kind("AAC", "loas")
    for size, sync in ((188, 0), (192, 4)):
        if len(head) > 3 * size and all(head[sync + i * size] == 0x47 for i in range(3)):
            return Kind("MPEG-TS", "mpegts")
    return _known_outside(head) or _BARE.get(os.path.splitext(name)[1].lower())


def _tagged(head: bytes) -> int:
    """Where an ID3 tag ends that some programs put before anything."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return size + 10 if size + 18 <= len(head) else 0


def _known_outside(head: bytes) -> Kind | None:
    """A coding that libsndfile does not know, in a container that it does."""
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        coding = int.from_bytes(head[20:22], "little")
        return None if coding in _WAV else Kind(f"WAV of kind 0x{coding:04X}", "wav")
    if head[:4] == b"OggS" and len(head) > 27:
        packet = head[27 + head[26] :]
        if packet.startswith((b"\x7fFLAC", b"fLaC")):
            return Kind("Ogg FLAC", "ogg")
        return Kind("Speex", "ogg") if packet.startswith(b"Speex   ") else None
    if head[:4] == b"fLaC" and len(head) > 22:
        bits = ((head[20] & 1) << 4 | head[21] >> 4) + 1
        return Kind(f"FLAC of {bits} bits", "flac") if bits > 24 else None
    if head[:4] == b"caff" and head[8:12] == b"desc":
        form = head[28:32]
        return None if form in (b"lpcm", b"alac", b"ulaw", b"alaw") else Kind("CAF", "caf")
    return None
