"""Tags that lie around a recording, in files of any format: where they end, and what is behind.

ID3 by its version 2.4 and by version 1, APE by version 2 of its tags. This module finds them; what
they say is for `tags` to read.
"""

from __future__ import annotations

from .window import Window

__all__ = ["after_tags", "behind"]

_BLANK = 1024  # bytes without any content that are not worth a word


def after_tags(window: Window, at: int) -> int:
    """Where ID3 and APE tags end that begin there."""
    while True:
        head = window.take(at, 32)
        if head[:3] == b"ID3" and len(head) >= 10 and not any(b & 128 for b in head[6:10]):
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            at += 10 + size + 10 * (head[5] >> 4 & 1)
        elif head[:3] == b"TAG":
            at += 128
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size, flags = (int.from_bytes(head[i : i + 4], "little") for i in (12, 20))
            at += 32 + (size if flags >> 29 & 1 else 0)  # its head, or only its end
        else:
            return at


def behind(window: Window, end: int | None) -> list[str]:
    """What lies behind a recording and is not read with it, in words.

    Parameters
    ----------
    window : Window
        Of the whole file.
    end : int or None
        Where the recording ends; None if that is not known: then only tags are found.
    """
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
    rest = 0 if end is None else stop - end
    if rest >= _BLANK or (rest > 0 and any(window.take(end or 0, rest))):
        notes.append(f"{rest:,} bytes behind its samples were left out")
    return notes
