"""Protobuf messages, of which ONNX files consist: fields of a number, a type and a value.

This is as much of the format as is needed to look into networks without the package onnx. It knows
nothing of what the fields mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["field", "fields", "number", "numbers", "text"]


def fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: an integer, or bytes.

    Raises
    ------
    ValueError, IndexError
        If it is not a protobuf, or is cut off.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if key & 7 == 2:
            size, at = _varint(message, at)
        elif key & 7 in (1, 5):
            size = 8 if key & 7 == 1 else 4
        else:
            raise ValueError(f"a protobuf field of type {key & 7}")
        yield key >> 3, message[at : at + size]
        at += size


def text(message: memoryview, number: int) -> str:
    """The first field of that number, as text; nothing if there is none."""
    return next((bytes(value).decode() for n, value in fields(message) if n == number), "")


def numbers(packed: memoryview) -> Iterator[int]:
    """Integers one after the other, as one field holds them."""
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return _packed(number << 3 | 2) + _packed(len(content)) + content


def number(number: int, value: int) -> bytes:
    """A field of an integer."""
    return _packed(number << 3) + _packed(value)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _packed(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
