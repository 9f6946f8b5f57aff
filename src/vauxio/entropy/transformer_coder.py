"""Codes to bits and back with the language model's probabilities.

The encoder knows a block's codes and scores them many steps at a time. The decoder has to go step
by step, so that blocks are cut into segments (`segments`) that take the steps together. What a
block has shown so far (`adaptive`) corrects what the language model expects. From scores to bits,
only integers decide.
``docs/format.md`` is the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..errors import FormatError
from .adaptive import ONE, Counts, Likeness
from .allocation import ABSENT, allocation_of, present
from .coders import LM, check_codes
from .range_coder import TOTAL, RangeDecoder, RangeEncoder
from .segments import Segments, segment_count
from .transformer import Network, Steps, decided

__all__ = ["LMCoder", "least_bytes"]

_LEVELS = 4096  # differences of scores from here on are all the same
_AT_ONCE = 32  # codes that get distributions at once: what they take stays in the cache
_ROWS = 48  # that are decoded together, where a block has fewer


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


def frequencies(scores: np.ndarray, out: np.ndarray) -> None:
    """Scores ``float32[rows, n]``, of integers, to frequencies ``float64[rows, n]`` in `out`."""
    below = scores.max(axis=1, keepdims=True) - scores
    _FREQUENCY.take(below.astype(np.intp), out=out, mode="clip")


def weights(likely: np.ndarray) -> np.ndarray:
    """What `coders.range_weights` makes of frequencies ``float64[rows, n]``, which it uses up.

    Exact as in `adaptive`.
    """
    rows, room = np.arange(len(likely)), TOTAL - likely.shape[1]
    first, total = likely.argmax(axis=1), likely.sum(axis=1, keepdims=True)
    likely *= room
    likely /= total
    wide = likely.astype(np.int64)
    wide[rows, first] += room - wide.sum(axis=1)
    return wide


def leave_room(wide: np.ndarray, likeness: np.ndarray) -> None:
    """Take away that part of the weights, of `ONE`, for the code of the channel before."""
    wide *= (ONE - likeness)[:, None]
    wide //= ONE


def bounds(wide: np.ndarray, out: np.ndarray) -> None:
    """Weights ``int64[rows, n]`` to cumulative distributions: C[i + 1] of section 8.1."""
    wide += 1
    wide.cumsum(axis=1, out=out)


def intervals(wide: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Where the symbols' intervals begin and end, ``int64[2, rows]``."""
    flat, row = wide.reshape(-1), np.arange(len(wide)) * wide.shape[1]
    # Sums from the beginning of each row to its symbol, and from there to the next row; but of no
    # weights, that is the first one.
    places = np.empty((len(wide), 2), np.intp)
    places[:, 0], places[:, 1] = row, row + symbols
    before = np.add.reduceat(flat, places.reshape(-1))[::2]
    begin = np.where(symbols == 0, 0, before) + symbols
    return np.array([begin, begin + flat[places[:, 1]] + 1])


