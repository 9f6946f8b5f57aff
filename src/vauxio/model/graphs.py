"""Inside the encoder's graph: the vectors of its codebooks, and latents as an output.

An ONNX file is a protobuf, whose readers merge two messages of one type that follow each other. So
bytes after a graph add an output to it, without a change of the file or its hash.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import protobuf
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
        # Of float32; ONNX Runtime finds the shape.
        tensor = protobuf.field(1, protobuf.number(1, 1))
        value = protobuf.field(1, self.output.encode()) + protobuf.field(2, tensor)
        return super().load() + protobuf.field(_MODEL_GRAPH, protobuf.field(_GRAPH_OUTPUT, value))


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
    for field, graph in protobuf.fields(memoryview(model.encoder.load())):
        if field != _MODEL_GRAPH:
            continue
        for number, value in protobuf.fields(graph):
            if number == _GRAPH_INITIALISER:
                tensors[protobuf.text(value, 8)] = value
            elif number == _GRAPH_NODE:
                inputs = [bytes(v).decode() for n, v in protobuf.fields(value) if n == 1]
                for n, v in protobuf.fields(value):
                    if n == 2:
                        makers[bytes(v).decode()] = protobuf.text(value, 4), inputs, value
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
    (attribute,) = [value for number, value in protobuf.fields(node) if number == 5]
    (tensor,) = [value for number, value in protobuf.fields(attribute) if number == 5]
    return _array(tensor)


def _array(tensor: memoryview) -> np.ndarray:
    shape, kind, raw = [], 0, memoryview(b"")
    for number, value in protobuf.fields(tensor):
        if number == 1 and isinstance(value, int):
            shape.append(value)
        elif number == 1:
            shape += list(protobuf.numbers(value))
        elif number == 2:
            kind = value
        elif number in (4, 9):  # floats by themselves, or bytes
            raw = value
    if kind not in _TYPES:
        raise ValueError(f"a tensor of type {kind}")
    return np.frombuffer(raw, _TYPES[kind]).reshape(shape)
