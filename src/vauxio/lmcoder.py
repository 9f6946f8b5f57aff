"""Codes to bits and back with the language model's probabilities.

The encoder knows a block's codes and scores them a chunk of steps at a time. The decoder has to
go step by step, so it takes many blocks through the steps together. What a block has shown so far
corrects what the language model expects of it: a voice, an instrument or a noise comes back to some
codes more often than the last few seconds tell. From scores to bits, only integers decide.
``docs/format.md`` is the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .depths import ABSENT, depths_of
from .entropy import ADAPTIVE, LM, check_codes
from .errors import FormatError
from .lm import Network, Steps
from .rangecoder import TOTAL, RangeDecoder, RangeEncoder

__all__ = ["LMCoder"]

_LEVELS = 4096  # differences of scores from here on are all the same
_AT_ONCE = 16  # rows that become distributions at once: what they take stays in the cache
_ONE = 1 << 16  # an occurrence, where occurrences are counted
_LARGEST = 1 << 24  # frequency of a code, however much more often it comes than was expected


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


# Frequencies and weights are integers in float64, and divisions are rounded down. This is exact:
# no number reaches 2^53, and then a quotient of integers cannot be rounded up to a whole one.


def frequencies(scores: np.ndarray) -> np.ndarray:
    """Scores ``float32[rows, n]``, of integers, to frequencies ``float64[rows, n]``."""
    below = np.minimum(scores.max(axis=1, keepdims=True) - scores, _LEVELS - 1)
    return _FREQUENCY.take(below.astype(np.intp))


def weights(frequencies: np.ndarray) -> np.ndarray:
    """What `entropy.range_weights` makes of frequencies ``float64[rows, n]``; in their place."""
    rows, room = np.arange(len(frequencies)), TOTAL - frequencies.shape[1]
    first, total = frequencies.argmax(axis=1), frequencies.sum(axis=1, keepdims=True)
    frequencies *= room
    frequencies /= total
    np.floor(frequencies, out=frequencies)
    frequencies[rows, first] += room - frequencies.sum(axis=1)
    return frequencies


def bounds(frequencies: np.ndarray) -> np.ndarray:
    """Frequencies, which are used up, to cumulative distributions, whose last entries are 2^24.

    ``int64[rows, n]``: C[i + 1] of ``docs/format.md``, section 8.1.
    """
    out = weights(frequencies).astype(np.int64)
    out += 1
    return out.cumsum(axis=1, out=out)


def intervals(frequencies: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Where the symbols' intervals begin and end, ``int64[2, rows]``; frequencies are used up."""
    wide, rows = weights(frequencies), np.arange(len(symbols))
    end = wide[rows, symbols] + 1
    wide *= np.arange(wide.shape[1]) < symbols[:, None]
    begin = wide.sum(axis=1) + symbols
    return np.stack([begin, begin + end]).astype(np.int64)


class History:
    """How often codes came in a block so far, and how often the language model expected them.

    A frequency is corrected by the ratio of both, as if either had been more at the beginning, by
    1 for the first codebook and by half of one more for each one after it: the further up, the less
    there is to what repeats.

    Parameters
    ----------
    rows, codebooks, size : int
    """

    def __init__(self, rows: int, codebooks: int, size: int) -> None:
        before = _ONE * (1 + np.arange(codebooks) / 2)
        self._came = np.tile(before[:, None], (rows, 1, size))
        self._expected = self._came.copy()

    def follow(self, at: tuple[int, int], frequencies: np.ndarray, symbols: np.ndarray) -> None:
        """Correct the frequencies of tokens one after the other, of a row and a codebook."""
        shares = _shares(frequencies)
        shares[symbols == ABSENT] = 0
        came, expected = self._came[at], self._expected[at]
        corrected, divisor = np.empty_like(shares), np.empty_like(shares)
        for i, symbol in enumerate(symbols.tolist()):
            corrected[i], divisor[i] = came, expected
            expected += shares[i]
            if symbol != ABSENT:
                came[symbol] += _ONE
        _correct(frequencies, corrected, divisor)

    def correct(self, at: tuple[np.ndarray, np.ndarray], frequencies: np.ndarray) -> None:
        """Correct the frequencies of one token each, of different rows and codebooks."""
        shares, expected = _shares(frequencies), self._expected[at]
        _correct(frequencies, self._came[at], expected)
        self._expected[at] = expected + shares

    def saw(self, at: tuple[np.ndarray, np.ndarray], symbols: Sequence[int]) -> None:
        """What the tokens turned out to be that frequencies were corrected for."""
        row, book = at
        self._came[row, book, symbols] += _ONE


