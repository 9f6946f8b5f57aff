"""What both ways of decoding say of a file, and what they need to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

__all__ = ["About", "Chapter", "Decoder", "STRICT", "mask_of_layout"]

STRICT = "crccheck+bitstream+buffer+explode"
"""FFmpeg's option `err_detect`: an error for whatever can be seen to be wrong."""

_MASKS = {
    "mono": 0x4, "stereo": 0x3, "2.1": 0xB, "3.0": 0x7, "3.0(back)": 0x103, "3.1": 0xF,
    "4.0": 0x107, "quad": 0x33, "quad(side)": 0x603, "4.1": 0x10F, "5.0": 0x37, "5.0(side)": 0x607,
    "5.1": 0x3F, "5.1(side)": 0x60F, "6.0": 0x707, "6.1": 0x70F, "6.1(back)": 0x13F, "7.0": 0x637,
    "7.1": 0x63F, "7.1(wide)": 0xFF, "7.1(wide-side)": 0x6CF, "downmix": 0x60000000,
}  # fmt: skip


def mask_of_layout(name: str, channels: int) -> int:
    """WAV's channel mask for FFmpeg's name of a layout; 0 if there is none."""
    mask = _MASKS.get(name, 0)
    return mask if mask.bit_count() == channels else 0


@dataclass(frozen=True)
class Chapter:
    """Attributes: where it begins, in seconds, and what it is called."""

    start: float
    title: str


@dataclass
class About:
    """A file, and the track of sound that is taken.

    Attributes
    ----------
    samplerate, channels : int
    layout : str
        FFmpeg's name of it.
    codec : str
    floating : bool
        Whether its samples are stored as floating-point numbers, so that they can be beyond full
        scale by intent.
    track : int
        Its number in the file.
    seconds : float
        Of the track, as far as the file says; 0 if it does not.
    frames : int or None
        The same where the file counts them.
    tags : dict of str to str
    chapters : list of Chapter
    others : list of str
        What else there is, in words.
    """

    samplerate: int
    channels: int
    layout: str
    codec: str
    floating: bool
    track: int
    seconds: float
    frames: int | None
    tags: dict[str, str] = field(default_factory=dict)
    chapters: list[Chapter] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


class Decoder(Protocol):
    """One way to decode."""

    about: About

    def blocks(self) -> Iterator[np.ndarray]:
        """All of it, ``float32[n, channels]`` each; `AudioError` at the first damage."""

    def pictures(self) -> list[tuple[str, bytes]]:
        """MIME type and data of what is attached; nothing can be decoded afterwards."""

    def close(self) -> None: ...
