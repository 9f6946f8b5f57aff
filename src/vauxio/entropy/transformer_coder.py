"""Codes to bits and back with the language model's probabilities.

The encoder knows a block's codes and scores them a chunk of steps at a time. The decoder has to
go step by step, so it takes many blocks through the steps together. What a block has shown so far
(`adaptive`) corrects what the language model expects. From scores to bits, only integers decide.
``docs/format.md`` is the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from ..errors import FormatError
from .adaptive import ONE, SPAN, Counts, Likeness, likeness_of
from .allocation import ABSENT, allocation_of
from .coders import ADAPTIVE, LM, check_codes
from .range_coder import TOTAL, RangeDecoder, RangeEncoder
from .transformer import Network, Steps

__all__ = ["LMCoder", "least_bytes"]

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


def frequencies(scores: np.ndarray) -> np.ndarray:
    """Scores ``float32[rows, n]``, of integers, to frequencies ``float64[rows, n]``."""
    below = scores.max(axis=1, keepdims=True) - scores
    found: np.ndarray = _FREQUENCY.take(below.astype(np.intp), mode="clip")
    return found


def weights(likely: np.ndarray) -> np.ndarray:
    """What `coders.range_weights` makes of frequencies ``float64[rows, n]``; in their place.

    Exact as in `adaptive`.
    """
    rows, room = np.arange(len(likely)), TOTAL - likely.shape[1]
    first, total = likely.argmax(axis=1), likely.sum(axis=1, keepdims=True)
    likely *= room
    likely /= total
    np.floor(likely, out=likely)
    likely[rows, first] += room - likely.sum(axis=1)
    return likely


def leave_room(wide: np.ndarray, likeness: np.ndarray) -> None:
    """Take away that part of the weights, of `ONE`, for the code of the channel before."""
    wide *= (ONE - likeness)[:, None] / ONE
    np.floor(wide, out=wide)


def bounds(wide: np.ndarray) -> np.ndarray:
    """Weights to cumulative distributions: C[i + 1] of section 8.1, ``int64[rows, n]``."""
    out = wide.astype(np.int64)
    out += 1
    return out.cumsum(axis=1, out=out)


def intervals(wide: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Where the symbols' intervals begin and end, ``int64[2, rows]``."""
    flat, row = wide.reshape(-1), np.arange(len(wide)) * wide.shape[1]
    # Sums from the beginning of each row to its symbol, and from there to the next row; but of no
    # weights, that is the first one.
    before = np.add.reduceat(flat, np.stack([row, row + symbols], axis=1).reshape(-1))[::2]
    begin = np.where(symbols == 0, 0, before) + symbols
    return np.stack([begin, begin + flat[row + symbols] + 1]).astype(np.int64)


