"""The adaptive model: the codes of a block so far correct the probabilities of the next ones.

A voice, an instrument or a noise repeats some codes more often than the language model, which looks
back a few seconds, can know. Channels of a recording may be similar. Counting shows both. The
segments of a channel are coded side by side and counted together: each learns from all.
``docs/format.md``, section 7.4, is the specification.

Frequencies are integers in float64, and divisions are rounded down. This is exact: no number
reaches 2^53, and then a quotient of integers cannot be rounded up to a whole one.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ONE", "Counts", "Likeness"]

ONE = 1 << 16
"""An occurrence, where occurrences are counted; and a probability or a ratio of 1."""

_LARGEST = 1 << 24  # ratio, however much more often a code came than was expected


class Counts:
    """How often codes came, and how often the language model expected them.

    A frequency is corrected by the ratio of both, as if either had been more at the beginning, by
    1 for the first codebook and by half of one more for each one after it: the further up, the less
    there is to what repeats. All codes of a step are corrected by the ratio of earlier steps: `saw`
    ends the step.

    Parameters
    ----------
    channels, codebooks, size : int
    """

    def __init__(self, channels: int, codebooks: int, size: int) -> None:
        before = np.repeat(ONE * (1 + np.arange(codebooks) / 2), channels)
        self._channels = channels
        self._came = np.tile(before[:, None], (1, size))  # [codebooks * channels, size]
        self._expected = self._came.copy()
        self._ratio = np.ones_like(self._came)

    def correct(
        self, channel: np.ndarray, book: np.ndarray, frequencies: np.ndarray, room: np.ndarray
    ) -> None:
        """Correct the frequencies of codes of a step in their place.

        Parameters
        ----------
        channel, book : ndarray
            Of each, by codebook and then by channel.
        frequencies : ndarray
            ``float64[n, size]``
        room : ndarray
            Of the same shape, to be used.
        """
        place = book * self._channels + channel
        firsts = _firsts(place)
        # The sums are fewer, and dividing them by ONE, a power of two, is exact.
        np.divide(frequencies, frequencies.sum(axis=1, keepdims=True) / ONE, out=room)
        np.floor(room, out=room)
        # Sums of integers below 2^53 are exact in any order, and NumPy's reduceat is slow.
        own = place[firsts]
        self._expected[own] += (own[:, None] == place).astype(np.float64) @ room
        frequencies *= self._ratio.take(place, axis=0, out=room, mode="clip")
        np.floor(frequencies, out=frequencies)

    def saw(self, channel: np.ndarray, book: np.ndarray, symbols: np.ndarray) -> None:
        """What all codes of the step turned out to be."""
        place = book * self._channels + channel
        np.add.at(self._came, (place, symbols), ONE)
        changed = place[_firsts(place)]
        ratio = self._came[changed]
        ratio *= ONE
        ratio /= self._expected[changed]
        np.floor(ratio, out=ratio)
        np.minimum(ratio, _LARGEST, out=ratio)
        ratio /= ONE  # in units of 1, so that nothing is left to do for each code
        self._ratio[changed] = ratio


def _firsts(place: np.ndarray) -> np.ndarray:
    """Where each run of equal numbers begins."""
    begins = np.ones(len(place), bool)
    np.not_equal(place[1:], place[:-1], out=begins[1:])
    return begins.nonzero()[0]


class Likeness:
    """How often a channel had the same code as the channel before it.

    That is counted, and expected to go on, for each codebook, where the two have the same codes in
    all codebooks before. After `expected` comes `saw`, of the same codes.

    Parameters
    ----------
    allocation : ndarray
        ``uint8[rows, tokens]``: how many codes there are.
    channel : ndarray
        ``int[rows]``: the channel that a row is a segment of.
    before : ndarray
        ``int[rows]``: the row of the same segment in the channel before; -1 for none.
    codebooks : int
    """

    def __init__(
        self, allocation: np.ndarray, channel: np.ndarray, before: np.ndarray, codebooks: int
    ) -> None:
        # How many codes the channel before has.
        self._there = np.where(before[:, None] < 0, 0, allocation[before])
        self._same = np.ones(allocation.shape, bool)
        self._channel = channel
        self._counts = np.zeros((2, int(channel.max()) + 1, codebooks), np.int64)  # tried, alike

    def expected(self, row: np.ndarray, book: np.ndarray, token: np.ndarray) -> np.ndarray:
        """Probability of the same code, in parts of `ONE`; 0 where nothing is expected."""
        self._tried = self._same[row, token] & (book < self._there[row, token])
        tried, alike = self._counts[:, self._channel[row], book]
        likely: np.ndarray = self._tried * (ONE * (2 * alike + 1) // (2 * tried + 2))
        return likely

    def saw(self, row: np.ndarray, book: np.ndarray, token: np.ndarray, same: np.ndarray) -> None:
        """Whether they were, of those that `expected` was asked about."""
        tried = self._tried
        row, book, token, same = row[tried], book[tried], token[tried], same[tried]
        np.add.at(self._counts[0], (self._channel[row], book), 1)
        np.add.at(self._counts[1], (self._channel[row], book), same)
        self._same[row, token] = same
