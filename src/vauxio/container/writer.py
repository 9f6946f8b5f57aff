"""Write a `.vx` file from beginning to end, never seeking."""

from __future__ import annotations

import io
from array import array
from typing import Any

from ..errors import FormatError
from .block import MAX_BLOCKS, Block, check_block
from .chunks import make_chunk, number
from .header import MAX_FRAMES, Header, make_start
from .metadata import make_foreign, make_picture, make_tags

__all__ = ["Writer"]


class Writer:
    """Write a file from beginning to end, never seeking.

    Parameters
    ----------
    file : BinaryIO
        Header, tags and pictures are written at once. Not closed.
    header : Header
    """

    def __init__(self, file: Any, header: Header) -> None:
        self._file, self._header = file, header
        self._sizes = array("Q")  # of the blocks
        self._tokens = 0
        self._closed = False
        parts = [make_start(header)]
        if header.tags:
            parts.append(make_chunk(b"t", make_tags(header.tags)))
        parts += [make_chunk(b"p", make_picture(picture)) for picture in header.pictures]
        parts += [make_chunk(b"f", make_foreign(one)) for one in header.foreign]
        self._put(b"".join(parts))

    def write(self, block: Block) -> None:
        """Append a block and flush it: from then on it can be read, whatever happens next.

        Raises
        ------
        ValueError
            If the file cannot have such a block, here or at all.
        """
        if self._closed:
            raise ValueError("write to closed Writer")
        if self._tokens % self._header.block_tokens:
            raise ValueError("a block that is not full must be the last")
        if len(self._sizes) == MAX_BLOCKS:
            raise FormatError(f"too long: more than {MAX_BLOCKS} blocks; write several files")
        check_block(block, self._header, "block to write")
        varies = self._header.allocation_tokens
        chunk = make_chunk(
            b"B",
            number(block.tokens)
            + bytes([block.coder])
            + block.codes_crc.to_bytes(4, "little")
            + (number(len(block.allocation)) + block.allocation if varies else b"")
            + (number(len(block.levels)) + block.levels if self._header.bands else b"")
            + (number(len(block.stereo)) + block.stereo if self._header.stereo_tokens else b"")
            + block.payload,
        )
        self._put(chunk)
        self._sizes.append(len(chunk))
        self._tokens += block.tokens

    def close(self, frames: int) -> None:
        """Write the end: the length of the recording in frames, and the index.

        Raises
        ------
        ValueError
            If the header has another length, or if it was called before.
        """
        if self._closed:
            raise ValueError("Writer is closed already")
        if self._header.frames not in (None, frames):
            raise ValueError(f"{frames} frames, but the header says {self._header.frames}")
        if not 0 <= frames <= MAX_FRAMES:
            raise FormatError(f"frames of {frames}: must be 0 to {MAX_FRAMES}")
        body = b"".join(map(number, (frames, self._tokens, *self._sizes)))
        # The chunk's own size is its last field, so that it can be found from the file's end.
        size = len(make_chunk(b"E", body + bytes(4)))
        self._put(make_chunk(b"E", body + size.to_bytes(4, "little")))
        self._closed = True

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:  # an unbuffered file may write fewer bytes than it is given
            taken = self._file.write(view)
            if taken is None and isinstance(self._file, io.RawIOBase):
                raise BlockingIOError("the output does not block; vauxio needs one that does")
            view = view[len(view) if taken is None else taken :]
        if hasattr(self._file, "flush"):
            self._file.flush()
