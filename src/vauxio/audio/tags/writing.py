"""Write tags into a recording that has none yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ...container.metadata import Foreign, Picture
from ..channels import MASK, mask_of
from ..foreign import put_back
from .id3 import to_id3
from .vorbis import to_flac, to_ogg

__all__ = ["write_tags"]


def write_tags(
    path: str | os.PathLike[str],
    format: str,
    tags: Mapping[str, str],
    pictures: Sequence[Picture] = (),
    foreign: Sequence[Foreign] = (),
) -> list[str]:
    """Give a recording its tags and pictures, and what came from one of its own format.

    Parameters
    ----------
    path : path
    format : str
        As soundfile names it: WAV, FLAC, OGG, MP3, AIFF, ...
    tags : mapping of str to str
    pictures : sequence of Picture, optional
    foreign : sequence of Foreign, optional

    Returns
    -------
    list of str
        What had to be left out, and why.
    """
    notes = put_back(path, format, foreign) if foreign else []
    if format == "WAV" and MASK in tags:
        _set_mask(path, tags[MASK])
        tags = {key: text for key, text in tags.items() if key != MASK}
    if not tags and not pictures:
        return notes
    writers: dict[str, Callable[..., None]] = {
        "FLAC": to_flac, "OGG": to_ogg, "MP3": partial(to_id3, "MP3"),
        "WAV": partial(to_id3, "WAV"), "AIFF": partial(to_id3, "AIFF"),
    }  # fmt: skip
    if format not in writers:
        return [
            *notes, f"left out: {len(tags)} tags, {len(pictures)} pictures: {format} has no room"
        ]  # fmt: skip
    writers[format](os.fspath(path), tags, pictures)
    return notes


def _set_mask(path: str | os.PathLike[str], text: str) -> None:
    """Set the channel mask of a WAV file that has room for one."""
    with open(path, "r+b") as file:
        start = file.read(44)
        if start[12:16] == b"fmt " and start[20:22] == b"\xfe\xff":
            mask = mask_of(text, int.from_bytes(start[22:24], "little"))
            if mask is not None:
                file.seek(40)
                file.write(mask.to_bytes(4, "little"))
