"""Tags and pictures of MP4, ASF, APE and of what only FFmpeg reads, by the names of `audio.tags`.

This room knows what those formats call things, not what happens to a tag that does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .about import About, mask_of_layout
from .kinds import Kind
from .reader import decoder

__all__ = ["APE", "Found", "from_ape", "from_asf", "from_media", "from_mp4"]

_MP4 = {
    "\xa9nam": "title", "\xa9ART": "artist", "\xa9alb": "album", "aART": "albumartist",
    "\xa9day": "date", "\xa9gen": "genre", "\xa9wrt": "composer", "\xa9cmt": "comment",
    "\xa9lyr": "lyrics", "\xa9grp": "grouping", "cprt": "copyright", "desc": "description",
    "ldes": "longdescription", "soal": "albumsort", "soar": "artistsort", "soaa": "albumartistsort",
    "sonm": "titlesort", "soco": "composersort", "tmpo": "bpm", "cpil": "compilation",
    "pgap": "gapless", "pcst": "podcast", "purl": "podcasturl", "catg": "category",
    "keyw": "keywords", "tvsh": "show", "tven": "episodeid", "tves": "episode", "tvsn": "season",
    "\xa9mvn": "movementname", "\xa9mvi": "movement", "\xa9mvc": "movementtotal",
    "\xa9wrk": "work", "sosn": "showsort", "rtng": "rating", "stik": "mediatype",
    "hdvd": "hdvideo", "shwm": "showmovement", "purd": "purchasedate", "egid": "episodeguid",
    "\xa9pub": "organization", "\xa9dir": "director", "\xa9nrt": "narrator", "\xa9con": "conductor",
}  # fmt: skip
_MP4_COUNTS = {"trkn": ("tracknumber", "tracktotal"), "disk": ("discnumber", "disctotal")}
_IDLE = re.compile(
    r"iTunSMPB|iTunNORM|iTunes_CDDB_IDs|Encoding Params|cdec|encoder|software|duration|handler_name"
    r"|vendor_id|(major|minor)_(brand|version)|compatible_brands|_statistics.*|bps|number_of_.*"
    r"|device(conformancetemplate|ConformanceTemplate)|wmfsdk.*|isvbr|wm/encoding(settings|time)",
    re.IGNORECASE,
)
"""Of the program that wrote the file, or of its coding."""

_ASF = {
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
_ASF_BYTES = {1, 6}  # types of attributes: any bytes, a GUID
APE = {"track": "tracknumber", "year": "date", "disc": "discnumber"}
_MEDIA = {"track": "tracknumber", "disc": "discnumber", "album_artist": "albumartist",
          "date_recorded": "date"}  # fmt: skip
_ONLY_MEDIA = re.compile(r"com\.(apple|android)\..*|location.*|creation_time|make|model|timecode")
"""What FFmpeg finds of an MP4 file besides the tags that music has."""

_COVERS = {13: "image/jpeg", 14: "image/png"}
_FRONT = 3


class Found(Protocol):
    """What takes it: `audio.tags.Tags`."""

    notes: list[str]

    def add(self, key: str, values: Sequence[str]) -> None: ...

    def add_picture(self, kind: int, mime: str, description: str, data: bytes) -> None: ...


def from_mp4(items: Mapping[str, Any], found: Found) -> None:
    """Items as mutagen has them; ``----`` begins those that are named by words."""
    for key, values in items.items():
        if key in _MP4_COUNTS:
            for name, number in zip(_MP4_COUNTS[key], values[0], strict=False):
                if number:
                    found.add(name, [str(number)])
        elif key == "covr":
            for cover in values:
                mime = _COVERS.get(int(getattr(cover, "imageformat", 0)), "image/")
                found.add_picture(_FRONT, mime, "", bytes(cover))
        elif key.startswith("----:"):
            name = key.split(":", 2)[-1]
            if not _IDLE.fullmatch(name):
                _add_words(name, values, found)
        elif key in _MP4:
            values = values if isinstance(values, list) else [values]
            found.add(_MP4[key], [str(int(v)) if isinstance(v, bool) else str(v) for v in values])
        elif key not in ("\xa9too", "gnre", "\xa9enc"):
            found.notes.append(f"left out: {key!r} of MP4, which is not kept")


def _add_words(name: str, values: Sequence[bytes], found: Found) -> None:
    try:
        found.add(name, [bytes(value).decode("utf-8") for value in values])
    except UnicodeDecodeError:
        found.notes.append(f"left out: {name} of MP4, which is no text")


def from_asf(items: Mapping[str, Sequence[Any]], found: Found) -> None:
    """Attributes of a WMA file."""
    for key, values in items.items():
        if _IDLE.fullmatch(key):
            continue
        if key == "WM/Picture":
            for value in values:
                _add_asf_picture(bytes(value.value), found)
        elif any(v.TYPE in _ASF_BYTES for v in values):
            found.notes.append(f"left out: {key} of ASF, which is no text")
        else:
            texts = [str(int(v.value)) if isinstance(v.value, bool) else str(v) for v in values]
            texts = list(dict.fromkeys(texts))  # some programs write each in two places
            name = _ASF.get(key.lower(), key.removeprefix("WM/"))
            number, slash, total = texts[0].partition("/")
            if name in ("tracknumber", "discnumber") and slash:
                found.add(name.replace("number", "total"), [total])
                texts = [number]
            found.add(name, texts)


def _add_asf_picture(data: bytes, found: Found) -> None:
    """Kind, length, then two texts in UTF-16 that end in zeros, then the picture."""
    texts, at = [], 5
    for _ in range(2):
        end = at
        while data[end : end + 2] not in (b"\0\0", b""):
            end += 2
        texts.append(data[at:end].decode("utf-16-le", "replace"))
        at = end + 2
    found.add_picture(data[0] if data else 0, texts[0], texts[1], data[at:])


def from_ape(items: Mapping[str, Any], found: Found, names: Mapping[str, str] = APE) -> None:
    """Items of an APE tag; its pictures are a name, a zero and the data."""
    for key, value in items.items():
        if _IDLE.fullmatch(key):
            continue
        if key.lower().startswith("cover art"):
            name, _, data = bytes(value.value).partition(b"\0")
            kind = {"cover art (front)": 3, "cover art (back)": 4}.get(key.lower(), 0)
            ending = name.rpartition(b".")[2].decode("latin-1").lower()
            found.add_picture(kind, f"image/{ending.replace('jpg', 'jpeg')}", "", data)
        elif value.kind:
            found.notes.append(f"left out: {key} of APE, which is no text")
        else:
            found.add(names.get(key.lower(), key), list(value))


def from_media(file: Any, kind: Kind, found: Found, all_of_it: bool, mask: str) -> None:
    """What FFmpeg finds: chapters, channel mask, and where nobody else reads them, tags.

    Parameters
    ----------
    file : binary file object that can seek
    kind : Kind
    found : Found
    all_of_it : bool
        Whether nobody else has read its tags and pictures.
    mask : str
        Key for the channel mask.
    """
    opened = decoder(file, kind)
    try:
        about = opened.about
        for key, text in about.tags.items():
            known = not _IDLE.fullmatch(key) and (key.lower(), text) != ("language", "und")
            if known and (all_of_it or _ONLY_MEDIA.fullmatch(key)):
                found.add(_MEDIA.get(key.lower(), key.lower()), [text])
        for number, chapter in enumerate(about.chapters, 1):
            minutes, seconds = divmod(chapter.start, 60)
            hours, minutes = divmod(int(minutes), 60)
            found.add(f"CHAPTER{number:03}", [f"{hours:02}:{minutes:02}:{seconds:06.3f}"])
            if chapter.title:
                found.add(f"CHAPTER{number:03}NAME", [chapter.title])
        if number_of_mask := _mask(about):
            found.add(mask, [f"0x{number_of_mask:04X}"])
        if all_of_it:
            for mime, data in opened.pictures():
                found.add_picture(_FRONT, mime, "", data)
    finally:
        opened.close()


def _mask(about: About) -> int:
    """The channel mask; 0 if there is none, or that of any mono or stereo file."""
    mask = mask_of_layout(about.layout, about.channels)
    return 0 if mask == {1: 4, 2: 3}.get(about.channels) else mask
