"""All figures of one decoded recording: which there are, and what they are called."""

from __future__ import annotations

import math

import numpy as np
import soxr

from vauxio.compare import metrics

from . import opinions
from .codec import Signal
from .corpus import STEREO, Recording

IMAGE = {"level": "level, dB off", "coherence": "coherence, off", "wider": "wider by"}
"""Of what is in `stereo.Image`, and what it is called; there is one for each range."""

RANGES = "0.2-2", "2-6", "6-12", "12-18"
"""In kHz: the keys are ``"level 0.2-2"`` and so on."""

NAMES = {
    "distillmos": "DistillMOS",
    "pesq": "PESQ-WB",
    "visqol": "ViSQOL",
    "pulses_low": "pulses 2.4-4.8 kHz",
    "pulses_high": "pulses 4.8-8 kHz",
    "comb": "lines at 75 Hz, dB",
    "tonality_low": "tonality 2.4-4.8 kHz, dB off",
    "tonality_high": "tonality 4.8-9.6 kHz, dB off",
    "shape": "shape 2.4-4.8 kHz",
    "stoi": "STOI",
    "dnsmos_ovrl": "DNSMOS OVRL",
    "dnsmos_sig": "DNSMOS SIG",
    "si_sdr": "SI-SDR, dB",
    "mel": "mel distance, dB",
    "visqol_mid": "ViSQOL, mid",
    "visqol_left": "ViSQOL, left",
    "visqol_right": "ViSQOL, right",
    **{f"{key} {name}": f"{what}, {name} kHz" for key, what in IMAGE.items() for name in RANGES},
}
"""Keys of the figures, and what they are called."""

LEADING = {
    "speech": ("distillmos", "pesq", "visqol", "pulses_low", "pulses_high", "comb"),
    "music": ("tonality_low", "tonality_high", "shape", "visqol", "mel", "si_sdr"),
    "sound": ("visqol", "mel", "si_sdr"),
    STEREO: ("visqol_mid", "visqol_left", "visqol_right", "tonality_low", "tonality_high"),
}
"""What says most about how a recording of each kind sounds."""

OF_KIND = {
    **LEADING,
    "speech": (*LEADING["speech"], "stoi", "dnsmos_ovrl", "dnsmos_sig", "mel", "si_sdr"),
    STEREO: (*LEADING[STEREO], *(f"{key} {name}" for key in IMAGE for name in RANGES)),
}
"""All figures of each kind of recording."""

LESS_IS_BETTER = {"comb", "tonality_low", "tonality_high", "mel"} | {
    f"{key} {name}" for key in ("level", "coherence") for name in RANGES
}

Figures = dict[str, float | int | None]


def measure(recording: Recording, decoded: Signal) -> Figures:
    """All figures of a decoded recording, and the lag that was taken out, in samples.

    None stands for what cannot be told: PESQ where no speech was found.
    """
    rate = recording.samplerate
    original, signal, lag = _aligned(recording, decoded)
    if recording.kind == STEREO:
        return _rounded({"lag": lag, **_of_stereo(original, signal, rate)})
    figures: Figures = {
        "lag": lag,
        "si_sdr": metrics.si_sdr(original, signal),
        "mel": metrics.mel_distance(original, signal, rate),
        **_opinions(recording.kind, original, signal, rate),
    }
    if recording.kind == "speech":
        a, b = (_resample(x, rate, 16000) for x in (original, signal))
        figures["stoi"] = opinions.stoi(a, b)
        figures["dnsmos_ovrl"], figures["dnsmos_sig"] = opinions.dnsmos(b)
        figures["distillmos"] = opinions.distillmos(b)
        figures |= _pulses(original, signal, rate)
    if recording.kind == "music":
        figures |= _tones(original, signal, rate)
    return _rounded(figures)


def only_opinions(recording: Recording, decoded: Signal) -> Figures:
    """ViSQOL of a decoded recording, and PESQ of speech: all that `measure` has of these."""
    original, signal, _ = _aligned(recording, decoded)
    return _rounded(_opinions(recording.kind, original, signal, recording.samplerate))


def _aligned(recording: Recording, decoded: Signal) -> tuple[np.ndarray, np.ndarray, int]:
    """The original, and what was decoded at its rate, without the lag that was found."""
    rate = recording.samplerate
    original = recording.samples.astype(np.float32) / np.float32(2**15)
    signal = _resample(*decoded, rate)
    if np.array_equal(signal, original):
        return original, signal, 0
    if signal.ndim == 1:
        lag = metrics.find_lag(original, signal, rate)
        return original, metrics.align(signal, lag, len(original)), lag
    lag = metrics.find_lag(original.mean(axis=1), signal.mean(axis=1), rate)
    channels = [metrics.align(channel, lag, len(original)) for channel in signal.T]
    return original, np.stack(channels, axis=1), lag


def _opinions(kind: str, original: np.ndarray, signal: np.ndarray, rate: int) -> Figures:
    if kind != "speech":
        return {"visqol": _visqol_audio(original, signal, rate)}
    a, b = (_resample(x, rate, 16000) for x in (original, signal))
    return {"visqol": opinions.visqol("speech", a, b), "pesq": opinions.pesq(a, b)}


def _visqol_audio(original: np.ndarray, signal: np.ndarray, rate: int) -> float:
    return opinions.visqol("audio", *(_resample(x, rate, 48000) for x in (original, signal)))


def _pulses(original: np.ndarray, signal: np.ndarray, rate: int) -> Figures:
    from . import fine_structure  # needs SciPy, which pages are made without

    found = fine_structure.pulses(original, signal, rate)
    return {
        "pulses_low": found.get("2.4-4.8"),
        "pulses_high": found.get("4.8-8"),
        "comb": fine_structure.comb(signal, rate),
    }


def _tones(original: np.ndarray, signal: np.ndarray, rate: int) -> Figures:
    from . import fine_structure

    found = fine_structure.tones(original, signal, rate)
    low, high = found.get("2.4-4.8"), found.get("4.8-9.6")
    return {
        "tonality_low": low and low.distance,
        "tonality_high": high and high.distance,
        "shape": low and low.shape,
    }


def _of_stereo(original: np.ndarray, signal: np.ndarray, rate: int) -> Figures:
    """Tonality is the mean of both channels."""
    from . import stereo

    (a_left, a_right), (b_left, b_right) = original.T, signal.T
    each = [_tones(a, b, rate) for a, b in ((a_left, b_left), (a_right, b_right))]
    tonality = {}
    for key in ("tonality_low", "tonality_high"):
        found = [of[key] for of in each if of[key] is not None]
        tonality[key] = float(np.mean(found)) if found else None
    of_ranges = stereo.image(original, signal, rate)
    return {
        "visqol_mid": _visqol_audio(original.mean(axis=1), signal.mean(axis=1), rate),
        "visqol_left": _visqol_audio(a_left, b_left, rate),
        "visqol_right": _visqol_audio(a_right, b_right, rate),
        **tonality,
        **{
            f"{key} {name}": getattr(of_ranges[name], key) if name in of_ranges else None
            for key in IMAGE
            for name in RANGES
        },
    }


def _rounded(figures: Figures) -> Figures:
    return {
        key: round(value, 5) if value is not None and math.isfinite(value) else None
        for key, value in figures.items()
    }


def _resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    samples = np.ascontiguousarray(samples, np.float32)
    return samples if rate == to else soxr.resample(samples, rate, to, quality="VHQ")