def least_bytes(allocation: np.ndarray) -> int:
    """Bytes that a payload must have, for so many codes ``[channels, tokens]``.

    A bit for every token and an eighth of one for every code: less than any sound takes. So a few
    bytes cannot ask for seconds of work. A payload that is shorter is filled up with zeros.
    """
    tokens = int(np.count_nonzero(allocation.any(axis=0)))
    codes = int(allocation.sum(dtype=np.int64))
    return -(-tokens // 8) - (-codes // 64)


class _Model:
    """From the scores of a step to weights, with what the steps before have shown.

    For each step, `weigh` says what is expected of its codes, and `saw` is told what they are.

    Parameters
    ----------
    segments : Segments
    codebooks, size : int
    """

    def __init__(self, segments: Segments, codebooks: int, size: int) -> None:
        self._channel, self._before = segments.channel, segments.before
        self._counts = Counts(int(self._channel[-1]) + 1, codebooks, size)
        self._likeness = None
        if self._before.max() >= 0:
            deep = segments.allocation
            self._likeness = Likeness(deep, self._channel, self._before, codebooks)
        self._rooms = np.empty((2, _AT_ONCE, size))

    def weigh(
        self, row: np.ndarray, book: np.ndarray, token: np.ndarray, scores: list[np.ndarray]
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Some weights after the other, ``int64[n, size]``, and which ones they are.

        `room` then says where they leave room for the code of the channel before.

        Parameters
        ----------
        row, book, token : ndarray
            The codes that are there, by codebook and then by row.
        scores : list of ndarray
            Of each codebook.
        """
        self._at, self._own = (row, book, token), self._channel[row]
        self.room = None
        if self._likeness:
            self.room = self._likeness.expected(row, book, token)
        every = np.concatenate(scores)
        for first in range(0, len(every), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            part = every[some]
            likely, room = self._rooms[:, : len(part)]
            frequencies(part, likely)
            self._counts.correct(self._own[some], book[some], likely, room)
            wide = weights(likely)
            if self.room is not None:
                leave_room(wide, self.room[some])
            yield some, wide

    def saw(self, symbols: np.ndarray, codes: np.ndarray) -> None:
        """The codes of the step, alone and among all, ``[rows, codebooks, tokens]``."""
        row, book, token = self._at
        self._counts.saw(self._own, book, symbols)
        if self._likeness:
            same = symbols == codes[self._before[row], book, token]
            self._likeness.saw(row, book, token, same)


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
    rows = 4  # with the segments that blocks of low bitrates have, enough for a step

    def __init__(
        self, hash: bytes, codebooks: int, codebook_size: int, network: Callable[[], Network]
    ) -> None:
        self.hash, self._network = hash, network
        self._codebooks, self._size = codebooks, codebook_size

    def encode(self, codes: np.ndarray) -> bytes:
        check_codes(codes, self._size)
        if codes.shape[1] > self._codebooks:
            raise ValueError(
                f"{codes.shape[1]} codebooks, the language model has {self._codebooks}"
            )
        deep = allocation_of(codes)
        used = int(deep.max(initial=0))  # by any token
        if not used:
            return b""
        segments = Segments([deep])
        rows = segments.divide([codes[:, :used].astype(np.intp)], ABSENT)
        there, model = decided(rows >= 0), _Model(segments, used, self._size)
        # Beginning and end of each symbol's interval, by step, row and codebook.
        found = np.empty((2, *there.shape), np.int64)
        for step, scores in enumerate(self._network().scores(rows)):
            book, row = there[step].T.nonzero()
            token = step - book
            symbols = rows[row, book, token]
            for some, wide in model.weigh(row, book, token, scores):
                at = row[some], book[some], token[some]
                if model.room is not None:
                    (tried,) = model.room[some].nonzero()
                    other = rows[segments.before[at[0]], at[1], at[2]]
                    rest = TOTAL - self._size - wide[tried].sum(axis=1)
                    wide[tried, other[tried]] += rest
                found[:, step, at[0], at[1]] = intervals(wide, symbols[some])
            model.saw(symbols, rows)
        encoder = RangeEncoder()
        low, high = found[:, there]
        encoder.encode(low.tolist(), high.tolist())
        return encoder.finish().ljust(least_bytes(deep), b"\0")

    def decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        codebooks: int,
        allocation: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        if codebooks > self._codebooks:
            raise FormatError(f"{codebooks} codebooks, the language model has {self._codebooks}")
        deep: list[np.ndarray] = []
        for i, (payload, tokens) in enumerate(blocks):
            full = np.full((channels, tokens), codebooks, np.uint8)
            deep.append(full if allocation is None else allocation[i])
            if len(payload) < least_bytes(deep[-1]):
                raise FormatError("a payload of fewer bytes than its codes must have")
        decoded: list[np.ndarray] = []
        for group in _groups(deep):
            payloads = [payload for payload, _ in blocks[group]]
            decoded += self._decode(payloads, deep[group], codebooks)
        if allocation is None:
            return [codes.astype(np.uint16) for codes in decoded]
        return decoded

    def _decode(
        self, payloads: Sequence[bytes], allocation: Sequence[np.ndarray], codebooks: int
    ) -> list[np.ndarray]:
        """Blocks in lock-step."""
        used = max(int(each.max(initial=0)) for each in allocation)
        if not used:
            return [np.full((len(x), codebooks, x.shape[1]), ABSENT, np.int32) for x in allocation]
        segments = Segments(allocation)
        out = np.full((len(segments.block), codebooks, segments.tokens), ABSENT, np.int32)
        self._fill(out, segments, used, [RangeDecoder(payload) for payload in payloads])
        return segments.join(out, [each.shape[1] for each in allocation], ABSENT)

    def _fill(
        self, out: np.ndarray, segments: Segments, used: int, decoders: list[RangeDecoder]
    ) -> None:
        """Decode into `out`, ``[rows, codebooks, tokens]``, the codes that are there."""
        size, rows = self._size, len(out)
        there = decided(present(segments.allocation, used))
        # Where each row ends: a file's last block is short, and some end in silence.
        ends = np.array([at.nonzero()[0].max(initial=-1) + 1 for at in there.any(axis=2).T])
        steps, model = Steps(self._network(), rows), _Model(segments, used, size)
        inputs = np.full((rows, self._codebooks), size, np.int64)
        for step in range(int(ends.max())):
            if ends[rows - 1] <= step:
                rows = int((ends > step).nonzero()[0][-1]) + 1
                steps.keep(rows)
                inputs = inputs[:rows]
            book, row = there[step, :rows].T.nonzero()
            token = step - book
            tables, symbols = np.empty((len(row), size), np.int64), np.empty(len(row), np.intp)
            scores = steps.advance(inputs, there[step, :rows])
            for some, wide in model.weigh(row, book, token, scores):
                bounds(wide, tables[some])
            table = tables.reshape(-1).data
            order = row.argsort(kind="stable")  # as payloads have them: by row, then by codebook
            if model.room is None:
                owner = segments.block[row[order]]
                for block, decoder in enumerate(decoders):
                    own = order[owner == block]
                    symbols[own] = decoder.decode_each(table, (own * size).tolist(), size)
                out[row, book, token] = symbols
            else:
                at = order.tolist(), row[order].tolist(), book[order].tolist()
                for i, r, k in zip(*at, strict=True):
                    if model.room[i]:  # it is for the code before
                        other = out[segments.before[r], k, step - k]
                        tables[i, other:] += TOTAL - tables[i, -1]
                    decoder = decoders[segments.block[r]]
                    symbols[i] = decoder.decode(table, i * size, (i + 1) * size)
                    out[r, k, step - k] = symbols[i]
            model.saw(symbols, out)
            inputs[:] = size
            inputs[row, book] = symbols


def _groups(allocations: Sequence[np.ndarray]) -> Iterator[slice]:
    """Blocks that are decoded together: of as many rows as make a step worthwhile."""
    first = rows = 0
    for i, deep in enumerate(allocations):
        own = int(deep.any(axis=1).sum()) * segment_count(deep)
        if first < i and rows + own > _ROWS:
            yield slice(first, i)
            first, rows = i, 0
        rows += own
    if allocations:
        yield slice(first, len(allocations))
