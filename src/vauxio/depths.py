"""How many codes each token has, where that varies: chosen by quality, marked in codes, in bits.

The *depth* of a token is how many of its codes there are: those from the first codebook on. Codes
of which some are absent are ``int32[channels, codebooks, tokens]``, with `ABSENT` where there is
none. A token without codes is digital silence. ``docs/format.md`` is the specification of the
bits. This room knows nothing of files, networks or audio.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from .rangecoder import TOTAL, RangeDecoder, RangeEncoder

__all__ = ["ABSENT", "SPAN", "choose", "cut", "decode_depths", "depths_of", "encode_depths",
           "fewest", "present"]  # fmt: skip

ABSENT = -1
"""In place of a code: there is none."""

SPAN = 5
"""Tokens that have the same depth: 67 ms of general-24k. Blocks are whole spans, and so is what
goes through a network at once, so that depths do not depend on where a signal is divided."""

_FIRST, _NEXT = 64, 32  # how often a difference counts as seen before it was, and when it is


def choose(distortion: np.ndarray, most: float) -> np.ndarray:
    """The fewest codes with which spans of tokens are near enough.

    How far a span may be off grows with the fourth root of what it is: between equal noise
    everywhere, which is the least of all, and equal noise in relation to the signal, which is the
    least audible in loud parts.

    Parameters
    ----------
    distortion : ndarray
        ``float32[rows, codebooks + 1, n]``: squared distances of tokens from what they become with
        so many codes.
    most : float
        A distortion: spans with less without any code have none, others may have
        ``most^(3/4) * d^(1/4)``, where d is theirs without any code.

    Returns
    -------
    ndarray
        ``uint8[rows, n]``; all codebooks where they are not enough.
    """
    tokens = distortion.shape[2]
    begins = np.arange(0, tokens, SPAN)
    lengths = np.diff(begins, append=tokens)
    means = np.add.reduceat(distortion, begins, axis=2) / lengths
    return np.repeat(fewest(means, most), lengths, axis=1)


def fewest(means: np.ndarray, most: float) -> np.ndarray:
    """The rule of `choose`: depths ``uint8[rows, spans]`` of mean distortions of spans."""
    near = means**4 <= most**3 * means[:, :1]
    return np.where(near.any(axis=1), near.argmax(axis=1), means.shape[1] - 1).astype(np.uint8)


def present(depths: np.ndarray, codebooks: int) -> np.ndarray:
    """Where there are codes: depths ``[channels, n]`` to ``bool[channels, codebooks, n]``."""
    return np.arange(codebooks)[:, None] < depths[:, None]


def cut(codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Codes ``int32[channels, codebooks, n]`` of these depths, out of all."""
    return np.where(present(depths, codes.shape[1]), codes, np.int32(ABSENT))


def depths_of(codes: np.ndarray) -> np.ndarray:
    """The depth of each token: ``uint8[channels, n]``."""
    return (codes != ABSENT).sum(axis=1, dtype=np.uint8)


def encode_depths(depths: np.ndarray, span: int, most: int) -> bytes:
    """Depths ``[channels, n]``, each the same for `span` tokens and at most `most`, to bytes.

    Raises
    ------
    ValueError
        If they are not.
    """
    firsts = depths[:, ::span]
    if depths.size and int(depths.max()) > most:
        raise ValueError(f"depth {depths.max()}: must be {most} at most")
    if not np.array_equal(np.repeat(firsts, span, axis=1)[:, : depths.shape[1]], depths):
        raise ValueError(f"depths change within {span} tokens")
    encoder, differences = RangeEncoder(), _Differences(most)
    begins, ends = [], []
    for row in firsts.tolist():
        last = 0
        for depth in row:
            bounds = differences.bounds(last)
            begins.append(bounds[depth - 1] if depth else 0)
            ends.append(bounds[depth])
            differences.saw(depth - last)
            last = depth
    encoder.encode(begins, ends)
    return encoder.finish()


def decode_depths(data: bytes, span: int, channels: int, tokens: int, most: int) -> np.ndarray:
    """What `encode_depths` made: ``uint8[channels, tokens]``.

    Of damaged bytes, any depths up to `most`.

    Raises
    ------
    FormatError
        If it cannot have made them.
    """
    decoder, differences = RangeDecoder(data), _Differences(most)
    depths = np.empty((channels, -(-tokens // span)), np.uint8)
    for row in depths:
        last = 0
        for i in range(len(row)):
            depth = decoder.decode(differences.bounds(last), 0, most + 1)
            differences.saw(depth - last)
            row[i] = last = depth
    return np.repeat(depths, span, axis=1)[:, :tokens]


class _Differences:
    """How often a depth was so much larger than the last one: what the next is judged by."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts = [max(1, _FIRST >> abs(d)) for d in range(-most, most + 1)]

    def bounds(self, last: int) -> list[int]:
        """Where the interval of each depth ends, after a depth of `last`."""
        counts = self._counts[self._most - last : 2 * self._most - last + 1]
        room, total = TOTAL - len(counts), sum(counts)
        weights = [count * room // total for count in counts]
        weights[counts.index(max(counts))] += room - sum(weights)
        return list(accumulate(weight + 1 for weight in weights))

    def saw(self, difference: int) -> None:
        self._counts[self._most + difference] += _NEXT