def _shares(frequencies: np.ndarray) -> np.ndarray:
    """Probabilities, as numbers of occurrences."""
    shares = frequencies * _ONE
    shares /= frequencies.sum(axis=1, keepdims=True)
    return np.floor(shares, out=shares)


def _correct(frequencies: np.ndarray, came: np.ndarray, expected: np.ndarray) -> None:
    frequencies *= came
    frequencies /= expected
    np.floor(frequencies, out=frequencies)
    np.minimum(frequencies, _LARGEST, out=frequencies)


class LMCoder:
    """A range coder that takes its probabilities from a language model.

    Parameters
    ----------
    id : int
        `entropy.ADAPTIVE`, or `entropy.LM` for the language model alone, as files had it before.
    hash : bytes
        First 8 bytes of the SHA-256 of ``lm.onnx``.
    codebooks, codebook_size : int
        What the language model has.
    network : callable
        Gives the language model; called when it is first needed.
    """

    rows = 16  # each takes half a megabyte, and the more there are, the less each gains

    def __init__(
        self,
        id: int,
        hash: bytes,
        codebooks: int,
        codebook_size: int,
        network: Callable[[], Network],
    ) -> None:
        if id not in (LM, ADAPTIVE):
            raise ValueError(f"coder {id} has no language model")
        self.id, self.hash, self._network = id, hash, network
        self._codebooks, self._size = codebooks, codebook_size

    def encode(self, codes: np.ndarray) -> bytes:
        check_codes(codes, self._size)
        channels, used, tokens = codes.shape
        if used > self._codebooks:
            raise ValueError(f"{used} codebooks, the language model has {self._codebooks}")
        used = int(depths_of(codes).max(initial=0))  # by any token
        if not used:
            return b""
        history = self._history(channels, used)
        # Beginning and end of each symbol's interval, by step, channel and codebook.
        found = np.zeros((2, tokens + used - 1, channels, used), np.int64)
        for channel in range(channels):
            for first, scores in self._network().scores(codes[channel, :used]):
                for k in range(used):
                    begin, end = max(first, k), min(first + len(scores[k]), tokens + k)
                    for at in range(begin, end, _AT_ONCE):
                        stop = min(at + _AT_ONCE, end)
                        symbols = codes[channel, k, at - k : stop - k].astype(np.intp)
                        likely = frequencies(scores[k][at - first : stop - first])
                        if history:
                            history.follow((channel, k), likely, symbols)
                        found[:, at:stop, channel, k] = intervals(likely, symbols) * (
                            symbols != ABSENT
                        )
        low, high = found
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
        steps, history = Steps(self._network(), rows, most), self._history(rows, most)
        inputs = np.full((rows, self._codebooks), size, np.int64)
        for step in range(int(ends.max())):
            if ends[rows - 1] <= step:
                rows = int((ends > step).nonzero()[0][-1]) + 1
                steps.keep(rows)
                inputs = inputs[:rows]
            scores = np.stack(steps.advance(inputs), axis=1)
            row, book = wanted[step, :rows].nonzero()
            tables = np.empty((len(row), size), np.int64)
            for i in range(0, len(row), _AT_ONCE):
                some = row[i : i + _AT_ONCE], book[i : i + _AT_ONCE]
                likely = frequencies(scores[some])
                if history:
                    history.correct(some, likely)
                tables[i : i + _AT_ONCE] = bounds(likely)
            table = tables.reshape(-1).data
            symbols = [
                decoders[decoder].decode(table, i * size, (i + 1) * size)
                for i, decoder in enumerate((row // channels).tolist())
            ]
            if history:
                history.saw((row, book), symbols)
            inputs[:] = size
            inputs[row, book] = out[row, book, step - book] = symbols

    def _history(self, rows: int, codebooks: int) -> History | None:
        return History(rows, codebooks, self._size) if self.id == ADAPTIVE else None
