"""Joint stereo: the first two channels turned, band by band, so that one has most of the sound.

A main and a second channel stand for left and right::

    main   =  cos(a) left + sin(a) right
    second = -sin(a) left + cos(a) right

Each band of each frame has its own angle *a*. At 45 degrees they are sum and difference; at any
other a sound that is panned there is in the main channel alone. Turned to where they do not
correlate (van der Waal & Veldhuis, "Subband Coding of Stereophonic Digital Audio Signals", ICASSP
1991), both can be filled with noise of their own, and left and right are as loud and as alike as
they were.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .layout import FRAME, LAYOUTS, band_map

__all__ = ["ANGLES", "CONTEXTS", "choose", "turn", "walk"]

ANGLES = 32
"""In half a turn, which is all that differs by more than a sign."""

CONTEXTS = 6
"""Of angles, see `walk`."""

_MIDDLE = ANGLES // 4  # 45 degrees
_SINE = np.sin(np.pi / ANGLES * np.arange(ANGLES))
_COSINE = np.cos(np.pi / ANGLES * np.arange(ANGLES))

_CHANGE = 2.0  # bits that another angle costs, about
_OFF = 3.0  # that it is worth, if noise is twice as loud on one side as it should be
_COUNTED = 24  # coefficients of a band and frame, at most, for which an angle is worth it


def walk(
    frames: int,
    bands: int,
    code: Callable[[int, slice, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Angles of frame after frame: first of every second band, then of the ones between.

    An angle is expected to be what it was. How likely that is depends on what changed around it:
    in the frame before, or, for the ones between, in both neighbours.

    Parameters
    ----------
    frames, bands : int
    code : callable
        From a frame, a slice of bands, what is expected of them and the context of each, both
        ``int64[n]``, to what they are: coded or decoded.

    Returns
    -------
    ndarray
        ``int64[frames, bands]``
    """
    found = np.empty((frames, bands), np.int64)
    before = np.full(bands, _MIDDLE)
    changed = np.zeros(bands + 2, np.int64)  # with none on either side
    for frame in range(frames):
        contexts = np.minimum(changed[:-2] + changed[1:-1] + changed[2:], 2)
        changed = np.zeros(bands + 2, np.int64)
        for first in range(min(2, bands)):
            if first:
                contexts = 3 + changed[:-2] + changed[2:]
            place = slice(first, bands, 2)
            told = code(frame, place, before[place], contexts[place])
            found[frame, place] = told
            changed[1:-1][place] = told != before[place]
        before = found[frame]
    return found


def turn(
    found: np.ndarray, angles: np.ndarray, frames: np.ndarray, size: int, *, back: bool = False
) -> None:
    """Turn the first two channels of transform blocks of one size, in place.

    Parameters
    ----------
    found : ndarray
        ``float64[blocks, channels, coefficients]``: the first ones of each block.
    angles : ndarray
        ``int64[frames, bands]``
    frames : ndarray
        ``int64[blocks]``: the frame that each block lies in.
    size : int
        Of the blocks.
    back : bool, optional
        From main and second to left and right, instead of the other way.
    """
    band = LAYOUTS[size].band[: found.shape[2]]
    if not angles.size or not len(band):
        return
    near = np.minimum(band_map(FRAME, size), angles.shape[1] - 1)
    sine, cosine = (of[angles][frames].take(near[band], axis=1) for of in (_SINE, _COSINE))
    if back:
        sine = -sine
    first, second = found[:, 0, : len(band)], found[:, 1, : len(band)]
    found[:, 0, : len(band)], found[:, 1, : len(band)] = (
        cosine * first + sine * second,
        cosine * second - sine * first,
    )


def choose(found: np.ndarray, bands: int) -> np.ndarray:
    """The angles with which main and second channel correlate least, without needless changes.

    Where that is the same at several, as of what is diffuse, the one at which left and right are
    as loud as they were.

    Parameters
    ----------
    found : ndarray
        ``float64[2, frames, blocks, size]``: left and right, in blocks of one size.
    bands : int
        Of blocks of a frame.

    Returns
    -------
    ndarray
        ``int64[frames, bands]``
    """
    frames, blocks, size = found.shape[1:]
    if not bands or not frames:
        return np.full((frames, bands), _MIDDLE)
    edges = LAYOUTS[FRAME].edges[: bands + 1] * size // FRAME
    widths = np.maximum(np.diff(edges), 1) * blocks
    left, right = found[..., : edges[-1]]

    def power(product: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(product.sum(axis=1), edges[:-1], axis=1)
        return np.asarray((sums / widths)[..., None])

    lefts, rights, both = power(left * left), power(right * right), power(left * right)
    main = lefts * _COSINE**2 + rights * _SINE**2 + 2 * both * _SINE * _COSINE
    main, second = np.maximum(main, 0), np.maximum(lefts + rights - main, 0)
    # Both cost half a bit for each octave of power and coefficient, down to a mean square of one.
    cost = np.log2((main + 1) * (second + 1))
    cost *= np.minimum(widths, _COUNTED)[:, None] / 2
    # By how much left would be louder, and right softer, than they were if both were noise.
    left_now, right_now = (
        main * a**2 + second * b**2 for a, b in ((_COSINE, _SINE), (_SINE, _COSINE))
    )
    off = np.log2((left_now + 1) * (rights + 1) / ((right_now + 1) * (lefts + 1)))
    cost += _OFF * np.abs(off)
    return _cheapest(cost)


def _cheapest(cost: np.ndarray) -> np.ndarray:
    """The way with the least sum of costs and changes, by the Viterbi algorithm.

    ``float64[frames, bands, angles]`` to ``int64[frames, bands]``.
    """
    frames, bands, _ = cost.shape
    total = np.full((bands, ANGLES), _CHANGE)
    total[:, _MIDDLE] = 0
    stays = np.empty(cost.shape, bool)
    best = np.empty((frames, bands), np.int64)
    for frame in range(frames):
        best[frame] = total.argmin(axis=1)
        other = total.min(axis=1, keepdims=True) + _CHANGE
        stays[frame] = total <= other
        total = np.minimum(total, other) + cost[frame]
    found = np.empty((frames, bands), np.int64)
    now = total.argmin(axis=1)
    each = np.arange(bands)
    for frame in range(frames - 1, -1, -1):
        found[frame] = now
        now = np.where(stays[frame, each, now], now, best[frame])
    return found
