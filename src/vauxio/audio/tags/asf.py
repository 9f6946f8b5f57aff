"""Attributes of ASF: tags of WMA files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .collection import Tags
from .keys import is_of_the_coding

__all__ = ["from_asf"]

_KEYS = {
    "title": "title", "author": "artist", "wm/albumtitle": "album",
    "wm/albumartist": "albumartist", "wm/year": "date", "wm/genre": "genre",
    "wm/composer": "composer", "description": "comment", "wm/lyrics": "lyrics",
    "wm/contentgroupdescription": "grouping", "copyright": "copyright",
    "wm/tracknumber": "tracknumber", "wm/partofset": "discnumber", "wm/publisher": "organization",
    "wm/conductor": "conductor", "wm/isrc": "isrc", "wm/beatsperminute": "bpm", "wm/mood": "mood",
    "wm/language": "language", "wm/subtitle": "subtitle", "wm/encodedby": "encodedby",
    "wm/originalreleaseyear": "originaldate", "wm/initialkey": "initialkey",
    "wm/titlesortorder": "titlesort", "wm/artistsortorder": "artistsort",
    "wm/albumsortorder": "albumsort", "wm/writer": "lyricist", "wm/media": "media",
    "wm/iscompilation": "compilation",
}  # fmt: skip
_BYTES = {1, 6}  # types of attributes: any bytes, a GUID


def from_asf(items: Mapping[str, Sequence[Any]], found: Tags) -> None:
    """Add the attributes of a WMA file, as mutagen has them."""
    for key, values in items.items():
        if is_of_the_coding(key):
            continue
        if key == "WM/Picture":
            for value in values:
                _add_picture(bytes(value.value), found)
        elif any(v.TYPE in _BYTES for v in values):
            found.notes.append(f"left out: {key} of ASF, which is no text")
        else:
            texts = [str(int(v.value)) if isinstance(v.value, bool) else str(v) for v in values]
            texts = list(dict.fromkeys(texts))  # some programs write each in two places
            name = _KEYS.get(key.lower(), key.removeprefix("WM/"))
            number, slash, total = texts[0].partition("/")
            if name in ("tracknumber", "discnumber") and slash:
                found.add(name.replace("number", "total"), [total])
                texts = [number]
            found.add(name, texts)


def _add_picture(data: bytes, found: Tags) -> None:
    """Add a picture: kind, length, MIME type and description in UTF-16 that end in zeros, data."""
    texts, at = [], 5
    for _ in range(2):
        end = at
        while data[end : end + 2] not in (b"\0\0", b""):
            end += 2
        texts.append(data[at:end].decode("utf-16-le", "replace"))
        at = end + 2
    found.add_picture(data[0] if data else 0, texts[0], texts[1], data[at:])
