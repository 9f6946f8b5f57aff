"""Bit allocation: how many codes each token has.

An allocation counts the codes that each token keeps, from the first codebook on. In arrays of codes
``int32[channels, codebooks, tokens]``, `ABSENT` stands for the codes that it leaves out. A token
without codes is digital silence. `Allocation` decides, `cut` applies, and `encode_allocation` makes
bits of it, as ``docs/format.md`` specifies. This module knows nothing of files, networks or audio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from .range_coder import TOTAL, RangeDecoder, RangeEncoder

__all__ = ["ABSENT", "LEVEL", "SAID", "SPAN", "WINDOW", "Allocation", "cut", "decode_allocation",
           "allocation_of", "encode_allocation", "needs", "present", "spans_of"]  # fmt: skip

ABSENT = -1
"""In place of a code: there is none."""

SPAN = 5
"""Tokens that have the same number of codes: 67 ms of general-24k."""

WINDOW = 75 * SPAN
"""Tokens over which an average is kept: five seconds of general-24k. Blocks are whole windows, and
the encoder is given one at once, so that the allocation does not depend on where a signal is
divided."""

LEVEL = 0.1
"""Power of a span's level with which it may be further off."""

SAID = 0.25
"""Codes that it takes to say how many a span has: two bits and a half, about."""

_FIRST, _NEXT = 64, 32  # how often a difference counts as seen before it was, and when it is


