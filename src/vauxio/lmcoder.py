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
        size, rows = self._size, len(blocks) * channels
        lengths = [tokens for _, tokens in blocks]
        if depths is None:
            out = np.zeros((len(blocks), channels, used, max(lengths)), np.uint16)
            deep = None
        else:
            out = np.full((len(blocks), channels, used, max(lengths)), ABSENT, np.int32)
            deep = [row for block in depths for row in block.tolist()]
            used = max(map(max, deep))  # by any token
            if not used:
                return [block[..., :tokens] for block, (_, tokens) in zip(out, blocks, strict=True)]
            # Where a block ends in silence, there is nothing to be decoded any more.
            lengths = [int(block.any(axis=0).nonzero()[0].max(initial=-1)) + 1 for block in depths]
        decoders = [RangeDecoder(payload) for payload, _ in blocks]
        steps = Steps(self._network(), rows, used)
        inputs = np.empty((rows, self._codebooks), np.int64)
        inputs[:] = size
        for step in range(max(lengths) + used - 1):
            # Rows at the end that have ended: a file's last block is shorter than the others.
            while lengths[len(decoders) - 1] + used - 1 <= step:
                decoders.pop()
                rows -= channels
                steps.keep(rows)
                inputs = inputs[:rows]
            scores = steps.advance(inputs)
            table = np.concatenate([bounds(s) for s in scores]).reshape(-1).data
            inputs[:] = size
            for b, decoder in enumerate(decoders):
                # Codebooks whose token at this step is one of the block's.
                begin, end = max(0, step - lengths[b] + 1), min(used, step + 1)
                for row in range(b * channels, (b + 1) * channels):
                    for k in range(begin, end):
                        if deep is not None and deep[row][step - k] <= k:
                            continue
                        at = (k * rows + row) * size
                        inputs[row, k] = symbol = decoder.decode(table, at, at + size)
                        out[b, row - b * channels, k, step - k] = symbol
        return [block[..., :tokens] for block, (_, tokens) in zip(out, blocks, strict=True)]


def _intervals(scores: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Where the symbols' intervals begin and end, ``[2, rows]``."""
    table, rows, symbols = bounds(scores), np.arange(len(scores)), symbols.astype(np.intp)
    begin = np.where(symbols > 0, table[rows, symbols - 1], 0)
    return np.stack([begin, table[rows, symbols]])
