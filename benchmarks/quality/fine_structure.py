"""How much of a recording's fine structure a codec keeps.

ViSQOL, PESQ, STOI and DNSMOS compare levels of bands: noise as loud as a tone is as good to them as
the tone. These figures tell the two apart. All take one-dimensional float arrays, aligned, and of
one length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal

__all__ = ["PULSE_BANDS", "TONE_BANDS", "Tones", "comb", "pulses", "tones"]

TONE_BANDS = (2400, 4800), (4800, 9600)
PULSE_BANDS = (2400, 4800), (4800, 8000)

_TONE_WINDOW = 0.085  # seconds
_TONAL = 4.0  # dB of flatness from which a place counts as tonal; Gaussian noise has about 2.5
_PULSE_WINDOW, _PULSE_HOP = 0.04, 0.01  # seconds
_PITCHES = 70, 400  # Hz
_VOICED = 0.85  # correlation a period apart
_COMB_PERIODS = 30  # of the spacing in a window


@dataclass(frozen=True)
class Tones:
    """Of a band, means over the places where the original is tonal.

    They are weighed by how tonal and, in logarithms, how loud the original is there.

    Attributes
    ----------
    distance : float
        dB between the tonality of original and decoded, either way: 10·log10 of the arithmetic over
        the geometric mean of power, in 400 Hz or a sixth of an octave.
    shape : float
        Correlation of the two log spectra, levels taken out: 1 for the same partials, 0 for none.
    """

    distance: float
    shape: float


def tones(original: np.ndarray, decoded: np.ndarray, samplerate: int) -> dict[str, Tones]:
    """Of each of `TONE_BANDS` that the rate has and where the original has tones, by its name."""
    size = 1 << round(np.log2(samplerate * _TONE_WINDOW))
    powers = [np.abs(np.fft.rfft(_frames(x, size, size // 4) * np.hanning(size))) ** 2
              + 1e-13 * size for x in (original, decoded)]  # fmt: skip
    frequency = np.fft.rfftfreq(size, 1 / samplerate)
    loudest = powers[0].sum(axis=1).max()
    found = {}
    for low, high in TONE_BANDS:
        if high > samplerate / 2 * 1.01:
            continue
        sums = np.zeros(3)
        begin: float = low
        while begin < high * 0.99:
            end = min(high, max(begin * 2 ** (1 / 6), begin + 400))
            inside = (frequency >= begin) & (frequency < end)
            begin = end
            if inside.sum() < 6:
                continue
            a, b = (power[:, inside] for power in powers)
            log_a, log_b = np.log(a), np.log(b)
            tonality = [10 * np.log10(p.mean(axis=1)) - 10 / np.log(10) * log.mean(axis=1)
                        for p, log in ((a, log_a), (b, log_b))]  # fmt: skip
            rest_a, rest_b = (log - log.mean(axis=1, keepdims=True) for log in (log_a, log_b))
            size_a, size_b = ((rest**2).sum(axis=1) for rest in (rest_a, rest_b))
            shape = (rest_a * rest_b).sum(axis=1) / np.sqrt(size_a * size_b + 1e-9)
            weight = np.clip(tonality[0] - _TONAL, 0, None) * (a.sum(axis=1) > loudest * 1e-7)
            weight *= np.log1p(a.mean(axis=1) / (1e-9 * loudest))
            apart = np.abs(tonality[0] - tonality[1])
            sums += weight.sum(), weight @ apart, weight @ shape
        if sums[0] > 0:
            found[_name(low, high)] = Tones(*map(float, sums[1:] / sums[0]))
    return found


def pulses(original: np.ndarray, decoded: np.ndarray, samplerate: int) -> dict[str, float]:
    """How much of a voice's pulses each of `PULSE_BANDS` has where the original is voiced.

    The correlation, one pitch period apart, of the band's envelope: what the ear has of pitch where
    it cannot tell partials apart. Noise of the right levels keeps up to half of what speech has.
    """
    size = int(_PULSE_WINDOW * samplerate)
    voiced = _voiced(np.asarray(original, np.float64), samplerate)
    smooth = scipy.signal.butter(2, 800, fs=samplerate, output="sos")
    found = {}
    for band in PULSE_BANDS:
        if not voiced or band[1] > samplerate / 2 * 0.95:
            continue
        passed = scipy.signal.butter(4, band, "band", fs=samplerate, output="sos")
        envelope = np.abs(scipy.signal.hilbert(scipy.signal.sosfiltfilt(passed, decoded)))
        envelope = scipy.signal.sosfiltfilt(smooth, envelope)
        rows = _frames(envelope, *_pulse_frames(samplerate))
        rows = rows - rows.mean(axis=1, keepdims=True)
        found[_name(*band)] = float(
            np.mean([_correlation(rows[i, :size], rows[i, lag : lag + size]) for i, lag in voiced])
        )
    return found


def _voiced(x: np.ndarray, samplerate: int) -> list[tuple[int, int]]:
    """Frames that are voiced, each with its pitch period in samples."""
    size = int(_PULSE_WINDOW * samplerate)
    longest, shortest = (int(samplerate / hz) for hz in _PITCHES)
    low = scipy.signal.butter(4, 900, fs=samplerate, output="sos")
    frames = _frames(scipy.signal.sosfiltfilt(low, x), *_pulse_frames(samplerate))
    energy = (frames[:, :size] ** 2).sum(axis=1)
    lags = np.arange(shortest, longest, 2)
    found = []
    for i in np.flatnonzero(energy >= energy.max() * 1e-3):
        here, later = (
            frames[i, :size],
            np.lib.stride_tricks.sliding_window_view(frames[i], size)[lags],
        )
        apart = later @ here / np.sqrt((later**2).sum(axis=1) * (here @ here) + 1e-15)
        if apart.max() >= _VOICED:
            found.append((int(i), int(lags[np.argmax(apart)])))
    return found


def _pulse_frames(samplerate: int) -> tuple[int, int]:
    """Size and hop of frames that reach one pitch period further than what is compared."""
    longest = int(samplerate / _PITCHES[0])
    return int(_PULSE_WINDOW * samplerate) + longest, int(_PULSE_HOP * samplerate)


def comb(decoded: np.ndarray, samplerate: int, spacing: float = 75.0) -> float | None:
    """Lines at multiples of `spacing` Hz in the quietest passages, dB over what is around them.

    Less the same half-way between them, so that under half a dB is chance. None without a quiet
    passage.
    """
    size = round(samplerate * _COMB_PERIODS / spacing)
    frames = _frames(decoded, size, size // 4)
    energy = (frames**2).mean(axis=1)
    quietest = np.flatnonzero(energy > 1e-8)
    quietest = quietest[np.argsort(energy[quietest])][:6]
    if len(quietest) < 3:
        return None
    power = (np.abs(np.fft.rfft(frames[quietest] * np.hanning(size))) ** 2).sum(axis=0)
    step = samplerate / size
    lines: dict[int, list[float]] = {0: [], _COMB_PERIODS // 2: []}
    for k in range(int(500 / step), int(min(7000, samplerate / 2.2) / step)):
        if k % _COMB_PERIODS in lines:
            over = power[k - 1 : k + 2].max() / (np.median(power[k - 12 : k + 13]) + 1e-20)
            lines[k % _COMB_PERIODS].append(10 * np.log10(over + 1e-20))
    on, between = (np.mean(values) for values in lines.values())
    return float(on - between)


def _name(low: float, high: float) -> str:
    return f"{low / 1000:g}-{high / 1000:g}"


def _frames(x: np.ndarray, size: int, hop: int) -> np.ndarray:
    x = np.pad(np.asarray(x, np.float64), (0, max(0, size - len(x))))
    return np.lib.stride_tricks.sliding_window_view(x, size)[::hop]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-15))
