"""Where transform blocks and their bands lie.

Time is cut into *frames* of 2048 samples at 48 kHz, a frame into transform blocks of 2048 to 128
samples. A transform block has bands after the ear's critical bands (Zwicker 1961). All of this is
integers, so that every machine has the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["FRAME", "HIGHEST", "LAYOUTS", "SAMPLERATE", "SIZES", "Layout", "band_map"]

SAMPLERATE = 48_000
FRAME = 2048
SIZES = (2048, 1024, 512, 256, 128)
"""Samples of a transform block, and so coefficients."""

_EDGES_HZ = (0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700,
             3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500, 20000)  # fmt: skip
HIGHEST = _EDGES_HZ[-1]
"""Up to where anything is coded, in Hz."""

_LEAST = 4  # coefficients of a band


@dataclass(frozen=True, eq=False)
class Layout:
    """Bands of one size of transform block.

    Attributes
    ----------
    size : int
    edges : ndarray
        ``int64[bands + 1]``: first coefficient of each band, and the one after the last.
    bark : ndarray
        ``int64[bands]``: centres, in sixteenths of a critical band.
    band : ndarray
        ``int64[coefficients]``: the band of each coefficient below the last edge.
    far, share : ndarray
        ``int64[coefficients]``: the band whose centre is on the coefficient's other side, and how
        much of 16 its own band has.
    place : ndarray
        ``int64[coefficients]``: frequency in eighths of an octave, about; at most 96.
    """

    size: int
    edges: np.ndarray
    bark: np.ndarray
    band: np.ndarray
    far: np.ndarray
    share: np.ndarray
    place: np.ndarray

    @property
    def bands(self) -> int:
        """How many there are."""
        return len(self.bark)

    @property
    def widths(self) -> np.ndarray:
        """Coefficients of each band, ``int64[bands]``."""
        return np.diff(self.edges)

    def expand(self, values: np.ndarray) -> np.ndarray:
        """Values of the first bands, ``[..., bands]``, for each coefficient in them.

        By `take`: what an index gives lies in memory band by band, and all that follows is slow.
        """
        return values.take(self.band[: self.edges[values.shape[-1]]], axis=-1)


def _bark(numerator: int, denominator: int) -> int:
    """Sixteenths of a critical band at a frequency in Hz, given as a fraction."""
    for i in range(len(_EDGES_HZ) - 1):
        low, high = _EDGES_HZ[i], _EDGES_HZ[i + 1]
        if numerator < high * denominator:
            return 16 * i + 16 * (numerator - low * denominator) // ((high - low) * denominator)
    return 16 * (len(_EDGES_HZ) - 1)


def _layout(size: int) -> Layout:
    half = SAMPLERATE // 2
    edges = [0]
    for hertz in _EDGES_HZ[1:]:
        at = (2 * hertz * size + half) // (2 * half)
        if at - edges[-1] >= _LEAST:
            edges.append(at)
    bands = len(edges) - 1
    bark = [_bark(half * (edges[b] + edges[b + 1]), 2 * size) for b in range(bands)]
    band = np.repeat(np.arange(bands), np.diff(edges))
    k = np.arange(edges[-1])
    low, width = np.array(edges)[band], np.diff(edges)[band]
    offset = (16 * (2 * (k - low) + 1)) // (2 * width) - 8  # from the centre, in 16ths of a band
    far = np.clip(band + np.where(offset < 0, -1, 1), 0, bands - 1)
    fine = (2 * k + 1) * (FRAME // size)
    octave = np.array([int(f).bit_length() - 1 for f in fine])
    place = 8 * octave + ((fine << 3) >> octave) - 8
    return Layout(size, np.array(edges), np.array(bark), band, far, 16 - np.abs(offset), place)


LAYOUTS = {size: _layout(size) for size in SIZES}


def band_map(source: int, target: int) -> np.ndarray:
    """For each band of blocks of one size, the band of another size that lies nearest."""
    distance = np.abs(LAYOUTS[target].bark[:, None] - LAYOUTS[source].bark)
    return np.asarray(distance.argmin(axis=1))
