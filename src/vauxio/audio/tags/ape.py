"""APE: tags of Monkey's Audio and WavPack files, and of MP3 files with APE tags behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .collection import Tags
from .keys import SPELLINGS, is_of_the_coding

__all__ = ["from_ape", "from_ape_behind"]

_KEYS = {"track": "tracknumber", "year": "date", "disc": "discnumber"}


def from_ape(items: Mapping[str, Any], found: Tags, names: Mapping[str, str] = _KEYS) -> None:
    """Add the items of an APE tag, as mutagen has them.

    A picture is a file name, a zero byte and the data.

    Parameters
    ----------
    items : mapping
    found : Tags
    names : mapping of str to str, optional
        Keys in lower case to the names that they get.
    """
    for key, value in items.items():
        if is_of_the_coding(key):
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


def from_ape_behind(file: Any, found: Tags) -> None:
    """Add the tags that some programs put behind an MP3 file; what ID3 says comes first."""
    from mutagen.apev2 import APEv2

    try:
        items = APEv2(file)
    except Exception:  # there is none, or it is damaged
        return
    there = {key.lower() for key in found.tags}
    names = {key.lower(): SPELLINGS.get(key.lower(), _KEYS.get(key.lower(), key)) for key in items}
    rest = {key: value for key, value in items.items() if names[key.lower()].lower() not in there}
    from_ape(rest, found, names)
