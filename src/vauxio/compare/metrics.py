"""Metrics of a decoded signal against its original that need only NumPy.

This module knows signals: one-dimensional floating-point arrays, full scale 1.0. It knows nothing
of files or codecs. `benchmarks/quality` adds the metrics of other packages to these.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["align", "find_lag", "level_difference", "mel_distance", "si_sdr"]

_LIMIT = 0.25  # seconds of delay that are looked for
_BELIEVED = 0.3  # correlation from which waveforms are taken to match
_CLEARLY = 0.01  # more correlation, for a lag between spectra to be preferred to none
_CEILING = 100.0  # dB

_WINDOWS = 0.010, 0.020, 0.040, 0.080  # seconds
_RANGE = 80.0  # dB below the original's loudest band that still count
_SILENCE = 1e-10  # mean square below which nothing counts: -100 dB of full scale


def find_lag(original: np.ndarray, decoded: np.ndarray, samplerate: int) -> int:
    """Samples by which `decoded` comes after `original`: the peak of their cross-correlation.

    Where the waveforms do not match anywhere (a vocoder), their compressed spectrograms are
    correlated instead, to the millisecond.

    Parameters
    ----------
    original, decoded : ndarray
        ``[samples]`` at the same rate, of any lengths.
    samplerate : int
        In Hz. Delays up to a quarter of a second are looked for.
    """
    limit = round(_LIMIT * samplerate)
    if min(len(original), len(decoded)) == 0:
        return 0
    correlation = _correlate(original[None], decoded[None], limit)
    if correlation.max() >= _BELIEVED:
        return int(correlation.argmax()) - limit
    hop = max(1, samplerate // 1000)
    window = 1 << (16 * hop - 1).bit_length()
    if min(len(original), len(decoded)) < window:
        return 0
    spectra = [_spectrogram(x, window, hop).T ** 0.15 for x in (original, decoded)]
    spectra = [s - s.mean(axis=1, keepdims=True) for s in spectra]
    limit //= hop
    correlation = _correlate(spectra[0], spectra[1], limit)
    best = int(correlation.argmax())
    return (best - limit) * hop if correlation[best] > correlation[limit] + _CLEARLY else 0


def align(decoded: np.ndarray, lag: int, samples: int) -> np.ndarray:
    """`decoded` without its lag, cut or filled with silence to a length in samples."""
    moved = decoded[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, decoded.dtype), decoded])
    return np.pad(moved[:samples], (0, max(0, samples - len(moved))))


def si_sdr(original: np.ndarray, decoded: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, at most 100; NaN for a silent original.

    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019: the part of `decoded` that is a
    multiple of `original`, over the rest.
    """
    original, decoded = original.astype(np.float64), decoded.astype(np.float64)
    energy = original @ original
    if energy == 0:
        return float("nan")
    target = (decoded @ original) / energy * original
    rest = decoded - target
    signal, noise = target @ target, rest @ rest
    if signal <= noise * 10 ** (-_CEILING / 10):
        return -_CEILING
    return min(_CEILING, float(10 * np.log10(signal / max(noise, 1e-300))))


def mel_distance(original: np.ndarray, decoded: np.ndarray, samplerate: int) -> float:
    """Multi-resolution log-mel distance in dB.

    The mean absolute difference of mel spectra in dB, over all frames and bands, averaged over
    windows of about 10, 20, 40 and 80 ms (powers of two, Hann, a quarter's hop; one band for every
    16 samples of window). What lies 80 dB under the original's loudest band does not count.

    Parameters
    ----------
    original, decoded : ndarray
        ``[samples]``, of the same length, aligned.
    samplerate : int
        In Hz. Bands reach up to half of it: use the original's own rate.
    """
    distances = []
    for seconds in _WINDOWS:
        window = 1 << round(np.log2(seconds * samplerate))
        bands = _mel_bands(window, samplerate)
        a, b = (_spectrogram(_fill(x, window), window, window // 4) @ bands
                for x in (original, decoded))  # fmt: skip
        floor = max(_SILENCE, float(a.max()) * 10 ** (-_RANGE / 10))
        difference = 10 * np.log10(np.maximum(a, floor) / np.maximum(b, floor))
        distances.append(np.abs(difference).mean())
    return float(np.mean(distances))


def level_difference(original: np.ndarray, decoded: np.ndarray) -> float:
    """By how many dB the mean power of `decoded` is above that of `original`.

    Power under -100 dB of full scale counts as that much.
    """
    a, b = (max(_SILENCE, float(np.mean(np.square(x, dtype=np.float64)))) for x in
            (original, decoded))  # fmt: skip
    return float(10 * np.log10(b / a))


def _correlate(a: np.ndarray, b: np.ndarray, limit: int) -> np.ndarray:
    """Normalised cross-correlation, summed over rows, at lags -limit to limit of `b`."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    size = 1 << (max(a.shape[1], b.shape[1]) + limit).bit_length()
    spectrum = np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size))
    correlation = np.fft.irfft(spectrum.sum(axis=0), size)
    norm = np.sqrt(np.square(a).sum() * np.square(b).sum())
    normalised: np.ndarray = correlation[np.arange(-limit, limit + 1)] / max(norm, 1e-300)
    return normalised


def _fill(x: np.ndarray, samples: int) -> np.ndarray:
    return np.pad(x, (0, max(0, samples - len(x))))


def _spectrogram(x: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Power ``[frames, bins]``, normalised so that the bins of a frame sum to its mean square."""
    hann = np.hanning(window + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(x, window)[::hop]
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    power[:, 1:-1] *= 2  # the negative frequencies
    return power / (window * (hann @ hann))


@lru_cache(maxsize=16)
def _mel_bands(window: int, samplerate: int) -> np.ndarray:
    """Triangles ``[bins, bands]``, equally spaced in mel, each at least two bins wide."""
    bands = window // 16
    top = 2595 * np.log10(1 + samplerate / 2 / 700)
    centres = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    bin_width = samplerate / window
    frequency = np.arange(window // 2 + 1)[:, None] * bin_width
    middle = centres[1:-1]
    lower = np.maximum(middle - centres[:-2], bin_width)
    upper = np.maximum(centres[2:] - middle, bin_width)
    rising = 1 - (middle - frequency) / lower
    falling = 1 - (frequency - middle) / upper
    return np.clip(np.minimum(rising, falling), 0, None)
