"""The end chunk of a file: the length of the recording, and the index of the blocks."""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import NamedTuple

from ..errors import FormatError
from .block import MAX_BLOCKS
from .chunks import Fields, Head, read_body, read_head, take
from .header import Header
from .source import Source

__all__ = ["End", "find_end", "parse_end"]


class End(NamedTuple):
    """What the end chunk says."""

    frames: int
    tokens: int
    offsets: array[int]  # of the blocks, and of the end chunk itself


def find_end(source: Source, header: Header) -> End | None:
    """The end chunk of a seekable file, if the file ends with one that fits its length."""
    begin, size = source.at, source.size()
    source.seek(max(begin, size - 8))
    length = int.from_bytes(take(source, 4), "little")
    offset = size - length
    if offset < begin:
        return None
    source.seek(offset)
    try:
        head = read_head(source)
        if head is None or head.kind != b"E" or head.size != length:
            return None
        end = parse_end(read_body(source, head), head, offset, header)
    except FormatError:
        return None  # walking tells what is wrong, and gets at the blocks before it
    return end if end.offsets[0] >= begin else None


def parse_end(body: bytes, head: Head, offset: int, header: Header) -> End:
    """The end chunk that lies at `offset`."""
    fields = Fields(body[:-4], "end")
    if int.from_bytes(body[-4:], "little") != head.size:
        raise FormatError("end: does not say its own size")
    frames, tokens = fields.number(), fields.number()
    blocks = -(-tokens // header.block_tokens)
    if blocks > min(MAX_BLOCKS, len(body)):
        raise FormatError(f"end: {tokens} tokens, more than the index has blocks for")
    if header.frames not in (None, frames):
        raise FormatError(f"end: {frames} frames, but {header.frames} in the header")
    sizes = [fields.number() for _ in range(blocks)]
    if 0 in sizes:
        raise FormatError("end: a block of no bytes")
    first = offset - sum(sizes)
    if first < 0:
        raise FormatError("end: blocks larger than the file")
    return End(frames, tokens, array("Q", accumulate(sizes, initial=first)))
