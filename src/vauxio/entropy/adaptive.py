"""The adaptive model: the codes of a block so far correct the probabilities of the next ones.

A voice, an instrument or a noise repeats some codes more often than the language model, which looks
back a few seconds, can know. Channels of a recording may be similar. Counting shows both.
``docs/format.md``, section 7.4, is the specification.

Frequencies are integers in float64, and divisions are rounded down. This is exact: no number
reaches 2^53, and then a quotient of integers cannot be rounded up to a whole one.
"""

from __future__ import annotations

import numpy as np

from .allocation import ABSENT

__all__ = ["ONE", "SPAN", "Counts", "Likeness", "likeness_of"]

ONE = 1 << 16
"""An occurrence, where occurrences are counted; and a probability of 1."""

SPAN = 16
"""Tokens after which what was expected of them counts: that late matters little and costs less."""

_LATER, _EARLIER = np.tril_indices(SPAN, -1)  # pairs of codes in a span
_LARGEST = 1 << 24  # frequency of a code, however much more often it came than was expected


class Counts:
    """How often codes came, and how often the language model expected them.

    A frequency is corrected by the ratio of both, as if either had been more at the beginning, by
    1 for the first codebook and by half of one more for each one after it: the further up, the less
    there is to what repeats. Frequencies are corrected in their place, once for each code: that
    counts as having expected it. `follow` knows the codes; after `correct` comes `saw`.

    Parameters
    ----------
    rows, codebooks, size : int
    """

    def __init__(self, rows: int, codebooks: int, size: int) -> None:
        before = ONE * (1 + np.arange(codebooks) / 2)
        self._came = np.tile(before[:, None], (rows, 1, size))
        self._expected = self._came.copy()
        self._coming = np.zeros_like(self._came)  # what was expected in this span
        self._span = np.zeros((rows, codebooks), np.intp)

    def follow(
        self, row: int, book: int, token: int, frequencies: np.ndarray, symbols: np.ndarray
    ) -> None:
        """Correct the frequencies of codes one after the other, from that token on, in one span."""
        came, expected, coming = (
            counts[row, book] for counts in (self._came, self._expected, self._coming)
        )
        if self._span[row, book] != token // SPAN:
            self._span[row, book] = token // SPAN
            expected += coming
            coming[:] = 0
        coming += _shares(frequencies).sum(axis=0)
        corrected = frequencies * came
        pairs = len(symbols) * (len(symbols) - 1) // 2
        later, earlier = _LATER[:pairs], symbols[_EARLIER[:pairs]]
        np.add.at(corrected, (later, earlier), ONE * frequencies[later, earlier])
        np.add.at(came, symbols, ONE)
        _ratio(corrected, expected, frequencies)

    def correct(
        self, row: np.ndarray, book: np.ndarray, token: np.ndarray, frequencies: np.ndarray
    ) -> None:
        """Correct the frequencies of one code each, of different rows and codebooks."""
        over = self._span[row, book] != token // SPAN
        if over.any():
            at = row[over], book[over]
            self._span[at] = token[over] // SPAN
            self._expected[at] += self._coming[at]
            self._coming[at] = 0
        self._coming[row, book] += _shares(frequencies)
        corrected = frequencies * self._came[row, book]
        _ratio(corrected, self._expected[row, book], frequencies)

    def saw(self, row: np.ndarray, book: np.ndarray, symbols: np.ndarray) -> None:
        """What the codes turned out to be that frequencies were corrected for."""
        self._came[row, book, symbols] += ONE


def _shares(frequencies: np.ndarray) -> np.ndarray:
    """Probabilities, as numbers of occurrences."""
    # The sums are fewer, and dividing them by ONE, a power of two, is exact.
    shares: np.ndarray = frequencies / (frequencies.sum(axis=1, keepdims=True) / ONE)
    np.floor(shares, out=shares)
    return shares


def _ratio(came: np.ndarray, expected: np.ndarray, out: np.ndarray) -> None:
    np.divide(came, expected, out=out)
    np.floor(out, out=out)
    if out.max(initial=0) > _LARGEST:
        np.minimum(out, _LARGEST, out=out)


class Likeness:
    """How often a channel had the same code as the channel before it.

    That is counted, and expected to go on, for each codebook, where the two have the same codes in
    all codebooks before. After `expected` comes `saw`, of the same codes.

    Parameters
    ----------
    allocation : ndarray
        ``[rows, tokens]``: how many codes there are.
    channels : int
        Rows of a block; each is compared to the row before, but for the first.
    codebooks : int
    """

    def __init__(self, allocation: np.ndarray, channels: int, codebooks: int) -> None:
        rows, _ = allocation.shape
        before = np.roll(allocation, 1, axis=0)
        before[::channels] = 0
        self._there = before  # how many codes the channel before has
        self._same = np.ones(allocation.shape, bool)
        self._counts = np.zeros((2, rows, codebooks), np.int64)  # tried, alike

    def expected(self, row: np.ndarray, book: np.ndarray, token: np.ndarray) -> np.ndarray:
        """Probability of the same code, in parts of `ONE`; 0 where nothing is expected."""
        self._tried = self._same[row, token] & (book < self._there[row, token])
        likely: np.ndarray = self._tried * _probability(*self._counts[:, row, book])
        return likely

    def saw(self, row: np.ndarray, book: np.ndarray, token: np.ndarray, same: np.ndarray) -> None:
        """Whether they were, of those that `expected` was asked about."""
        tried = self._tried
        row, book, token, same = row[tried], book[tried], token[tried], same[tried]
        self._counts[0, row, book] += 1
        self._counts[1, row, book] += same
        self._same[row, token] = same


def likeness_of(codes: np.ndarray, before: np.ndarray) -> np.ndarray:
    """What `Likeness` expects of all codes of a channel, ``[codebooks, tokens]``, at once.

    Parameters
    ----------
    codes, before : ndarray
        ``[codebooks, tokens]`` of the channel, and of the one before it.
    """
    there = (codes != ABSENT) & (before != ABSENT)
    same = there & (codes == before)
    so_far = np.logical_and.accumulate(same[:-1], axis=0)
    tried = there & np.concatenate([np.ones_like(same[:1]), so_far])
    counts = np.stack([tried, tried & same]).astype(np.int64)
    likely: np.ndarray = tried * _probability(*(counts.cumsum(axis=2) - counts))
    return likely


def _probability(tried: np.ndarray, alike: np.ndarray) -> np.ndarray:
    probability: np.ndarray = ONE * (2 * alike + 1) // (2 * tried + 2)
    return probability
