"""Codes to bits and back with the language model's probabilities.

The encoder knows a block's codes and scores them a chunk of steps at a time. The decoder has to
go step by step, so it takes many blocks through the steps together. From scores to bits, only
integers decide. ``docs/format.md`` is the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .depths import ABSENT, depths_of
from .entropy import LM, check_codes
from .errors import FormatError
from .lm import Network, Steps
from .rangecoder import TOTAL, RangeDecoder, RangeEncoder

__all__ = ["LMCoder"]

_LEVELS = 4096  # differences of scores from here on are all the same
_AT_ONCE = 16  # rows that become distributions at once: what they take stays in the cache


def _frequencies() -> np.ndarray:
    """Frequency of a code by how far its score is below the highest: ``float64[4096]``.

    Each is 255/256 of the one before, from 2^20 down to 0.
    """
    x, table = 1 << 30, []
    for _ in range(_LEVELS):
        table.append(x >> 10)
        x -= x >> 8
    return np.array(table, np.float64)


_FREQUENCY = _frequencies()


def bounds(scores: np.ndarray) -> np.ndarray:
    """Scores to cumulative distributions, whose last entries are 2^24.

    The frequencies become what `entropy.range_weights` makes of them. The division is one of
    float64, which is exact here: no number reaches 2^53, and then a quotient of integers cannot
    be rounded up to a whole one.

    Parameters
    ----------
    scores : ndarray
        ``float32[rows, n]``, of integers.

    Returns
    -------
    ndarray
        ``int64[rows, n]``: C[i + 1] of ``docs/format.md``, section 8.1.
    """
    out = np.empty(scores.shape, np.int64)
    for at in range(0, len(scores), _AT_ONCE):
        _bounds(scores[at : at + _AT_ONCE], out[at : at + _AT_ONCE])
    return out


def _bounds(scores: np.ndarray, out: np.ndarray) -> None:
    rows, room = np.arange(len(scores)), TOTAL - scores.shape[1]
    first = scores.argmax(axis=1)
    below = np.minimum(scores[rows, first][:, None] - scores, _LEVELS - 1)
    weights = _FREQUENCY.take(below.astype(np.intp))
    total = weights.sum(axis=1, keepdims=True)
    weights *= room
    weights /= total
    np.copyto(out, weights, casting="unsafe")  # which rounds down
    out[rows, first] += room - out.sum(axis=1)
    out += 1
    out.cumsum(axis=1, out=out)


class LMCoder:
    """A range coder that takes its probabilities from a language model.

    Parameters
    ----------
    hash : bytes
        First 8 bytes of the SHA-256 of ``lm.onnx``.
    codebooks, codebook_size : int
        What the language model has.
    network : callable
        Gives the language model; called when it is first needed.
    """

    id = LM
    rows = 16  # each takes half a megabyte, and the more there are, the less each gains

    def __init__(
        self, hash: bytes, codebooks: int, codebook_size: int, network: Callable[[], Network]
    ) -> None:
        self.hash, self._network = hash, network
        self._codebooks, self._size = codebooks, codebook_size

    def encode(self, codes: np.ndarray) -> bytes:
        check_codes(codes, self._size)
        channels, used, tokens = codes.shape
        if used > self._codebooks:
            raise ValueError(f"{used} codebooks, the language model has {self._codebooks}")
        used = int(depths_of(codes).max(initial=0))  # by any token
        if not used:
            return b""
        # Beginning and end of each symbol's interval, by step, channel and codebook.
        intervals = np.zeros((2, tokens + used - 1, channels, used), np.int64)
        for channel in range(channels):
            for first, scores in self._network().scores(codes[channel, :used]):
                for k in range(used):
                    part = slice(max(0, k - first), max(0, tokens + k - first))
                    wanted = scores[k][part]
                    at = first + part.start
                    symbols = codes[channel, k, at - k : at - k + len(wanted)]
                    there = symbols != ABSENT
                    intervals[:, at : at + len(wanted), channel, k] = (
                        _intervals(wanted, symbols) * there
                    )
        low, high = intervals
        kept = high > 0
        encoder = RangeEncoder()
        encoder.encode(low[kept].tolist(), high[kept].tolist())
        return encoder.finish()

    def decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        codebooks: int,
        depths: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        if codebooks > self._codebooks:
            raise FormatError(f"{codebooks} codebooks, the language model has {self._codebooks}")
        decoded: list[np.ndarray] = []
        at_once = max(1, self.rows // channels)
        for first in range(0, len(blocks), at_once):
            group = slice(first, first + at_once)
            deep = None if depths is None else depths[group]
            decoded += self._decode(blocks[group], channels, codebooks, deep)
        return decoded

    def _decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        used: int,
        depths: Sequence[np.ndarray] | None,
    ) -> list[np.ndarray]:
        """Blocks in lock-step: each channel of each is a row of the batch."""
        lengths = [tokens for _, tokens in blocks]
        shape = len(blocks), channels, used, max(lengths)
        deep = np.zeros((len(blocks), channels, max(lengths)), np.uint8)
        for i, tokens in enumerate(lengths):
            deep[i, :, :tokens] = used if depths is None else depths[i]
        if depths is None:
            out = np.zeros(shape, np.uint16)
        else:
            out = np.full(shape, ABSENT, np.int32)
        if deep.any():
            decoders = [RangeDecoder(payload) for payload, _ in blocks]
            self._fill(out.reshape(-1, *shape[2:]), deep.reshape(-1, shape[3]), decoders)
        return [codes[..., :tokens] for codes, tokens in zip(out, lengths, strict=True)]

    def _fill(self, out: np.ndarray, deep: np.ndarray, decoders: list[RangeDecoder]) -> None:
        """Decode into `out`, ``[rows, codebooks, tokens]``, as many codes as `deep` says."""
        (rows, tokens), size, most = deep.shape, self._size, int(deep.max())
        channels = rows // len(decoders)
        # The codes that each step decides: codebook k comes k steps late.
        wanted = np.zeros((tokens + most - 1, rows, most), bool)
        for k in range(most):
            wanted[k : k + tokens, :, k] = deep.T > k
        # Where each row ends: a file's last block is short, and some end in silence.
        ends = np.array([at.nonzero()[0].max(initial=-1) + 1 for at in wanted.any(axis=2).T])
        steps = Steps(self._network(), rows, most)
        inputs = np.full((rows, self._codebooks), size, np.int64)
        for step in range(int(ends.max())):
            if ends[rows - 1] <= step:
                rows = int((ends > step).nonzero()[0][-1]) + 1
                steps.keep(rows)
                inputs = inputs[:rows]
            scores = np.stack(steps.advance(inputs), axis=1)
            row, book = wanted[step, :rows].nonzero()
            table = bounds(scores[row, book]).reshape(-1).data
            symbols = [
                decoders[decoder].decode(table, i * size, (i + 1) * size)
                for i, decoder in enumerate((row // channels).tolist())
            ]
            inputs[:] = size
            inputs[row, book] = out[row, book, step - book] = symbols


def _intervals(scores: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Where the symbols' intervals begin and end, ``[2, rows]``."""
    table, rows, symbols = bounds(scores), np.arange(len(scores)), symbols.astype(np.intp)
    begin = np.where(symbols > 0, table[rows, symbols - 1], 0)
    return np.stack([begin, table[rows, symbols]])
