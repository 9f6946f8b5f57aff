"""The elements of a ``.vx`` file: numbers, and chunks with a length and a checksum.

This module knows how a chunk is framed and never takes more memory than there are bytes to read. It
does not know what chunks mean; `reader` and `writer` do.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from ..errors import ChecksumError, FormatError, TruncatedError

__all__ = ["MAX_BODY", "Fields", "Head", "make_chunk", "number", "read_body", "read_head", "take"]

MAX_BODY = 1 << 24
"""Bytes in the body of a chunk, at most."""

_MAX_NUMBER_BYTES = 7  # 49 bits: the largest number of the format, a count of frames, has 48
_PIECE = 1 << 20  # read at a time, so that a false length takes no more memory than there are bytes


def number(value: int) -> bytes:
    """A whole number in seven bits per byte, lowest first (unsigned LEB128)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def make_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of that kind (one ASCII letter), whole."""
    if len(body) > MAX_BODY:
        raise FormatError(f"chunk {kind.decode()}: {len(body)} bytes, at most {MAX_BODY} fit")
    chunk = kind + number(len(body)) + body
    return chunk + zlib.crc32(chunk).to_bytes(4, "little")


class Head(NamedTuple):
    """The beginning of a chunk: its kind, the length of its body, and both as they are stored."""

    kind: bytes
    length: int
    raw: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole chunk."""
        return len(self.raw) + self.length + 4

    @property
    def optional(self) -> bool:
        """Whether a reader that does not know the kind may skip the chunk."""
        return self.kind.islower()


def read_head(file: Any) -> Head | None:
    """The head of the chunk that begins here; None at the end of the file."""
    kind = take(file, 1)
    if not kind:
        return None
    raw, length = kind, 0
    for shift in range(0, 28, 7):
        byte = take(file, 1)
        if not byte:
            raise TruncatedError("the file is cut off in the middle of a chunk")
        raw += byte
        length |= (byte[0] & 127) << shift
        if byte[0] < 128:
            break
    if not kind.isalpha() or length > MAX_BODY or raw != kind + number(length):
        raise ChecksumError("no chunk where one should begin; the file is damaged")
    return Head(kind, length, raw)


def read_body(file: Any, head: Head) -> bytes:
    """The body of the chunk whose head has just been read."""
    data = take(file, head.length + 4)
    if len(data) < head.length + 4:
        raise TruncatedError("the file is cut off in the middle of a chunk")
    body = data[: head.length]
    if zlib.crc32(body, zlib.crc32(head.raw)) != int.from_bytes(data[head.length :], "little"):
        raise ChecksumError("wrong checksum; the file is damaged")
    return body


def take(file: Any, count: int) -> bytes:
    """Read `count` bytes, or as many as there are before the end."""
    data = file.read(min(count, _PIECE))
    if not data or len(data) == count:
        return data or b""
    parts = [data]
    count -= len(data)
    while count and (data := file.read(min(count, _PIECE))):
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


class Fields:
    """Parse the fields of a body in order. Its checksum has been checked.

    Parameters
    ----------
    data : bytes
    what : str
        For messages: whose fields they are.

    Raises
    ------
    FormatError
        By every method, if there is no such field.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what, self._at = data, what, 0

    def number(self) -> int:
        """Parse what `number` writes; any other form of a number is refused."""
        value = 0
        for i in range(_MAX_NUMBER_BYTES):
            byte = self.byte()
            value |= (byte & 127) << 7 * i
            if byte < 128:
                if byte == 0 and i > 0:
                    break
                return value
        raise FormatError(f"{self._what}: malformed number")

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        if len(data) < count:
            raise FormatError(f"{self._what}: too short for its fields")
        self._at += count
        return data

    def text(self, count: int) -> str:
        """UTF-8 of that many bytes."""
        try:
            return self.take(count).decode()
        except UnicodeDecodeError as e:
            raise FormatError(f"{self._what}: text that is not UTF-8") from e

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.take(len(self._data) - self._at)
