"""Inside the encoder's graph: the vectors of its codebooks, and latents as an output.

An ONNX file is a protobuf, fields of a number, a type and a value. A reader merges two
messages of one type that follow each other. So bytes after a graph add an output to it, without a
change of the file or its hash. The package onnx is not needed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from .models import Model
from .networks import Network

__all__ = ["Vectors", "WithLatents", "vectors_of", "with_latents"]

_TYPES = {1: "<f4", 10: "<f2"}  # TensorProto.DataType
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALISER, _GRAPH_OUTPUT = 7, 1, 5, 12


@dataclass(frozen=True)
class Vectors:
    """The vectors that codes stand for.

    Attributes
    ----------
    codebooks : ndarray
        ``float32[codebooks, codebook_size, latent_dim]``
    silence : ndarray
        ``float32[latent_dim]``: what a token without any code stands for.
    """

    codebooks: np.ndarray
    silence: np.ndarray


@dataclass(frozen=True)
class WithLatents(Network):
    """An encoder with an inner value as its last output.

    Attributes
    ----------
    output : str
        The name of that value.
    """

    output: str

    def load(self) -> bytes:
        tensor = _field(1, _number(1, 1))  # of float32; ONNX Runtime finds the shape
        value = _field(1, self.output.encode()) + _field(2, tensor)
        return super().load() + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def vectors_of(model: Model) -> Vectors:
    """The vectors of a model; `ModelError` if its encoder does not show them."""
    return _read(model)[0]


def with_latents(model: Model) -> WithLatents:
    """Its encoder, with latents as one more output; `ModelError` if it does not show them."""
    encoder, name = model.encoder, _read(model)[1]
    return WithLatents(
        encoder.path, encoder.sha256, encoder.state, encoder.receptive_field, output=name
    )


@functools.lru_cache(maxsize=8)
def _read(model: Model) -> tuple[Vectors, str]:
    try:
        return _find(model)
    except (KeyError, IndexError, ValueError) as e:
        raise ModelError(f"{model.encoder.path}: its latents cannot be found in it ({e})") from e


def _find(model: Model) -> tuple[Vectors, str]:
    tensors: dict[str, memoryview] = {}
    makers: dict[str, tuple[str, list[str], memoryview]] = {}
    for field, graph in _fields(memoryview(model.encoder.load())):
        if field != _MODEL_GRAPH:
            continue
        for number, value in _fields(graph):
            if number == _GRAPH_INITIALISER:
                tensors[_text(value, 8)] = value
            elif number == _GRAPH_NODE:
                inputs = [bytes(v).decode() for n, v in _fields(value) if n == 1]
                for n, v in _fields(value):
                    if n == 2:
                        makers[bytes(v).decode()] = _text(value, 4), inputs, value
    # distortion is how far latents are from silence, then from what codes stand for.
    name = "distortion"
    for kind in ("Concat", "Unsqueeze", "ReduceSumSquare", "Sub"):
        found, inputs, _ = makers[name]
        if found != kind:
            raise ValueError(f"{name} is a {found}")
        name = inputs[0]
    silence = _constant(inputs[1], tensors, makers)
    books = [_array(tensors[f"quantiser.codebooks.{k}"]) for k in range(model.codebooks)]
    codebooks = np.stack(books).astype(np.float32)
    if codebooks.shape[1:] != (model.codebook_size, silence.size):
        raise ValueError(f"codebooks of {codebooks.shape}")
    codebooks.setflags(write=False)
    return Vectors(codebooks, silence.reshape(-1).astype(np.float32)), name


def _constant(name: str, tensors: dict[str, memoryview], makers: dict[str, Any]) -> np.ndarray:
    if name in tensors:
        return _array(tensors[name])
    kind, inputs, node = makers[name]
    if kind == "Cast":
        return _constant(inputs[0], tensors, makers)
    if kind != "Constant":
        raise ValueError(f"{name} is a {kind}")
    (attribute,) = [value for number, value in _fields(node) if number == 5]
    (tensor,) = [value for number, value in _fields(attribute) if number == 5]
    return _array(tensor)


def _array(tensor: memoryview) -> np.ndarray:
    shape, kind, raw = [], 0, memoryview(b"")
    for number, value in _fields(tensor):
        if number == 1 and isinstance(value, int):
            shape.append(value)
        elif number == 1:
            shape += list(_numbers(value))
        elif number == 2:
            kind = value
        elif number in (4, 9):  # floats by themselves, or bytes
            raw = value
    if kind not in _TYPES:
        raise ValueError(f"a tensor of type {kind}")
    return np.frombuffer(raw, _TYPES[kind]).reshape(shape)


def _text(message: memoryview, field: int) -> str:
    return next((bytes(value).decode() for n, value in _fields(message) if n == field), "")


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: an integer, or bytes."""
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
            raise ValueError("not a protobuf")
        yield key >> 3, message[at : at + size]
        at += size


def _numbers(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    return _packed(number << 3 | 2) + _packed(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _packed(number << 3) + _packed(value)


def _packed(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
