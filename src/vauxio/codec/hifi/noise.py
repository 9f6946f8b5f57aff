"""Noise filling: noise in place of coefficients that were rounded to zero, as strong as they were.

It is computed in floating point, so decoders differ by rounding. No decoded value depends on it.
"""

from __future__ import annotations

import numpy as np

from . import copies
from .layout import Layout
from .mdct import dct4

__all__ = ["fill", "uniform"]

_LEAST_HZ = 5000  # from here on empty bands get nearly all of their level

_VOICE_HZ = 1000, 4400  # where the envelope of a voice is taken from
_PULSES_HZ = 2300  # from here on noise follows it
_LONG = 512  # coefficients of a block that is long enough for more than one pulse
_SPAN = 32  # samples whose power is one point of the envelope
_SECOND = 0.85  # of the noise of a second channel, where sides are balanced, or all is too wide
_FLOOR = 0.02  # of the mean power, that is added to it
_MOST = 4.0, 1.4
"""By how much noise that follows the envelope, and high bands in the end, are made louder."""


def uniform(places: np.ndarray) -> np.ndarray:
    """Pseudo-random numbers in [-1, 1), a hash of places, ``uint32`` of any shape."""
    x = places * np.uint32(0x9E3779B1)
    for _ in range(2):
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x45D9F3B)
    x ^= x >> np.uint32(16)
    return np.asarray(x / 2**31 - 1)


def fill(
    values: np.ndarray,
    levels: np.ndarray,
    logs: np.ndarray,
    layout: Layout,
    places: np.ndarray,
    *,
    noisy: bool = False,
    copied: int = 0,
    balanced: bool = False,
) -> np.ndarray:
    """Coefficients from rounded ones, with noise where these are zero.

    Parameters
    ----------
    values : ndarray
        ``int64[blocks, channels, coefficients]``: of the bands that there are.
    levels, logs : ndarray
        ``int64[blocks, channels, bands]``: quarters of an octave; steps of `steps.steps`.
    layout : Layout
    places : ndarray
        ``int64[blocks]``: where noise begins, for the hash.
    noisy : bool, optional
        Whether noise is that of speech: more of it in bands with few values, a level that goes
        from that of one band to that of the next, the pulses of the voice, and high bands as loud
        as they were. In music the gaps between partials must stay empty.
    copied : int, optional
        The share of copies in the noise of speech, see `copies`.
    balanced : bool, optional
        Whether the first two channels are a main and a second one whose sides will be balanced.

    Returns
    -------
    ndarray
        ``float64[blocks, channels, coefficients]``, where 1 is a sample of 2^-15.
    """
    bands = levels.shape[2]
    if not bands:
        return np.zeros(values.shape)
    edges, widths = layout.edges[:bands], layout.widths[:bands]
    step = np.exp2(logs / 64)
    # Towards zero by a little: magnitudes are rarer the larger they are.
    magnitude = np.abs(values)
    out = np.sign(values) * np.where(magnitude == 1, 0.97, magnitude - 0.015) * layout.expand(step)
    zero = magnitude == 0
    zeros = np.add.reduceat(zero, edges, axis=2, dtype=np.int64)
    coded = np.add.reduceat(out * out, edges, axis=2)
    energy = np.where(levels > 0, np.exp2((levels - 8) / 2), 0) * widths
    rest = np.sqrt(np.maximum(energy - coded, 0) / np.maximum(zeros, 1))
    high = edges * 24_000 >= _LEAST_HZ * layout.size
    empty = np.minimum(rest, 0.5 * step) * np.where(high | noisy, 0.9, 0.63)
    share = zeros / widths
    if noisy:
        few = share**8
        most, part = 0.3 + 0.3 * few, 0.64 + 0.16 * few
    else:  # where there are many values, noise is an error as large as what it stands for
        most, part = np.minimum(0.3, 0.375 * share**2), 0.8
    partly = np.minimum(rest, most * step) * part
    strength = np.where(zeros == widths, empty, partly)
    if balanced:
        strength[:, 1] *= _SECOND
    level = layout.expand(strength)
    inside = np.arange(values[0].size).reshape(values.shape[1:])
    noise = uniform((places[:, None, None] + inside).astype(np.uint32))
    if not noisy:
        return np.asarray(np.where(zero, np.sqrt(3) * level * noise, out))
    # All as loud as each other: by chance no part of a band is louder than the rest.
    noise = np.copysign(level, noise) * zero
    noise *= _between_bands(levels, layout)
    noise = copies.mix(noise, out, layout, copied)
    if layout.size >= _LONG:
        noise = _in_pulses(noise, out, zero, layout, edges)
    out += noise
    now = np.add.reduceat(out * out, edges, axis=2)
    louder = np.clip(np.sqrt(energy / np.maximum(now, 1e-12)), 1 / _MOST[1], _MOST[1])
    return np.asarray(out * layout.expand(np.where(high, louder, 1)))