@dataclass(frozen=True)
class Allocation:
    """How many codes tokens are to have.

    Attributes
    ----------
    codebooks : int
        The most that any token has.
    average : float or None
        What tokens have on average over each window at most, in codes, what it takes to say how
        many they have included; None for no such bound. Where it is `codebooks`, every token has
        that many.
    distortion : float
        Spans that are as near as this (`needs`) need no more codes.
    """

    codebooks: int
    average: float | None = None
    distortion: float = 0.0

    @classmethod
    def constant(cls, codebooks: int) -> Allocation:
        """The same for every token."""
        return cls(codebooks, codebooks)

    @classmethod
    def averaging(cls, average: float, codebooks: int, distortion: float = 0.0) -> Allocation:
        """An average, around which tokens have up to a quarter more, or two, of `codebooks`."""
        most = math.ceil(average + max(2, math.ceil(average / 4)))
        return cls(min(most, codebooks), average, distortion)

    @property
    def variable(self) -> bool:
        """Whether some codes may be absent."""
        return self.average != self.codebooks

    def choose(self, distortion: np.ndarray, spent: np.ndarray | None = None) -> np.ndarray:
        """The allocation of tokens: codes go where they are needed most.

        Parameters
        ----------
        distortion : ndarray
            As of `spans_of`, of no fewer codebooks. Windows are counted from the first token.
        spent : ndarray, optional
            Codes that each row spends on something else in every window, ``float[rows]``.

        Returns
        -------
        ndarray
            ``uint8[rows, n]``
        """
        means, lengths = spans_of(distortion)
        return np.repeat(self.spread(needs(means), lengths, spent), lengths, axis=1)

    def spread(
        self, wanted: np.ndarray, lengths: np.ndarray, spent: np.ndarray | None = None
    ) -> np.ndarray:
        """The allocation of spans, ``uint8[rows, spans]``.

        Parameters
        ----------
        wanted : ndarray
            `needs` of them, ``[rows, codebooks, spans]``.
        lengths : ndarray
            Their tokens, ``int[spans]``.
        spent : ndarray, optional
            As of `choose`.
        """
        spent = np.zeros(len(wanted)) if spent is None else spent
        wanted = wanted[:, : self.codebooks]
        given = wanted > self.distortion
        if self.average is not None:
            for at in range(0, len(lengths), WINDOW // SPAN):
                window = slice(at, at + WINDOW // SPAN)
                self._keep_average(given[..., window], wanted[..., window], lengths[window], spent)
        counts: np.ndarray = given.sum(axis=1, dtype=np.uint8)
        return counts

    def _keep_average(
        self, given: np.ndarray, wanted: np.ndarray, lengths: np.ndarray, spent: np.ndarray
    ) -> None:
        """Of a window's codes, leave the most needed that are within the average."""
        assert self.average is not None
        tokens = lengths.sum()
        budget = self.average * tokens - SAID * len(lengths)
        costs = np.broadcast_to(lengths, given.shape[1:]).ravel()
        for row, needed, other in zip(given, wanted, spent, strict=True):
            left = max(budget - other, tokens)  # 0 codes are a hole
            order = np.argsort(-needed, axis=None, kind="stable")  # of one span, in their order
            sums = costs[order].cumsum()
            row[np.unravel_index(order[sums > left], row.shape)] = False


def spans_of(distortion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of spans ``[rows, codebooks + 1, spans]``, and their tokens ``int[spans]``.

    Parameters
    ----------
    distortion : ndarray
        ``float32[rows, codebooks + 1, n]``: squared distances of tokens from what they become with
        so many codes.
    """
    begins = np.arange(0, distortion.shape[2], SPAN)
    lengths = np.diff(begins, append=distortion.shape[2])
    return np.add.reduceat(distortion, begins, axis=2) / lengths, lengths


def needs(means: np.ndarray) -> np.ndarray:
    """How much each code is needed: the distortion that spans must be allowed to do without it.

    How far a span may be off grows with the tenth root of what it is: next to equal noise
    everywhere, which is the least of all, and far from equal noise in relation to the signal, which
    is the least audible in loud parts. Allowed q, a span of distortion d without any code may have
    ``q^0.9 * d^0.1``, and if d is less than q it needs no code.

    Parameters
    ----------
    means : ndarray
        ``float32[rows, codebooks + 1, spans]``: mean distortions.

    Returns
    -------
    ndarray
        ``float64[rows, codebooks, spans]``; no code more than the one before it.
    """
    means = np.maximum(means, np.finfo(np.float32).tiny).astype(np.float64)
    allowed = (means[:, :-1] / means[:, :1] ** LEVEL) ** (1 / (1 - LEVEL))
    return np.minimum.accumulate(allowed, axis=1)


def present(counts: np.ndarray, codebooks: int) -> np.ndarray:
    """Where there are codes: counts ``[channels, n]`` to ``bool[channels, codebooks, n]``."""
    return np.arange(codebooks)[:, None] < counts[:, None]


def cut(codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Codes ``int32[channels, codebooks, n]`` that an allocation keeps, out of all."""
    return np.where(present(counts, codes.shape[1]), codes, np.int32(ABSENT))


def allocation_of(codes: np.ndarray) -> np.ndarray:
    """How many codes each token has: ``uint8[channels, n]``."""
    counts: np.ndarray = (codes != ABSENT).sum(axis=1, dtype=np.uint8)
    return counts


def encode_allocation(counts: np.ndarray, span: int, most: int) -> bytes:
    """Counts ``[channels, n]``, each the same for `span` tokens and at most `most`, to bytes.

    Raises
    ------
    ValueError
        If they are not.
    """
    firsts = counts[:, ::span]
    if counts.size and int(counts.max()) > most:
        raise ValueError(f"allocation of {counts.max()} codes: must be {most} at most")
    if not np.array_equal(np.repeat(firsts, span, axis=1)[:, : counts.shape[1]], counts):
        raise ValueError(f"the allocation changes within {span} tokens")
    encoder, differences = RangeEncoder(), _Differences(most)
    begins, ends = [], []
    for row in firsts.tolist():
        last = 0
        for count in row:
            bounds = differences.bounds(last)
            begins.append(bounds[count - 1] if count else 0)
            ends.append(bounds[count])
            differences.saw(count - last)
            last = count
    encoder.encode(begins, ends)
    return encoder.finish()


def decode_allocation(data: bytes, span: int, channels: int, tokens: int, most: int) -> np.ndarray:
    """What `encode_allocation` made: ``uint8[channels, tokens]``.

    Of damaged bytes, any counts up to `most`.

    Raises
    ------
    FormatError
        If it cannot have made them.
    """
    decoder, differences = RangeDecoder(data), _Differences(most)
    counts = np.empty((channels, -(-tokens // span)), np.uint8)
    for row in counts:
        last = 0
        for i in range(len(row)):
            count = decoder.decode(differences.bounds(last), 0, most + 1)
            differences.saw(count - last)
            row[i] = last = count
    return np.repeat(counts, span, axis=1)[:, :tokens]


class _Differences:
    """How often a count was so much larger than the last one: what the next is judged by."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts = [max(1, _FIRST >> abs(d)) for d in range(-most, most + 1)]

    def bounds(self, last: int) -> list[int]:
        """Where the interval of each count ends, after a count of `last`."""
        counts = self._counts[self._most - last : 2 * self._most - last + 1]
        room, total = TOTAL - len(counts), sum(counts)
        widths = [count * room // total + 1 for count in counts]
        widths[counts.index(max(counts))] += TOTAL - sum(widths)
        return list(accumulate(widths))

    def saw(self, difference: int) -> None:
        self._counts[self._most + difference] += _NEXT
