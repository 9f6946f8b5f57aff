"""How loud left and right are in joint stereo: as levels, angles and coded differences have it.

Values and noise alone miss that: values are rounded, and noise of the main and the second channel
correlates by chance. So in each band left and right get their shares of the power back. Level
differences are what places sounds above 2 kHz (Faller and Baumgarte, "Binaural Cue Coding", IEEE
Trans. Speech Audio Process., 2003), so there a file tells by how much levels and angles are off.
This is for few bits: with many, values are nearer than levels.
"""

from __future__ import annotations

import numpy as np

from .layout import FRAME, LAYOUTS, band_map

__all__ = ["FREQUENCIES", "MOST", "bands_with", "gains", "measure", "powers"]

MOST = 6
"""The largest difference, either way, in thirds of an octave of power (1 dB)."""

FREQUENCIES = (2, 2, 4, 12, 72, 320, 1000, 320, 72, 12, 4, 2, 2)
"""How often each is told, from the least to the largest."""

_BANDS = slice(13, 20)  # of a frame, that have differences: 2 to 6.4 kHz
_LEAST_HZ = 1000  # where bands begin that are balanced; below, values tell more than levels do
_LIMIT = 2.0  # by how much a side is made louder or softer
_DEAD = 0.1  # of a step, by which a difference must be beyond the middle to be told


def bands_with(bands: int) -> slice:
    """Which of so many bands of a frame have differences."""
    return slice(*_BANDS.indices(bands))


def powers(found: np.ndarray, size: int, bands: int) -> np.ndarray:
    """Mean squares of each band of two channels, and one.

    Parameters
    ----------
    found : ndarray
        ``float64[blocks, channels, coefficients]``, in units of a 16-bit sample; the first two
        channels count.
    size : int
        Of the blocks.
    bands : int
        How many are wanted, the first ones.

    Returns
    -------
    ndarray
        ``float64[blocks, 2, bands]``. One, which nobody hears, keeps ratios of silence at one.
    """
    edges = LAYOUTS[size].edges[: bands + 1]
    both = found[:, :2, : edges[-1]]
    return np.asarray(np.add.reduceat(both * both, edges[:-1], axis=2) / np.diff(edges) + 1)


def _expected(levels: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """The same by levels ``int64[blocks, channels, bands]`` and angles ``int64[blocks, bands]``."""
    power = np.where(levels[:, :2] > 0, np.exp2((levels[:, :2] - 8) / 2), 0)
    second = np.sin(np.pi / 32 * turned)[:, None] ** 2  # the share of it that goes to the left
    return np.asarray(power * (1 - second) + power[:, ::-1] * second + 1)


def measure(
    sides: dict[int, np.ndarray],
    levels: dict[int, np.ndarray],
    angles: np.ndarray,
    frames: dict[int, np.ndarray],
) -> np.ndarray:
    """By how much more left is louder than right than levels and angles have it.

    Parameters
    ----------
    sides : dict of int to ndarray
        By size of the transform blocks: `powers` of left and right.
    levels : dict of int to ndarray
        ``int64[blocks, channels, bands]`` of main and second channel, in quarters of an octave.
    angles : ndarray
        ``int64[frames, bands]``
    frames : dict of int to ndarray
        ``int64[blocks]``: the frame that each lies in.

    Returns
    -------
    ndarray
        ``int64[frames, n]`` of the bands that have one, -`MOST` to `MOST`.
    """
    sums = np.zeros((2, 2, *angles.shape))
    for size, power in sides.items():
        bands = power.shape[2]
        near = _near(size, bands, angles)
        expected = _expected(levels[size], angles[frames[size]][:, near])
        each = np.stack([power, expected]) * LAYOUTS[size].widths[:bands]
        place = frames[size][:, None], near
        for side in range(2):
            for total, part in zip(sums[:, side], each[:, :, side], strict=True):
                np.add.at(total, place, part)
    ratio = np.log2(np.maximum(sums[:, 0], 1) / np.maximum(sums[:, 1], 1))
    off = 3 * (ratio[0] - ratio[1])[:, bands_with(angles.shape[1])]
    steps = np.sign(off) * np.floor(np.abs(off) + (0.5 - _DEAD))
    return np.asarray(np.clip(steps, -MOST, MOST).astype(np.int64))


def gains(
    found: np.ndarray,
    levels: np.ndarray,
    angles: np.ndarray,
    differences: np.ndarray,
    frames: np.ndarray,
    size: int,
) -> np.ndarray:
    """By what left and right are to be multiplied, to have their shares of the power of each band.

    Parameters
    ----------
    found : ndarray
        ``float64[blocks, channels, coefficients]``: decoded, turned back to left and right.
    levels, angles, frames
        As of `measure`, for blocks of this size.
    differences : ndarray
        As `measure` returns them.
    size : int
        Of the blocks.

    Returns
    -------
    ndarray
        ``float64[blocks, 2, coefficients]``, of the bands that there are.
    """
    layout, bands = LAYOUTS[size], levels.shape[2]
    if not bands:
        return np.ones((len(found), 2, 0))
    near = _near(size, bands, angles)
    wanted = _expected(levels, angles[frames][:, near])
    whole = np.zeros(angles.shape)
    whole[:, bands_with(angles.shape[1])] = differences
    louder = np.exp2(whole / 6)[frames][:, near]
    wanted[:, 0] *= louder
    wanted[:, 1] /= louder
    now = powers(found, size, bands)
    wanted *= (now.sum(axis=1) / wanted.sum(axis=1))[:, None]
    gain = np.clip(np.sqrt(wanted / now), 1 / _LIMIT, _LIMIT)
    gain[..., layout.edges[:bands] * 24_000 < _LEAST_HZ * size] = 1
    return np.asarray(layout.expand(gain))


def _near(size: int, bands: int, angles: np.ndarray) -> np.ndarray:
    """For each band of blocks of a size, the band of the frame that has its angle."""
    return np.asarray(np.minimum(band_map(FRAME, size)[:bands], angles.shape[1] - 1))