def least_bytes(allocation: np.ndarray) -> int:
    """Bytes that a payload must have, for so many codes ``[channels, tokens]``.

    A bit for every token and an eighth of one for every code: less than any sound takes. So a few
    bytes cannot ask for seconds of work. A payload that is shorter is filled up with zeros.
    """
    tokens = int(np.count_nonzero(allocation.any(axis=0)))
    codes = int(allocation.sum(dtype=np.int64))
    return -(-tokens // 8) - (-codes // 64)


class LMCoder:
    """A range coder that takes its probabilities from a language model.

    Parameters
    ----------
    id : int
        `coders.ADAPTIVE`, or `coders.LM` for the language model alone, as files had it before.
    hash : bytes
        First 8 bytes of the SHA-256 of ``lm.onnx``.
    codebooks, codebook_size : int
        What the language model has.
    network : callable
        Gives the language model; called when it is first needed.
    """

    rows = 16  # each takes less than a megabyte, and the more there are, the less each gains

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
        used = int(allocation_of(codes).max(initial=0))  # by any token
        if not used:
            return b""
        counts = self._counts(channels, used)
        # Beginning and end of each symbol's interval, by step, channel and codebook.
        found = np.zeros((2, tokens + used - 1, channels, used), np.int64)
        codes = codes.astype(np.intp)
        for channel, own in enumerate(codes):
            before = codes[channel - 1]
            likeness = likeness_of(own, before) if counts and channel else None
            for k, there, scores in _by_span(self._network().scores(own[:used])):
                symbols, likely = own[k, there], frequencies(scores)
                if counts:
                    counts.follow(channel, k, there[0], likely, symbols)
                wide = weights(likely)
                if likeness is not None:
                    leave_room(wide, likeness[k, there])
                    rest = TOTAL - self._size - wide.sum(axis=1)
                    wide[np.arange(len(there)), before[k, there]] += rest
                found[:, there + k, channel, k] = intervals(wide, symbols)
        low, high = found
        kept = high > 0
        encoder = RangeEncoder()
        encoder.encode(low[kept].tolist(), high[kept].tolist())
        return encoder.finish().ljust(least_bytes(allocation_of(codes)), b"\0")

    def decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        codebooks: int,
        allocation: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        if codebooks > self._codebooks:
            raise FormatError(f"{codebooks} codebooks, the language model has {self._codebooks}")
        decoded: list[np.ndarray] = []
        at_once = max(1, self.rows // channels)
        for first in range(0, len(blocks), at_once):
            group = slice(first, first + at_once)
            deep = None if allocation is None else allocation[group]
            decoded += self._decode(blocks[group], channels, codebooks, deep)
        return decoded

    def _decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        used: int,
        allocation: Sequence[np.ndarray] | None,
    ) -> list[np.ndarray]:
        """Blocks in lock-step: each channel of each is a row of the batch."""
        lengths = [tokens for _, tokens in blocks]
        shape = len(blocks), channels, used, max(lengths)
        deep = np.zeros((len(blocks), channels, max(lengths)), np.uint8)
        for i, tokens in enumerate(lengths):
            deep[i, :, :tokens] = used if allocation is None else allocation[i]
            if len(blocks[i][0]) < least_bytes(deep[i]):
                raise FormatError("a payload of fewer bytes than its codes must have")
        if allocation is None:
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
        steps, counts = Steps(self._network(), rows), self._counts(rows, most)
        likeness = Likeness(deep, channels, most) if counts and channels > 1 else None
        inputs = np.full((rows, self._codebooks), size, np.int64)
        for step in range(int(ends.max())):
            if ends[rows - 1] <= step:
                rows = int((ends > step).nonzero()[0][-1]) + 1
                steps.keep(rows)
                inputs = inputs[:rows]
            scores = np.concatenate(steps.advance(inputs, wanted[step, :rows]))
            book, row = wanted[step, :rows].T.nonzero()
            token = step - book
            alike = likeness.expected(row, book, token) if likeness else None
            tables = np.empty((len(row), size), np.int64)
            for i in range(0, len(row), _AT_ONCE):
                some = slice(i, i + _AT_ONCE)
                likely = frequencies(scores[some])
                if counts:
                    counts.correct(row[some], book[some], token[some], likely)
                wide = weights(likely)
                if alike is not None:
                    leave_room(wide, alike[some])
                tables[some] = bounds(wide)
            table, symbols = tables.reshape(-1).data, np.empty(len(row), np.intp)
            order = row.argsort(kind="stable")  # as payloads have them: by channel, then codebook
            at = order.tolist(), row[order].tolist(), book[order].tolist()
            for i, r, k in zip(*at, strict=True):
                if alike is not None and alike[i]:  # the room is for the code before
                    tables[i, out[r - 1, k, step - k] :] += TOTAL - tables[i, -1]
                symbol = decoders[r // channels].decode(table, i * size, (i + 1) * size)
                out[r, k, step - k] = symbols[i] = symbol
            if counts:
                counts.saw(row, book, symbols)
            if likeness:
                likeness.saw(row, book, token, out[row, book, token] == out[row - 1, book, token])
            inputs[:] = size
            inputs[row, book] = symbols

    def _counts(self, rows: int, codebooks: int) -> Counts | None:
        return Counts(rows, codebooks, self._size) if self.id == ADAPTIVE else None


def _by_span(
    chunks: Iterable[list[tuple[np.ndarray, np.ndarray]]],
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Codebook, tokens and scores of what `transformer.Network.scores` gives, by span."""
    for chunk in chunks:
        for k, (tokens, scores) in enumerate(chunk):
            begins = [0, *np.diff(tokens // SPAN).nonzero()[0] + 1, len(tokens)]
            for begin, end in pairwise(begins):
                if begin < end:
                    yield k, tokens[begin:end], scores[begin:end]
