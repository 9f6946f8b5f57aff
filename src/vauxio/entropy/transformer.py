"""The exact integer Transformer over codes: its definition, and its fast equal.

`reference` defines every number with NumPy's int64. `Network` computes the same numbers with
ONNX Runtime, in bytes and in float32, in which integers below 2^24 are exact: whatever the order
of a sum, the width of a vector instruction or the number of threads, the result is the same
integer. A test holds the two together. ``docs/format.md`` says the same in words.

This module turns codes into scores and knows nothing of bits, blocks or files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .transformer_parameters import Parameters, Shape

__all__ = ["Network", "Steps", "decided", "delayed", "reference"]

UNIT = 32
"""Activations are integers from -127 to 127, in steps of 1/32; their mean size is set to 1."""

LARGEST = 127  # of embeddings and activations
LIMIT = 32767  # of the residual stream, in steps of 1/256
EMBEDDING_SHIFT = 3
SCORE_SHIFT = 7
SUPPORT = 127  # attention scores this far below the highest count for nothing
MASKED = -(1 << 20)  # added to the score of what must not be seen
_CHUNK = 128  # steps of all rows that are scored at once where the codes are known
_GROWTH = 16  # steps that the past is given more room for
_LEAST_CHUNK = 8  # steps of each row, however many rows there are


def delayed(codes: np.ndarray, shape: Shape) -> np.ndarray:
    """What goes into each step: the codes that the step before it decided.

    Step s decides the code of token s - k of codebook k, for every k: so each codebook sees those
    before it of the same token (the delay pattern of MusicGen, Copet et al. 2023).

    Parameters
    ----------
    codes : ndarray
        Integers ``[rows, K, T]``; negative where there is none.

    Returns
    -------
    ndarray
        ``int64[rows, T + K - 1, codebooks]``; `shape.size` stands for no code.
    """
    rows, used, tokens = codes.shape
    steps = np.full((rows, tokens + used, shape.codebooks), shape.size, np.int64)
    for k in range(used):
        steps[:, k + 1 : k + 1 + tokens, k] = codes[:, k]
    steps[steps < 0] = shape.size
    return steps[:, :-1]


def decided(there: np.ndarray) -> np.ndarray:
    """The codes that each step decides: ``bool[rows, K, T]`` to ``bool[T + K - 1, rows, K]``."""
    rows, used, tokens = there.shape
    steps = np.zeros((tokens + used - 1, rows, used), bool)
    for k in range(used):
        steps[k : k + tokens, :, k] = there[:, k].T
    return steps


def reference(parameters: Parameters, inputs: np.ndarray, codebooks: int) -> np.ndarray:
    """The scores of every code at every step, by definition.

    Parameters
    ----------
    parameters : Parameters
    inputs : ndarray
        ``int64[steps, shape.codebooks]`` as of `delayed`, of one row.
    codebooks : int
        How many codebooks are wanted.

    Returns
    -------
    ndarray
        ``int64[steps, codebooks, size]``
    """
    shape = parameters.shape
    steps = len(inputs)
    distance = np.subtract.outer(np.arange(steps), np.arange(steps))
    hidden = (distance < 0) | (distance > shape.window)
    distance[hidden] = 0
    rows = inputs + np.arange(shape.codebooks) * (shape.size + 1)
    h = parameters.embedding[rows].sum(axis=1, dtype=np.int64) << EMBEDDING_SHIFT
    for layer in parameters.layers:
        a = np.clip(layer.qkv(_normalised(h)), -LARGEST, LARGEST)
        q, k, v = np.split(a, [shape.width, shape.width + shape.key], axis=1)
        q = q.reshape(steps, shape.heads, shape.key).transpose(1, 0, 2)
        score = (q @ k.T >> SCORE_SHIFT) + layer.position[:, distance]
        score = np.where(hidden, MASKED, score)
        near = np.maximum(0, SUPPORT + score - score.max(axis=2, keepdims=True))
        weight = near * near >> 6
        mean = weight @ v // weight.sum(axis=2, keepdims=True)
        h = _limited(h + layer.out(mean.transpose(1, 0, 2).reshape(steps, shape.width)))
        a = np.clip(layer.up(_normalised(h)), 0, LARGEST)
        h = _limited(h + layer.down(a))
    a = _normalised(h)
    return np.stack([head(a) for head in parameters.heads[:codebooks]], axis=1)


def _normalised(h: np.ndarray) -> np.ndarray:
    """Brought to a mean size of one: what RMSNorm does, without a root."""
    size = np.abs(h).sum(axis=1, keepdims=True) + 1
    scaled: np.ndarray = h * (UNIT * h.shape[1]) // size
    return scaled.clip(-LARGEST, LARGEST)


def _limited(h: np.ndarray) -> np.ndarray:
    return h.clip(-LIMIT, LIMIT)


class Network:
    """A language model in ONNX Runtime.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Of ``lm.onnx``.
    parameters : Parameters
        Of the same file.
    """

    def __init__(self, session: Any, parameters: Parameters) -> None:
        self.session, self.shape = session, parameters.shape
        # By distance, the largest first: [layers, heads, window + 1].
        self._position = np.stack([layer.position for layer in parameters.layers])[..., ::-1]
        self._bias = self._chunk_bias()

    def scores(self, codes: np.ndarray) -> Iterator[list[np.ndarray]]:
        """The scores where the codes are known, step by step, many steps in a pass.

        Parameters
        ----------
        codes : ndarray
            Integers ``[rows, K, T]``; negative where there is none.

        Yields
        ------
        list of ndarray
            Of each step as `Steps.advance` gives them, of the codes that it decides and that are
            there: step s decides token s - k of codebook k.
        """
        shape, rows = self.shape, len(codes)
        inputs, there = delayed(codes, shape), decided(codes >= 0)
        past, most = self.past(rows, 1), max(_LEAST_CHUNK, _CHUNK // rows)
        for first in range(0, inputs.shape[1], most):
            chunk = inputs[:, first : first + most]
            count = chunk.shape[1]
            length = past[0][0].shape[2]
            begin, end = shape.window - length, shape.window + count
            bias = self._bias[:, : count * shape.heads, begin:end].copy()
            bias[:, :, : max(0, length - first)] = MASKED
            wanted = there[first : first + count].transpose(2, 1, 0)  # [K, rows, count]
            places = [of.reshape(-1).nonzero()[0] for of in wanted]
            scores, keys, values = self.run(chunk, places, past, bias)
            for layer in range(shape.layers):
                key, value = past[layer]
                past[layer] = (
                    np.concatenate([key, keys[layer]], axis=2)[:, :, -shape.window :],
                    np.concatenate([value, values[layer]], axis=1)[:, -shape.window :],
                )
            # What is scored of each step stands together, in the order of rows.
            ends = np.cumsum([np.bincount(at % count, minlength=count) for at in places], axis=1)
            scores = [of[(at % count).argsort(kind="stable")]
                      for of, at in zip(scores, places, strict=True)]  # fmt: skip
            begins = np.zeros(len(places), np.intp)
            for end in ends.T:
                yield [of[i:j] for of, i, j in zip(scores, begins, end, strict=True)]
                begins = end

    def past(self, rows: int, steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Room for the keys and values of so many steps, for each layer."""
        shape = self.shape
        key, value = (rows, shape.key, steps), (rows, steps, shape.key)
        return [
            (np.zeros(key, np.float32), np.zeros(value, np.float32)) for _ in range(shape.layers)
        ]

    def run(
        self,
        inputs: np.ndarray,
        wanted: list[np.ndarray],
        past: list[tuple[np.ndarray, np.ndarray]],
        bias: np.ndarray,
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Some steps: scores, keys and values; `bias` says which of the past each one sees.

        `wanted` has for each codebook where it is scored: row * steps + step, in ascending order.
        """
        layers, used = self.shape.layers, len(wanted)
        feed = {"codes": inputs}
        for i, (key, value) in enumerate(past):
            feed |= {f"past_keys_{i}": np.ascontiguousarray(key)}
            feed |= {f"past_values_{i}": np.ascontiguousarray(value), f"bias_{i}": bias[i]}
        counts = [len(at) for at in wanted] + [0] * (self.shape.codebooks - used)
        feed |= {"wanted": np.concatenate(wanted), "counts": np.array(counts, np.int64)}
        names = [f"scores_{k}" for k in range(used)]
        names += [f"keys_{i}" for i in range(layers)] + [f"values_{i}" for i in range(layers)]
        out = self.session.run(names, feed)
        return out[: -2 * layers], out[-2 * layers : -layers], out[-layers:]

    def _chunk_bias(self) -> np.ndarray:
        """Where the past is in order: ``float32[layers, chunk * heads, window + chunk]``."""
        shape = self.shape
        window = shape.window
        bias = np.full((shape.layers, _CHUNK, shape.heads, window + _CHUNK), MASKED, np.float32)
        for i in range(_CHUNK):
            bias[:, i, :, i : i + window + 1] = self._position
        return bias.reshape(shape.layers, _CHUNK * shape.heads, window + _CHUNK)


class Steps:
    """Step by step, where each step's codes come from the scores before it; many rows at once.

    Parameters
    ----------
    network : Network
    rows : int
    """

    def __init__(self, network: Network, rows: int) -> None:
        self._network = network
        shape = network.shape
        self._step = 0
        # The past is a ring: step s is at s mod window. So the bias turns with every step. As long
        # as there are fewer steps than that, there is room for not many more than there are.
        self._past = network.past(rows, min(_GROWTH, shape.window))
        position = network._position
        self._turning = np.concatenate([position[..., :-1]] * 2, axis=2).astype(np.float32)
        self._near = position[..., -1:].astype(np.float32)

    def keep(self, rows: int) -> None:
        """Go on with the first so many rows."""
        self._past = [(key[:rows], value[:rows]) for key, value in self._past]

    def advance(self, codes: np.ndarray, wanted: np.ndarray) -> list[np.ndarray]:
        """One step.

        Parameters
        ----------
        codes : ndarray
            ``int64[rows, shape.codebooks]``: what the step before decided, `shape.size` for none.
        wanted : ndarray
            ``bool[rows, codebooks]``: what is to be scored.

        Returns
        -------
        list of ndarray
            For each codebook ``float32[n, size]``, of integers, of the rows that want it.
        """
        window, room = self._network.shape.window, self._past[0][0].shape[2]
        if self._step == room < window:
            more = self._network.past(len(codes), min(_GROWTH, window - room))
            self._past = [
                (np.concatenate([key, new_key], axis=2), np.concatenate([value, new_value], axis=1))
                for (key, value), (new_key, new_value) in zip(self._past, more, strict=True)
            ]
            room = self._past[0][0].shape[2]
        at = -self._step % window
        bias = np.concatenate([self._turning[..., at : at + room], self._near], axis=2)
        bias[..., self._step : -1] = MASKED
        rows = [of.nonzero()[0] for of in wanted.T]
        scores, keys, values = self._network.run(codes[:, None], rows, self._past, bias)
        slot = self._step % window
        for (key, value), new_key, new_value in zip(self._past, keys, values, strict=True):
            key[:, :, slot] = new_key[:, :, 0]
            value[:, slot] = new_value[:, 0]
        self._step += 1
        return scores