def _in_pulses(
    noise: np.ndarray, voice: np.ndarray, zero: np.ndarray, layout: Layout, edges: np.ndarray
) -> np.ndarray:
    """The same noise, louder where in time the values that were coded are: in pulses of the voice.

    A voice has its noise in its pulses (Klatt and Klatt 1990). The root of the envelope is half of
    the way: half of the noise is steady.
    """
    count = noise.shape[2]
    hertz = (np.arange(count) + 0.5) * 24_000 / layout.size
    low, end = np.searchsorted(hertz, _VOICE_HZ)
    begins = edges * 24_000 >= _PULSES_HZ * layout.size
    if not begins.any():
        return noise
    first = int(edges[begins.argmax()])
    whole = np.zeros((*noise.shape[:2], layout.size))
    whole[..., low:end] = voice[..., low:end]
    gain = _envelope(dct4(whole))
    whole[..., low:end] = 0
    whole[..., first:count] = noise[..., first:]
    shaped = dct4(dct4(whole) * gain)[..., :count]
    shaped[..., :first] = noise[..., :first]
    shaped *= zero
    before, after = (np.add.reduceat(x * x, edges, axis=2) for x in (noise, shaped))
    back = np.minimum(np.sqrt(before / np.maximum(after, 1e-12)), _MOST[0])
    return np.asarray(shaped * layout.expand(back))


def _envelope(samples: np.ndarray) -> np.ndarray:
    """The fourth root of the power, over its mean; of ``float64[..., n]`` the same shape."""
    count = samples.shape[-1] // _SPAN
    power = (samples * samples).reshape(*samples.shape[:-1], count, _SPAN).mean(axis=-1)
    mean = power.mean(axis=-1, keepdims=True) + 1e-9
    points = ((power / mean + _FLOOR) / (1 + _FLOOR)) ** 0.25
    points = np.concatenate([points[..., :1], points, points[..., -1:]], axis=-1)
    share = (np.arange(_SPAN) + 0.5) / _SPAN  # on lines between the middles of spans
    lines = points[..., :-1, None] * (1 - share) + points[..., 1:, None] * share
    lines = lines.reshape(*samples.shape[:-1], -1)
    return np.asarray(lines[..., _SPAN // 2 : -(_SPAN // 2)])


def _between_bands(levels: np.ndarray, layout: Layout) -> np.ndarray:
    """By how much noise is stronger or weaker than on average over its band, at most twice."""
    bands = levels.shape[2]
    far = np.minimum(layout.far[: layout.edges[bands]], bands - 1)
    rise = (levels.take(far, axis=-1) - layout.expand(levels)) * (16 - layout.share[: len(far)])
    slope = np.exp2(rise / 64)
    mean = np.add.reduceat(slope * slope, layout.edges[:bands], axis=2) / layout.widths[:bands]
    return np.asarray(np.minimum(slope / layout.expand(np.sqrt(mean)), 2))
