"""The keys of tags, and how several values become one text.

Keys are those of Vorbis comments in lower case. Keys that are not known here travel as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..channels import MASK

__all__ = [
    "FRAMES",
    "FRONT_COVER",
    "SPELLINGS",
    "is_known",
    "is_of_the_coding",
    "joined",
    "separated",
]

FRONT_COVER = 3
"""The kind of a picture, in ID3 and FLAC."""

FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "date": "TDRC",
    "originaldate": "TDOR",
    "genre": "TCON",
    "composer": "TCOM",
    "conductor": "TPE3",
    "lyricist": "TEXT",
    "subtitle": "TIT3",
    "grouping": "TIT1",
    "language": "TLAN",
    "copyright": "TCOP",
    "encodedby": "TENC",
    "encodersettings": "TSSE",
    "organization": "TPUB",
    "isrc": "TSRC",
    "bpm": "TBPM",
    "mood": "TMOO",
    "media": "TMED",
    "compilation": "TCMP",
    "artistsort": "TSOP",
    "albumsort": "TSOA",
    "albumartistsort": "TSO2",
    "titlesort": "TSOT",
    "composersort": "TSOC",
    "discsubtitle": "TSST",
    "remixer": "TPE4",
    "originalartist": "TOPE",
    "initialkey": "TKEY",
    "releasedate": "TDRL",
}
"""Known keys, with the frames of ID3v2.4 that hold their texts."""

_OTHERS = {"comment", "lyrics", "tracknumber", "tracktotal", "discnumber", "disctotal", MASK}
"""Further known keys, which ID3 keeps in frames of another kind, or not at all."""

SPELLINGS = {"totaltracks": "tracktotal", "totaldiscs": "disctotal", "unsyncedlyrics": "lyrics",
             "album artist": "albumartist"}  # fmt: skip
"""Other names of known keys."""

_OF_THE_CODING = re.compile(
    r"iTunSMPB|iTunNORM|iTunes_CDDB_IDs|Encoding Params|cdec|encoder|software|duration|handler_name"
    r"|vendor_id|(major|minor)_(brand|version)|compatible_brands|_statistics.*|bps|number_of_.*"
    r"|device(conformancetemplate|ConformanceTemplate)|wmfsdk.*|isvbr|wm/encoding(settings|time)",
    re.IGNORECASE,
)

_ONE_TEXT = {"comment", "description", "lyrics", "unsyncedlyrics"}
"""Keys whose value may have lines of its own, and so is seldom several values."""

_BETWEEN = "\x1e"  # separates values that have lines


def is_known(key: str) -> bool:
    """Whether a key, in lower case, has the same meaning everywhere."""
    return key in FRAMES or key in _OTHERS or key.startswith("replaygain_")


def is_of_the_coding(key: str) -> bool:
    """Whether MP4, ASF, APE or FFmpeg use a key for the program that wrote the file, or for how it
    was coded. Neither says anything of the recording."""
    return _OF_THE_CODING.fullmatch(key) is not None


def joined(key: str, values: Sequence[str]) -> str:
    """Values of one key as one text.

    Several values are lines. A value that has lines itself ends in one line end more, unless
    values of its key always have lines. Where that would be ambiguous, U+001E separates values.
    """
    values = [value for value in values if value.strip()]
    lines = any("\n" in value for value in values)
    if len(values) < 2:
        text = "".join(values)
        return text + "\n" if lines and key.lower() not in _ONE_TEXT else text
    return (_BETWEEN if lines or key.lower() in _ONE_TEXT else "\n").join(values)


def separated(key: str, text: str) -> list[str]:
    """The values of a text that `joined` has made."""
    if _BETWEEN in text:
        return text.split(_BETWEEN)
    if key.lower() in _ONE_TEXT:
        return [text]
    return [text[:-1]] if text.endswith("\n") else text.split("\n")
