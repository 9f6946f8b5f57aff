"""Change tags and pictures of a ``.vx`` file. Its audio stays the same, byte for byte.

This module copies chunks and knows which of them are tags and pictures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import TruncatedError
from ..fileio import Input, Output, naming
from .chunks import Head, make_chunk, read_body, read_head
from .header import parse_start
from .metadata import (
    Metadata,
    Picture,
    check_pictures,
    check_tags,
    make_picture,
    make_tags,
)

__all__ = ["retag"]


def retag(
    path: str | os.PathLike[str],
    tags: Mapping[str, str],
    pictures: Sequence[Picture] | None = None,
) -> None:
    """Give a ``.vx`` file these tags, and no others.

    The file is written anew under a temporary name; what it is called then is whole at any time.

    Parameters
    ----------
    path : path
    tags : mapping of str to str
    pictures : sequence of Picture, optional
        Those that it has, if not given.

    Raises
    ------
    FormatError
        If it is no ``.vx`` file, is damaged before its first block, or cannot carry the tags.
    OSError
        If it cannot be read or written.

    Examples
    --------
    >>> import vauxio
    >>> from vauxio.container.retag import retag
    >>> retag('speech.vx', {**vauxio.info('speech.vx').tags, 'title': 'A speech'})
    """
    check_tags(tags)
    source = Input(path)
    try:
        file = source.file
        with naming(path):
            parse_start(file)
            size = file.tell()
            file.seek(0)
            start = file.read(size)
            metadata, kept, head = _chunks(file)
        if pictures is not None:
            check_pictures(pictures)
        parts = [start]
        if tags:
            parts.append(make_chunk(b"t", make_tags(tags)))
        for picture in metadata.pictures if pictures is None else pictures:
            parts.append(make_chunk(b"p", make_picture(picture)))
        output = Output(path)
        try:
            output.file.write(b"".join([*parts, *kept, head.raw]))
            shutil.copyfileobj(file, output.file)
        except BaseException:
            output.discard()
            raise
        output.commit()
    finally:
        source.close()


def _chunks(file: Any) -> tuple[Metadata, list[bytes], Head]:
    """Read everything before the first block: metadata, other chunks, and the block's head."""
    metadata, kept = Metadata(), list[bytes]()
    while True:
        head = read_head(file)
        if head is None:
            raise TruncatedError("the file is cut off before its first block")
        if head.kind in (b"B", b"E"):
            return metadata, kept, head
        body = read_body(file, head)
        metadata.add(head, body)
        if head.kind not in (b"t", b"p"):
            kept.append(make_chunk(head.kind, body))
