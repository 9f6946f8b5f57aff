"""The frames of an MP3 file: whether they follow one another, and are as many as it says.

libmpg123 skips damage without a message, and in a file of several concatenated ones it stops after
the first. This module goes from frame to frame. It decodes nothing. Header fields by
ISO 11172-3 and 13818-3; ``Xing`` and ``Info`` as LAME writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .around import BLANK, after_tags, behind
from .findings import Findings
from .window import Window

__all__ = ["Frames", "look"]

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_JUNK = 1 << 16  # bytes before the first frame, at most


@dataclass
class Frames(Findings):
    """What was found of the frames, besides `Findings`.

    Attributes
    ----------
    samples : int
        Of all frames, of one channel.
    stated : bool
        Whether the file says how many frames it has.
    """

    samples: int = 0
    stated: bool = False


class _Frame(NamedTuple):
    size: int  # bytes
    samples: int
    kind: tuple[int, int, int]  # version, layer, sample rate
    about: int  # where a Xing header would be


def look(file: Any) -> Frames | None:
    """Go through all frames of a file; None if it is no MP3 file, or of free format.

    Parameters
    ----------
    file : binary file object that can seek
        Left where it was.
    """
    with Window(file) as window:
        at = after_tags(window, 0)
        if window.take(at, 4) in (b"RIFF", b"OggS", b"fLaC", b"FORM", b"caff", b".snd"):
            return None
        first = _synchronised(window, at, min(window.size, at + _JUNK))
        if first is None:
            return None
        found = Frames()
        if first - at >= BLANK or any(window.take(at, first - at)):
            found.notes.append(f"{first - at:,} bytes before its first frame were left out")
        found.wrong = _walk(window, first, found)
        return found


def _walk(window: Window, at: int, found: Frames) -> str:
    """Look at frame after frame; what is wrong."""
    first = _frame(window.take(at, 4))
    assert first is not None
    stated = _stated(window.take(at, first.size), first)
    if stated is not None:
        found.stated = stated > 0
        at += first.size
    count = 0
    while at < window.size:
        frame = _frame(window.take(at, 4))
        if frame is None or frame.kind != first.kind:
            end = after_tags(window, at)
            again = _synchronised(window, end, window.size)
            if again is not None and end > at:
                return _SEVERAL
            if again is not None:
                return f"damaged: no frame begins at byte {at:,}, where one should"
            # Of tags behind the frames, those of ID3 and APE are read.
            found.notes += [note for note in behind(window, end) if " tag " not in note]
            break
        if at + frame.size > window.size:
            if stated is None:
                found.notes.append("ends in the middle of a frame: it may be cut off")
            break
        if count and _stated(window.take(at, frame.size), frame) is not None:
            return _SEVERAL
        count += 1
        found.samples += frame.samples
        at += frame.size
    # Some programs count the frame that says it among the others.
    if stated and count < stated - 1:
        return f"cut off: {count:,} frames, but its header says {stated:,}"
    if stated and count > stated + 1:
        return f"{count:,} frames, but its header says {stated:,}: the rest could not be read"
    return ""


_SEVERAL = (
    "several MP3 recordings one after the other in one file: not all could be read; "
    "split it, or write it anew (ffmpeg -c copy), first"
)


def _frame(head: bytes) -> _Frame | None:
    """The frame that has this header."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, speed, padded = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or rate in (0, 15) or speed == 3:
        return None
    kbps, samplerate = _KBPS[version == 3, layer][rate - 1], _RATES[version][speed]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    if layer == 1:
        size = (12_000 * kbps // samplerate + padded) * 4
    else:
        size = samples * 125 * kbps // samplerate + padded
    mono = head[3] >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return _Frame(size, samples, (version, layer, samplerate), 4 + side)


def _stated(frame: bytes, about: _Frame) -> int | None:
    """How many frames there are by what this one says; 0 if it does not say, None if none does."""
    for at in (about.about, 36):
        name = frame[at : at + 4]
        if name in (b"Xing", b"Info") and len(frame) >= at + 12:
            there = frame[at + 7] & 1
            return int.from_bytes(frame[at + 8 : at + 12], "big") if there else 0
        if name == b"VBRI" and len(frame) >= at + 18:
            return int.from_bytes(frame[at + 14 : at + 18], "big")
    return None


def _synchronised(window: Window, at: int, end: int) -> int | None:
    """Where frames begin, from there on: three that follow one another, or up to the end."""
    while at < end and (found := window.find(b"\xff", at)) is not None and found < end:
        next_at, kind = found, None
        for _ in range(3):
            frame = _frame(window.take(next_at, 4))
            if frame is None or kind not in (None, frame.kind):
                break
            kind = frame.kind
            next_at += frame.size
            if next_at >= window.size:
                return found if next_at == window.size else None
        else:
            return found
        at = found + 1
    return None
