"""Where sounds are between the loudspeakers, and how wide: what a codec keeps of it.

Two cues of spatial hearing are compared, band by band: the level difference of the channels and
their coherence (Faller & Baumgarte, "Binaural Cue Coding", IEEE Trans. Speech Audio Process.,
2003). A band is one and a half times as wide as those of hearing (ERB: Glasberg & Moore, 1990).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["RANGES", "Image", "image"]

RANGES = (200, 2000), (2000, 6000), (6000, 12000), (12000, 18000)
"""In Hz: what means are taken over."""

_WINDOW = 0.085  # seconds
_LOWEST, _BAND = 100.0, 1.5  # Hz, and ERBs
_MOST = 30.0  # dB: what is further to one side sounds no further
_HEARD = 70.0  # dB under the loudest place, from where on a place counts


@dataclass(frozen=True)
class Image:
    """Of a range, means over places (a band in a window), weighed by how loud each is, in dB.

    Attributes
    ----------
    level : float
        dB between the level differences of original and decoded: 0 if all is as far left or right
        as it was.
    coherence : float
        Between the coherences, 0 to 1, either way: 0 if all is as narrow or wide as it was.
    wider : float
        The same with its sign: above 0 if the decoded sound is more diffuse, below 0 if narrower.
    """

    level: float
    coherence: float
    wider: float


def image(original: np.ndarray, decoded: np.ndarray, samplerate: int) -> dict[str, Image]:
    """Of each of `RANGES` that the rate has, by its name (``"0.2-2"``).

    Both signals are ``float[samples, 2]``, aligned and of one length. A silent original has none.
    """
    size = 1 << round(np.log2(samplerate * _WINDOW))
    starts, centres = _bands(size, samplerate)
    a, b = (_cues(x, size, starts) for x in (original, decoded))
    loudness = 10 * np.log10(a.power / max(a.power.max(), 1e-30) + 1e-30)
    weights = np.clip(loudness + _HEARD, 0, None)
    found = {}
    for low, high in RANGES:
        inside = (centres >= low) & (centres < high)
        weight = weights[:, inside]
        if high > samplerate / 2 * 1.05 or not a.power.any() or not weight.any():
            continue
        level = np.abs(a.level - b.level)[:, inside]
        wider = (a.coherence - b.coherence)[:, inside]
        found[f"{low / 1000:g}-{high / 1000:g}"] = Image(
            *(float(np.average(x, weights=weight)) for x in (level, np.abs(wider), wider))
        )
    return found


@dataclass(frozen=True)
class _Cues:
    """Of each window and band: power of both channels, level difference in dB, coherence."""

    power: np.ndarray
    level: np.ndarray
    coherence: np.ndarray


def _cues(signal: np.ndarray, size: int, starts: np.ndarray) -> _Cues:
    padded = np.pad(np.asarray(signal, np.float64), ((0, max(0, size - len(signal))), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[:: size // 4]
    left, right = np.moveaxis(np.fft.rfft(windows * np.hanning(size)), 1, 0)
    floor = 1e-12 * size
    of_left, of_right, of_both = (
        np.add.reduceat(x, starts, axis=1)[:, :-1]
        for x in (np.abs(left) ** 2, np.abs(right) ** 2, left * right.conj())
    )
    level = 10 * np.log10((of_left + floor) / (of_right + floor))
    coherence = (np.abs(of_both) + floor) / np.sqrt((of_left + floor) * (of_right + floor))
    return _Cues(of_left + of_right, np.clip(level, -_MOST, _MOST), np.clip(coherence, 0, 1))


def _bands(size: int, samplerate: int) -> tuple[np.ndarray, np.ndarray]:
    """First bins of the bands, with the one that ends the last; and their centres in Hz."""
    edges = [_LOWEST]
    while edges[-1] < min(RANGES[-1][1], samplerate / 2.1):
        edges.append(edges[-1] + _BAND * 24.7 * (4.37 * edges[-1] / 1000 + 1))
    edges = [edge for edge in edges if edge < samplerate / 2]
    starts = np.ceil(np.array(edges) * size / samplerate).astype(int)
    return starts, np.convolve(edges, [0.5, 0.5], "valid")
