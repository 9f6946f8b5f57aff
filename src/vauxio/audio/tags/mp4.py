"""Items of MP4: tags of M4A and other MP4 files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .collection import Tags
from .keys import FRONT_COVER, is_of_the_coding

__all__ = ["from_mp4"]

_KEYS = {
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
_COUNTS = {"trkn": ("tracknumber", "tracktotal"), "disk": ("discnumber", "disctotal")}
_COVERS = {13: "image/jpeg", 14: "image/png"}


def from_mp4(items: Mapping[str, Any], found: Tags) -> None:
    """Add items as mutagen has them. Free-form keys begin with ``----``."""
    for key, values in items.items():
        if key in _COUNTS:
            for name, number in zip(_COUNTS[key], values[0], strict=False):
                if number:
                    found.add(name, [str(number)])
        elif key == "covr":
            for cover in values:
                mime = _COVERS.get(int(getattr(cover, "imageformat", 0)), "image/")
                found.add_picture(FRONT_COVER, mime, "", bytes(cover))
        elif key.startswith("----:"):
            name = key.split(":", 2)[-1]
            if not is_of_the_coding(name):
                _add_words(name, values, found)
        elif key in _KEYS:
            values = values if isinstance(values, list) else [values]
            found.add(_KEYS[key], [str(int(v)) if isinstance(v, bool) else str(v) for v in values])
        elif key not in ("\xa9too", "gnre", "\xa9enc"):
            found.notes.append(f"left out: {key!r} of MP4, which is not kept")


def _add_words(name: str, values: Sequence[bytes], found: Tags) -> None:
    try:
        found.add(name, [bytes(value).decode("utf-8") for value in values])
    except UnicodeDecodeError:
        found.notes.append(f"left out: {name} of MP4, which is no text")
