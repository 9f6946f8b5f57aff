"""What FFmpeg reads: chapters, the channel mask, and tags of files that mutagen does not know."""

from __future__ import annotations

import re
from typing import Any

from ...errors import AudioError
from ..channels import MASK
from ..media.about import About, mask_of_layout
from ..media.kinds import Kind
from ..media.reader import decoder
from .collection import Tags
from .keys import FRONT_COVER, is_of_the_coding

__all__ = ["from_ffmpeg"]

_KEYS = {"track": "tracknumber", "disc": "discnumber", "album_artist": "albumartist",
         "date_recorded": "date"}  # fmt: skip
_NOT_MUSIC = re.compile(r"com\.(apple|android)\..*|location.*|creation_time|make|model|timecode")
"""Keys of MP4 that FFmpeg reads and mutagen does not: of cameras and telephones."""


def from_ffmpeg(file: Any, kind: Kind, found: Tags, *, with_tags: bool) -> None:
    """Add what FFmpeg reads. A file that it cannot read adds nothing.

    Parameters
    ----------
    file : binary file object that can seek
    kind : Kind
    found : Tags
    with_tags : bool
        Also all tags and pictures: no other reader knows them.
    """
    try:
        opened = decoder(file, kind)
    except AudioError:
        return
    try:
        about = opened.about
        for key, text in about.tags.items():
            known = not is_of_the_coding(key) and (key.lower(), text) != ("language", "und")
            if known and (with_tags or _NOT_MUSIC.fullmatch(key)):
                found.add(_KEYS.get(key.lower(), key.lower()), [text])
        for number, chapter in enumerate(about.chapters, 1):
            minutes, seconds = divmod(chapter.start, 60)
            hours, minutes = divmod(int(minutes), 60)
            found.add(f"CHAPTER{number:03}", [f"{hours:02}:{minutes:02}:{seconds:06.3f}"])
            if chapter.title:
                found.add(f"CHAPTER{number:03}NAME", [chapter.title])
        if mask := _mask(about):
            found.add(MASK, [f"0x{mask:04X}"])
        if with_tags:
            for mime, data in opened.pictures():
                found.add_picture(FRONT_COVER, mime, "", data)
    except AudioError:
        pass  # whether the file can be read is not for its tags to say
    finally:
        opened.close()


def _mask(about: About) -> int:
    """The channel mask; 0 if there is none, or that of any mono or stereo file."""
    mask = mask_of_layout(about.layout, about.channels)
    return 0 if mask == {1: 4, 2: 3}.get(about.channels) else mask
