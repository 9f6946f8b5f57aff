"""The transform: a lapped one, with blocks of different sizes side by side (MDCT).

It is done in two steps: the samples on either side of each border are folded into each other with
the window, then each block gets a type-IV cosine transform. Both are orthogonal, so noise in the
coefficients is as strong as the noise in the samples. At a border the window is as long as the
smaller of both blocks (Edler 1989); its shape is that of Vorbis I.
"""

from __future__ import annotations

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


def _borders(sizes: np.ndarray) -> np.ndarray:
    return np.asarray(np.concatenate([[0], np.cumsum(sizes)]))


def _halves(sizes: np.ndarray, first: int, last: int) -> np.ndarray:
    around = np.concatenate([[first], sizes, [last]])
    return np.asarray(np.minimum(around[:-1], around[1:]) // 2)


def _rotate(samples: np.ndarray, borders: np.ndarray, halves: np.ndarray, sign: float) -> None:
    for half in np.unique(halves[halves > 0]):
        rise, fall = _window(int(half))
        n = np.arange(half)
        at = borders[halves == half][:, None]
        before, after = at - 1 - n, at + n
        for one in samples:
            a, b = one[before], one[after]
            one[before] = rise * a - sign * fall * b
            one[after] = sign * fall * a + rise * b


@lru_cache(16)
def _window(half: int) -> tuple[np.ndarray, np.ndarray]:
    n = (np.arange(2 * half) + 0.5) / (2 * half)
    window = np.sin(np.pi / 2 * np.sin(np.pi / 2 * n) ** 2)
    return window[half:], window[half - 1 :: -1]


def _transform(samples: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    out = np.empty_like(samples)
    begins = _borders(sizes)[:-1]
    for size in np.unique(sizes):
        at = begins[sizes == size][:, None] + np.arange(size)
        for one, found in zip(samples, out, strict=True):  # which stay near the processor
            found[at] = dct4(one[at])
    return out


def dct4(x: np.ndarray) -> np.ndarray:
    """The orthonormal type-IV discrete cosine transform of the last axis, of even length.

    It is its own inverse. By a complex Fourier transform of half the length.
    """
    n = x.shape[-1]
    turn = _turn(n)
    z = np.fft.fft((x[..., ::2] + 1j * x[..., ::-2]) * turn) * (turn * np.sqrt(2 / n))
    out = np.empty_like(x)
    out[..., ::2] = z.real
    out[..., ::-2] = -z.imag
    return out


@lru_cache(16)
def _turn(n: int) -> np.ndarray:
    return np.asarray(np.exp(-1j * np.pi * (8 * np.arange(n // 2) + 1) / (8 * n)))
