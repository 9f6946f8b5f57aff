"""Vorbis comments, and pictures as FLAC has them: tags of FLAC, Ogg Vorbis and Opus files."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from ...container.metadata import Picture
from ...text import first_line
from ..images import size_of
from .collection import Tags
from .keys import SPELLINGS, separated

__all__ = ["from_vorbis", "to_flac", "to_ogg"]

_PICTURE = "metadata_block_picture"  # in Ogg: a FLAC picture block, in base64


def from_vorbis(items: Sequence[tuple[str, str]], found: Tags) -> None:
    """Add comments, and pictures of Ogg files."""
    from mutagen.flac import Picture as Block

    comments: dict[str, list[str]] = {}
    for key, value in items:  # in the order of the file
        comments.setdefault(key.lower(), []).append(value)
    # A key by its own name before others of the same meaning.
    for key, values in sorted(comments.items(), key=lambda item: item[0] in SPELLINGS):
        if key.lower() != _PICTURE:
            found.add(key, values)
            continue
        for value in values:
            try:
                block = Block(base64.b64decode(value))
            except Exception as e:
                found.notes.append(f"left out: a picture that cannot be read: {first_line(e)}")
            else:
                found.add_picture(block.type, block.mime, block.desc, block.data)


def to_flac(path: str, tags: Mapping[str, str], pictures: Sequence[Picture]) -> None:
    """Write tags into a FLAC file."""
    from mutagen.flac import FLAC

    file = FLAC(path)
    _comment(file, tags)
    for block in _blocks(pictures):
        file.add_picture(block)
    file.save()


def to_ogg(path: str, tags: Mapping[str, str], pictures: Sequence[Picture]) -> None:
    """Write tags into an Ogg file."""
    import mutagen
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis

    file = mutagen.File(path, [OggOpus, OggVorbis])
    assert file is not None
    _comment(file, tags)
    if pictures:
        file[_PICTURE] = [base64.b64encode(b.write()).decode() for b in _blocks(pictures)]
    file.save()


def _blocks(pictures: Sequence[Picture]) -> list[Any]:
    from mutagen.flac import Picture as Block

    blocks = []
    for picture in pictures:
        block = Block()
        block.type, block.mime = picture.kind, picture.mime
        block.desc, block.data = picture.description, picture.data
        block.width, block.height, block.depth, block.colors = size_of(picture.data)
        blocks.append(block)
    return blocks


def _comment(file: Any, tags: Mapping[str, str]) -> None:
    """Set comments. Their keys may be any of a ``.vx`` file, but without a tilde."""
    if file.tags is None:
        file.add_tags()
    for key, text in tags.items():
        file[key.replace("~", "-")] = separated(key, text)
