"""Read a `.vx` file: with seeking where the file can, else as it comes.

A block's payload is bytes here; whether it is well formed is for the entropy coder to say.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..errors import ChecksumError, FormatError, TruncatedError, UnsupportedError
from .block import MAX_BLOCKS, Block, parse_block
from .chunks import Head, read_body, read_head
from .header import parse_start
from .index import End, find_end, parse_end
from .metadata import Metadata
from .source import Source

__all__ = ["Reader"]


class Reader:
    """Read a file: any block of a seekable one, one block after the other of any.

    Iterating gives the blocks in order. A damaged one raises `ChecksumError`, and the next step
    goes on with the block after it; a file that is cut off raises `TruncatedError` in the end.

    Parameters
    ----------
    file : BinaryIO
        Positioned at the first byte of the ``.vx`` file. Not closed.
    strict : bool, optional
        False: leave out tags and pictures that are damaged, if what follows can be found.

    Attributes
    ----------
    header : Header
    seekable : bool
        Whether `read` can be used.
    fault : FormatError or None
        Why there is nothing more after the last block, in a file that has not its end.
    lost : FormatError or None
        What is wrong with tags or pictures, if not `strict`.
    complete : bool
        Whether the file's end is there and right. From a pipe, False until it has been read.
    frames : int or None
        Length of the recording; None where that is not known: cut off, or a pipe before its end.
    tokens : int
        How many there are; from a pipe, how many have been read. Of a file that is cut off, those
        of whole blocks.
    size : int
        In bytes, up to the file's end: what comes after it is no part of it. Where there is no end,
        all there is; from a pipe, what has been read.
    ignored : int
        Bytes after the file's end; 0 from a pipe.

    Raises
    ------
    FormatError
        If it is not a ``.vx`` file, needs a newer vauxio, or is damaged before its first block. A
        file that is cut off anywhere behind its header can be opened.
    """

    def __init__(self, file: Any, strict: bool = True) -> None:
        self._source = source = Source(file)
        self._strict = strict
        self.lost: FormatError | None = None
        self.seekable = source.seekable
        self.header = header = parse_start(source)
        self.frames = header.frames
        self.tokens = 0
        self.complete = False
        self._offsets = array("Q")  # of the blocks
        self._stop = 0  # where the last block ends, at the latest
        self._last_tokens: int | None = None  # in the last block read from a pipe; None: damaged
        self._max_body = 8 + header.packed_size(header.block_tokens)
        if header.allocation_tokens:
            self._max_body += 4 + header.allocation_size(header.block_tokens)
        if header.bands:
            self._max_body += 4 + header.levels_size(header.block_tokens)
        if header.stereo_tokens:
            self._max_body += 4 + header.stereo_size(header.block_tokens)
        self._size: int | None = None  # of a complete file
        self._fault: FormatError | None = None  # why there is nothing after the last block
        self._head: Head | None = None  # of the next chunk, where that has been read already
        end = None
        if self.seekable:
            begin = source.at
            end = find_end(source, header)
            source.seek(begin)
        metadata = Metadata()
        try:
            self._read_metadata(metadata, end.offsets[0] if end else None)
        except TruncatedError as e:
            if end:  # it has its end, so nothing is cut off
                raise ChecksumError("damaged before the first block") from e
            self._fault = e
        self.header = replace(
            header, tags=metadata.tags or {}, pictures=tuple(metadata.pictures),
            foreign=tuple(metadata.foreign),
        )  # fmt: skip
        if self._fault:
            return
        if end and self._head is None:
            self._accept(end, source.size())
        elif self.seekable:
            self._walk()

    @property
    def fault(self) -> FormatError | None:
        return self._fault

    @property
    def blocks(self) -> int:
        """The number of blocks, counted like `tokens`."""
        return len(self._offsets)

    @property
    def size(self) -> int:
        if self._size is not None:
            return self._size
        return self._source.size() if self.seekable else self._source.at

    @property
    def ignored(self) -> int:
        return self._source.size() - self.size if self.seekable else 0

    def __iter__(self) -> Iterator[Block]:
        return _Blocks(self)

    def read(self, index: int) -> Block:
        """The block of that number, from a seekable file.

        Raises
        ------
        ChecksumError
            If it is damaged.
        IndexError
            If there is no such block.
        """
        if not self.seekable:
            raise io.UnsupportedOperation("blocks of a pipe can only be read in order")
        if not 0 <= index < self.blocks:
            raise IndexError(f"block {index}: there are {self.blocks}")
        block = self._load(index)
        left = self.tokens - index * self.header.block_tokens
        if block.tokens != min(left, self.header.block_tokens):
            raise FormatError(f"block {index}: {block.tokens} tokens, not as many as the end says")
        return block

    def _load(self, index: int) -> Block:
        source, offset = self._source, self._offsets[index]
        stop = self._offsets[index + 1] if index + 1 < self.blocks else self._stop
        source.seek(offset)
        try:
            head = read_head(source)
            if head is None or head.kind != b"B" or head.size > stop - offset:
                raise ChecksumError("not where the index says; the file is damaged")
            body = read_body(source, head)
            if self._strict:
                self._check_gap(stop)
        except (ChecksumError, TruncatedError) as e:
            raise type(e)(f"block {index}: {e}") from e
        return parse_block(body, self.header, f"block {index}")

    def _check_gap(self, stop: int) -> None:
        """After a block, up to where the next begins, there may be optional chunks only.

        A reader of a pipe would decode a block there, or take an end there for that of the file.
        """
        source = self._source
        while source.at < stop:
            head = read_head(source)
            if head is None or source.at + head.length + 4 > stop or not head.optional:
                raise FormatError("the index is not that of the blocks")
            read_body(source, head)

    def _take(self, index: int) -> Block | None:
        """The next step of an iteration; None at the end."""
        if not self.seekable:
            return self._take_next()
        if index < self.blocks:
            return self.read(index)
        if self._fault:
            raise self._fault
        return None

    def _take_next(self) -> Block | None:
        """The next block of a pipe; None at the end."""
        if self._fault:
            raise self._fault
        if self.complete:
            return None
        body, damage = b"", None
        try:
            head = self._next_block()
            if head is None:
                return None
            offset = self._source.at - len(head.raw)
            try:
                body = read_body(self._source, head)
            except ChecksumError as e:
                damage = e
        except FormatError as e:
            self._fault = e  # after this, nothing says where blocks begin
            raise
        index, full = self.blocks, self.header.block_tokens
        self._offsets.append(offset)
        self.tokens = self.blocks * full
        self._last_tokens = None
        if damage:
            raise ChecksumError(f"block {index}: {damage}") from damage
        block = parse_block(body, self.header, f"block {index}")
        self._last_tokens = block.tokens
        self.tokens -= full - block.tokens
        return block

    def _walk(self) -> None:
        """Find the blocks of a seekable file that has no usable index."""
        source, size = self._source, self._source.size()
        try:
            while head := self._next_block():
                stop = source.at + head.length + 4
                if stop > size:
                    raise TruncatedError("the file is cut off in the middle of a block")
                self._offsets.append(source.at - len(head.raw))
                self._stop = stop
                source.seek(stop)
        except (TruncatedError, ChecksumError) as e:
            self._fault = e
        if self.complete or not self._offsets:
            return
        self.tokens = self.blocks * self.header.block_tokens
        try:
            last = self._load(self.blocks - 1)
        except FormatError:
            if self._strict and not isinstance(self._fault, TruncatedError):
                self._stop = self._offsets.pop()  # perhaps its length is wrong
                self.tokens -= self.header.block_tokens
            return  # otherwise raised when that block is asked for
        self.tokens -= self.header.block_tokens - last.tokens

    def _next_block(self) -> Head | None:
        """Go on to the next block. At the end, check the end chunk and return None."""
        while True:
            head, self._head = self._head or read_head(self._source), None
            if head is None:
                raise TruncatedError("the file is cut off: its end is missing")
            if head.kind == b"B":
                if head.length > self._max_body:
                    raise ChecksumError("impossible length of a block; the file is damaged")
                if self._last_tokens not in (None, self.header.block_tokens):
                    raise FormatError(f"block {self.blocks - 1}: not full, and not the last")
                if self.blocks == MAX_BLOCKS:
                    raise FormatError(f"more than {MAX_BLOCKS} blocks")
                return head
            offset = self._source.at - len(head.raw)
            try:
                body = read_body(self._source, head)
            except ChecksumError as e:
                raise ChecksumError(f"index: {e}" if head.kind == b"E" else str(e)) from e
            if head.kind == b"E":
                end = parse_end(body, head, offset, self.header)
                known = self._last_tokens is not None
                if end.offsets[:-1] != self._offsets or (known and end.tokens != self.tokens):
                    raise FormatError("the index is not that of the blocks")
                self._accept(end, self._source.at)
                return None
            if not head.optional:
                raise UnsupportedError(
                    f"chunk {head.kind.decode()!r} is unknown here: update vauxio"
                )

    def _read_metadata(self, metadata: Metadata, stop: int | None) -> None:
        """What comes before the first block, which begins at `stop` if that is known.

        The head of a chunk that is not metadata is left in `_head`.
        """
        source = self._source
        while source.at != stop:
            head = None
            try:
                head = read_head(source)
                if head is None:
                    raise TruncatedError("the file is cut off before its first block")
                if head.kind in (b"B", b"E"):
                    if stop is not None and not self._strict:
                        at = source.at
                        read_body(source, head)  # whole: the end is that of another file after it
                        source.seek(at)
                    self._head = head
                    break
                metadata.add(head, read_body(source, head))
            except FormatError as e:
                if isinstance(e, ChecksumError):
                    e = ChecksumError(f"before the first block: {e}")
                can_go_on = stop is not None or (head and not isinstance(e, TruncatedError))
                if self._strict or isinstance(e, UnsupportedError) or not can_go_on:
                    raise e from None
                self.lost = e
                if stop is not None and (head is None or head.kind in b"BE" or source.at > stop):
                    source.seek(stop)

    def _accept(self, end: End, size: int) -> None:
        self.frames, self.tokens = end.frames, end.tokens
        self._offsets, self._stop = end.offsets[:-1], end.offsets[-1]
        self._size, self.complete = size, True


class _Blocks(Iterator[Block]):
    """An iterator that continues after a damaged block."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._index, self._over = reader, 0, False

    def __next__(self) -> Block:
        if self._over:
            raise StopIteration
        self._index += 1
        try:
            block = self._reader._take(self._index - 1)
        except Exception as e:
            self._over = not isinstance(e, ChecksumError) or e is self._reader._fault
            raise
        if block is None:
            self._over = True
            raise StopIteration
        return block
