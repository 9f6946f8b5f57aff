"""Tags that lie around a recording, in files of any format: where they end, and what is behind.

ID3 by its version 2.4 and by version 1, APE by version 2 of its tags. This module finds them; what
they say is for `tags` to read.
"""

from __future__ import annotations

from typing import NamedTuple

from .window import Window

__all__ = ["BLANK", "Behind", "after_tags", "before_tags", "behind"]

BLANK = 1024
"""So many bytes without any content are not worth a word."""


def after_tags(window: Window, at: int) -> int:
    """The end of ID3 and APE tags that begin at `at`."""
    while True:
        head = window.take(at, 32)
        if head[:3] == b"ID3" and len(head) >= 10 and not any(b & 128 for b in head[6:10]):
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            at += 10 + size + 10 * (head[5] >> 4 & 1)
        elif head[:3] == b"TAG":
            at += 128
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size, flags = (int.from_bytes(head[i : i + 4], "little") for i in (12, 20))
            at += 32 + (size if flags >> 29 & 1 else 0)  # a tag with a header, or only a footer
        else:
            return at


class Behind(NamedTuple):
    """What lies behind the samples of a file.

    Attributes
    ----------
    another : bool
        Whether another recording begins there.
    notes : tuple of str
        What is left out, in words.
    end : int
        Where the samples end; 0 if that is not known.
    """

    another: bool = False
    notes: tuple[str, ...] = ()
    end: int = 0


def before_tags(window: Window) -> tuple[int, list[str]]:
    """Where the tags at a file's end begin, and notes on those that are left out."""
    notes, stop = [], window.size
    if stop >= 128 and (last := window.take(stop - 128, 128))[:3] == b"TAG":
        stop -= 128
        if any(last[3:-1].replace(b" ", b"\0")):  # the last byte is a genre, of which 255 is none
            notes.append("left out: a tag of ID3 version 1 behind its samples")
    if stop >= 32 and (foot := window.take(stop - 32, 32))[:8] == b"APETAGEX":
        size, flags = (int.from_bytes(foot[i : i + 4], "little") for i in (12, 20))
        stop -= min(size + 32 * (flags >> 31), stop)
        if any(foot[16:20]):
            notes.append("left out: a tag of APE behind its samples")
    return stop, notes


def behind(window: Window, end: int) -> list[str]:
    """Notes on what lies behind a recording and is not read.

    Parameters
    ----------
    window : Window
        Of the whole file.
    end : int
        Where the recording ends.
    """
    stop, notes = before_tags(window)
    rest = stop - end
    if rest >= BLANK or (rest > 0 and any(window.take(end, rest))):
        notes.append(f"{rest:,} bytes behind its samples were left out")
    return notes
