"""All numbers of the Transformer over codes, read from its ONNX file.

This module knows the names that ``docs/format.md`` gives them, and nothing of what is computed with
them: that is `transformer`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import protobuf

__all__ = ["Layer", "Linear", "Parameters", "Shape", "read_parameters"]


class Shape(NamedTuple):
    """Sizes of a language model.

    Attributes
    ----------
    codebooks, size : int
        Codebooks at most, and codes of each.
    width, heads, layers : int
    key : int
        Length of a key and of a value, which all heads of a layer share.
    window : int
        Steps that attention looks back.
    """

    codebooks: int
    size: int
    width: int
    heads: int
    layers: int
    key: int
    window: int


class Linear(NamedTuple):
    """``floor((x @ weight + bias) / 2^shift)``."""

    weight: np.ndarray  # int8 [in, out]
    bias: np.ndarray  # int32 [out]
    shift: np.ndarray  # int64 [out]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        out: np.ndarray = (x @ self.weight.astype(np.int64) + self.bias) >> self.shift
        return out


class Layer(NamedTuple):
    """One layer of the Transformer."""

    qkv: Linear
    position: np.ndarray  # int32 [heads, window + 1]: added to the score, by distance
    out: Linear
    up: Linear
    down: Linear


class Parameters(NamedTuple):
    """All numbers that a language model consists of.

    Attributes
    ----------
    shape : Shape
    embedding : ndarray
        ``int8[codebooks * (size + 1), width]``: for each codebook one row per code, and one for
        no code.
    layers : list of Layer
    heads : list of Linear
        One for each codebook.
    """

    shape: Shape
    embedding: np.ndarray
    layers: list[Layer]
    heads: list[Linear]


def read_parameters(content: bytes) -> Parameters:
    """The parameters in an ``lm.onnx``, by the names that ``docs/format.md`` gives them.

    Raises
    ------
    ValueError
        If it is not such a file.
    """
    try:
        tensors = _tensors(content)
        layers: list[Layer] = []
        while f"layers.{len(layers)}.position" in tensors:
            at = f"layers.{len(layers)}."
            qkv, out, up, down = (
                _linear(tensors, at + name) for name in ("qkv", "out", "up", "down")
            )
            layers.append(Layer(qkv, tensors[at + "position"], out, up, down))
        groups: list[Linear] = []
        while f"heads.{len(groups)}.weight" in tensors:
            groups.append(_linear(tensors, f"heads.{len(groups)}"))
        embedding = tensors["embedding"]
        outputs = sum(len(group.bias) for group in groups)
        codebooks = len(embedding) - outputs  # one row more than codes for each codebook
        size = outputs // codebooks
        heads = [
            Linear(*(part[..., at : at + size] for part in group))
            for group in groups
            for at in range(0, len(group.bias), size)
        ]
        position = layers[0].position
        shape = Shape(
            codebooks=codebooks,
            size=size,
            width=embedding.shape[1],
            heads=len(position),
            layers=len(layers),
            key=embedding.shape[1] // len(position),
            window=position.shape[1] - 1,
        )
        if len(heads) != codebooks:
            raise ValueError(f"{len(heads)} heads")
    except (ArithmeticError, IndexError, KeyError, TypeError, UnicodeDecodeError) as e:
        raise ValueError(f"not a language model ({e})") from e
    return Parameters(shape, embedding, layers, heads)


def _linear(tensors: dict[str, np.ndarray], name: str) -> Linear:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    _, exponent = np.frexp(tensors[f"{name}.scale"])  # 2^-shift is 0.5 * 2^(1 - shift)
    return Linear(weight, bias, 1 - exponent.astype(np.int64))


_TYPES = {1: "<f4", 3: "<i1", 6: "<i4", 7: "<i8"}  # TensorProto.DataType


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    """The initialisers of an ONNX model."""
    tensors = {}
    (graph,) = [value for field, value in protobuf.fields(memoryview(content)) if field == 7]
    for field, value in protobuf.fields(graph):
        if field == 5:
            tensor = list(protobuf.fields(value))
            (kind,) = [v for f, v in tensor if f == 2]
            (name,) = [bytes(v).decode() for f, v in tensor if f == 8]
            raw = b"".join(bytes(v) for f, v in tensor if f == 9)
            dims = [v for f, v in tensor if f == 1]
            if kind in _TYPES and raw:
                tensors[name] = np.frombuffer(raw, _TYPES[kind]).reshape(dims)
    return tensors
