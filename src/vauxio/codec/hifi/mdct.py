"""The transform: a lapped one, with blocks of different sizes side by side (MDCT).

It is done in two steps: the samples on either side of each border are folded into each other with
the window, then each block gets a type-IV cosine transform. Both are orthogonal, so noise in the
coefficients is as strong as the noise in the samples. At a border the window is as long as the
smaller of both blocks (Edler 1989); its shape is that of Vorbis I.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

__all__ = ["dct4", "fold", "forward", "inverse", "unfold"]


def forward(samples: np.ndarray, sizes: np.ndarray, first: int, last: int) -> np.ndarray:
    """Coefficients of consecutive blocks.

    Parameters
    ----------
    samples : ndarray
        ``float64[channels, 1024 + sum(sizes) + 1024]``: the blocks' own, and those around them.
    sizes : ndarray
        ``int64[blocks]``
    first, last : int
        Sizes of the blocks before and after; 0 where there is none.

    Returns
    -------
    ndarray
        ``float64[channels, sum(sizes)]``
    """
    folded = samples.copy()
    fold(folded, _borders(sizes) + _MARGIN, _halves(sizes, first, last))
    return _transform(folded[:, _MARGIN:-_MARGIN], sizes)


def inverse(coefficients: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Samples of consecutive blocks, but for those at the outer borders, which are still folded.

    `unfold` does these, where the neighbours are there.
    """
    samples = _transform(coefficients, sizes)
    borders = _borders(sizes)[1:-1]
    unfold(samples, borders, np.minimum(sizes[:-1], sizes[1:]) // 2)
    return samples


def fold(samples: np.ndarray, borders: np.ndarray, halves: np.ndarray) -> None:
    """Fold, in place, the samples on both sides of borders: `halves` of them on each side."""
    _rotate(samples, borders, halves, 1.0)


def unfold(samples: np.ndarray, borders: np.ndarray, halves: np.ndarray) -> None:
    """Undo `fold`."""
    _rotate(samples, borders, halves, -1.0)


_MARGIN = 1024
_NEAR = 1 << 15  # samples


def _borders(sizes: np.ndarray) -> np.ndarray:
    return np.asarray(np.concatenate([[0], np.cumsum(sizes)]))


def _halves(sizes: np.ndarray, first: int, last: int) -> np.ndarray:
    around = np.concatenate([[first], sizes, [last]])
    return np.asarray(np.minimum(around[:-1], around[1:]) // 2)


def _rotate(samples: np.ndarray, borders: np.ndarray, halves: np.ndarray, sign: float) -> None:
    some = halves > 0
    for begin, size, count in _runs((borders - halves)[some], 2 * halves[some]):
        rise, fall = _window(size // 2)
        for one in samples:
            around = one[begin : begin + count * size].reshape(count, 2, size // 2)
            before, after = around[:, 0, ::-1], around[:, 1]
            turned = rise * before - sign * fall * after
            after[:] = sign * fall * before + rise * after
            before[:] = turned


def _runs(begins: np.ndarray, sizes: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Where stretches of one size touch: the first one's begin, their size and how many.

    What one run has, of one channel, stays near the processor.
    """
    if not len(sizes):
        return
    touch = (np.diff(sizes) == 0) & (np.diff(begins) == sizes[1:])
    ends = [*(np.flatnonzero(~touch) + 1).tolist(), len(sizes)]
    first = 0
    for end in ends:
        size = int(sizes[first])
        most = max(_NEAR // size, 1)
        for at in range(first, end, most):
            yield int(begins[at]), size, min(most, end - at)
        first = end


@lru_cache(16)
def _window(half: int) -> tuple[np.ndarray, np.ndarray]:
    n = (np.arange(2 * half) + 0.5) / (2 * half)
    window = np.sin(np.pi / 2 * np.sin(np.pi / 2 * n) ** 2)
    return window[half:], window[half - 1 :: -1]


def _transform(samples: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    out = np.empty_like(samples)
    for begin, size, count in _runs(_borders(sizes)[:-1], sizes):
        for one, found in zip(samples, out, strict=True):
            part = one[begin : begin + count * size].reshape(count, size)
            found[begin : begin + count * size] = dct4(part).ravel()
    return out


def dct4(x: np.ndarray) -> np.ndarray:
    """The orthonormal type-IV discrete cosine transform of the last axis, of even length.

    It is its own inverse. By a complex Fourier transform of half the length.
    """
    n = x.shape[-1]
    turn = _turn(n)
    z = np.empty((*x.shape[:-1], n // 2), complex)
    z.real, z.imag = x[..., ::2], x[..., ::-2]
    z *= turn
    z = np.fft.fft(z)
    z *= turn * np.sqrt(2 / n)
    out = np.empty_like(x)
    out[..., ::2] = z.real
    np.negative(z.imag, out=out[..., ::-2])
    return out


@lru_cache(16)
def _turn(n: int) -> np.ndarray:
    return np.asarray(np.exp(-1j * np.pi * (8 * np.arange(n // 2) + 1) / (8 * n)))
