"""Whether a ``.vx`` file is what was written."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ..errors import ChecksumError, FormatError, TruncatedError
from ..tokens import TokenReader
from ..vauxfile import VauxFile
from .coding import PIECE

__all__ = ["check_blocks", "read_back", "verify"]


def verify(file: Any, deep: bool = False) -> float:
    """Check all checksums of a file, those of the decoded codes included.

    Parameters
    ----------
    file : path or binary file object that can seek
    deep : bool, optional
        Decode the audio, too.

    Returns
    -------
    float
        Seconds of audio.

    Raises
    ------
    FormatError
        If it is damaged, cut off, or no ``.vx`` file; it says how many blocks are.
    ModelError
        If the model that it needs is not installed.
    OSError
        If it cannot be read.
    """
    ours = isinstance(file, (str, bytes, os.PathLike))
    with open(file, "rb") if ours else contextlib.nullcontext(file) as stream:
        reader = TokenReader(stream)
        frames = check_blocks(reader)
        if deep:
            stream.seek(0)
            if read_back(stream) != frames:
                raise FormatError("decodes to another length than it should have")
        return frames / reader.header.samplerate


def check_blocks(reader: TokenReader) -> int:
    """All checksums of a file that can seek; how many frames it has."""
    damaged, first = 0, None
    size = reader.header.block_tokens
    for block in range(reader.blocks):
        try:
            reader.get(block * size, 1)
        except FormatError as e:
            damaged, first = damaged + 1, first or e
    if first is not None:
        raise ChecksumError(f"{damaged} of {reader.blocks} blocks are damaged; {first}")
    frames = reader.frames or 0
    if not reader.complete:
        seconds = frames / reader.header.samplerate
        raise TruncatedError(f"cut off: only its first {seconds:.1f} s are there")
    return frames


def read_back(file: Any) -> int:
    """Decode all of a file; how many frames that gave."""
    with VauxFile(file) as f:
        return sum(len(block) for block in f.blocks(PIECE))
