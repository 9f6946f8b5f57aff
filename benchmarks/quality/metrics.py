"""All metrics of one decoded recording, most of them from packages that others keep.

Each opinion score is computed by its published implementation, at the rate that it was made for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import os
import sys
import types
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from vauxio.compare import metrics

from .codecs import Signal
from .corpus import Recording

PACKAGES = "visqol-python", "ai-edge-litert", "numba", "pesq", "pystoi", "speechmos", "distillmos"
"""Whose versions decide the figures."""

NAMES = {
    "distillmos": "DistillMOS",
    "visqol": "ViSQOL",
    "pesq": "PESQ-WB",
    "stoi": "STOI",
    "dnsmos_ovrl": "DNSMOS OVRL",
    "dnsmos_sig": "DNSMOS SIG",
    "si_sdr": "SI-SDR, dB",
    "mel": "mel distance, dB",
    "pulses_low": "pulses 2.4-4.8 kHz",
    "pulses_high": "pulses 4.8-8 kHz",
    "comb": "lines at 75 Hz, dB",
    "tonality_low": "tonality 2.4-4.8 kHz, dB off",
    "tonality_high": "tonality 4.8-9.6 kHz, dB off",
    "shape": "shape 2.4-4.8 kHz",
}
"""Keys of the figures, and what they are called."""

OF_KIND = {
    "speech": (
        "distillmos",
        "visqol",
        "pesq",
        "stoi",
        "dnsmos_ovrl",
        "dnsmos_sig",
        "si_sdr",
        "mel",
    ),
    "music": ("visqol", "si_sdr", "mel"),
    "sound": ("visqol", "si_sdr", "mel"),
}
"""Which scores there are for each kind of recording."""

FINE_OF_KIND = {
    "speech": ("pulses_low", "pulses_high", "comb"),
    "music": ("tonality_low", "tonality_high", "shape"),
    "sound": (),
}
"""Which figures of fine structure there are (`fine_structure`)."""

_DNSMOS_SAMPLES = int(9.01 * 16000)


def versions() -> dict[str, str]:
    """Of all packages that decide the figures; an error names one that is missing."""
    return {name: version(name) for name in (*PACKAGES, "numpy", "scipy", "soxr")}


def measure(recording: Recording, decoded: Signal) -> dict[str, float | int | None]:
    """All figures of a decoded recording, and the lag that was taken out, in samples.

    None stands for what cannot be told: PESQ where no speech was found.
    """
    rate = recording.samplerate
    original, signal, lag = _aligned(recording, decoded)
    figures: dict[str, float | int | None] = {
        "lag": lag,
        "si_sdr": metrics.si_sdr(original, signal),
        "mel": metrics.mel_distance(original, signal, rate),
        **_opinions(recording.kind, original, signal, rate),
    }
    if recording.kind == "speech":
        a, b = (_resample(x, rate, 16000) for x in (original, signal))
        figures["stoi"] = _stoi(a, b)
        figures["dnsmos_ovrl"], figures["dnsmos_sig"] = dnsmos(b)
        figures["distillmos"] = distillmos(b)
    figures |= _fine(recording.kind, original, signal, rate)
    return _rounded(figures)


def opinions(recording: Recording, decoded: Signal) -> dict[str, float | int | None]:
    """ViSQOL of a decoded recording, and PESQ of speech: all that `measure` has of these."""
    original, signal, _ = _aligned(recording, decoded)
    return _rounded(_opinions(recording.kind, original, signal, recording.samplerate))


def distances(recording: Recording, decoded: Signal) -> dict[str, float | int | None]:
    """The mel distance of a decoded recording, and PESQ of speech."""
    rate = recording.samplerate
    original, signal, _ = _aligned(recording, decoded)
    figures: dict[str, float | int | None] = {"mel": metrics.mel_distance(original, signal, rate)}
    if recording.kind == "speech":
        figures["pesq"] = _pesq(*(_resample(x, rate, 16000) for x in (original, signal)))
    return _rounded(figures)


def _aligned(recording: Recording, decoded: Signal) -> tuple[np.ndarray, np.ndarray, int]:
    """The original, and what was decoded at its rate, without the lag that was found."""
    rate = recording.samplerate
    original = recording.samples.astype(np.float32) / np.float32(2**15)
    lag = 0
    signal = _resample(*decoded, rate)
    if not np.array_equal(signal, original):
        lag = metrics.find_lag(original, signal, rate)
        signal = metrics.align(signal, lag, len(original))
    return original, signal, lag


def _opinions(
    kind: str, original: np.ndarray, signal: np.ndarray, rate: int
) -> dict[str, float | int | None]:
    if kind != "speech":
        a, b = (_resample(x, rate, 48000) for x in (original, signal))
        return {"visqol": _visqol("audio", a, b, 48000)}
    a, b = (_resample(x, rate, 16000) for x in (original, signal))
    return {"visqol": _visqol("speech", a, b, 16000), "pesq": _pesq(a, b)}


def _fine(
    kind: str, original: np.ndarray, signal: np.ndarray, rate: int
) -> dict[str, float | int | None]:
    from . import fine_structure  # needs SciPy, which pages are made without

    if kind == "speech":
        found = fine_structure.pulses(original, signal, rate)
        return {
            "pulses_low": found.get("2.4-4.8"),
            "pulses_high": found.get("4.8-8"),
            "comb": fine_structure.comb(signal, rate),
        }
    if kind == "music":
        tones = fine_structure.tones(original, signal, rate)
        low, high = tones.get("2.4-4.8"), tones.get("4.8-9.6")
        return {
            "tonality_low": low and low.distance,
            "tonality_high": high and high.distance,
            "shape": low and low.shape,
        }
    return {}


def _rounded(figures: dict[str, float | int | None]) -> dict[str, float | int | None]:
    return {
        key: round(value, 5) if value is not None and math.isfinite(value) else None
        for key, value in figures.items()
    }


def dnsmos(samples: np.ndarray) -> tuple[float, float]:
    """OVRL and SIG of ``float32[samples]`` at 16 kHz.

    The network and the mapping of DNSMOS P.835 (Reddy et al., ICASSP 2022) as in ``speechmos``,
    whose own code also needs librosa, for a third score that is not used here: windows of 9.01 s,
    one second apart; a shorter recording is repeated.
    """
    while len(samples) < _DNSMOS_SAMPLES:
        samples = np.concatenate([samples, samples])
    scores = []
    for second in range(int(len(samples) // 16000 - 9.01) + 1):
        window = samples[16000 * second :][:_DNSMOS_SAMPLES].astype(np.float32)
        sig, _, ovrl = _dnsmos_network().run(None, {"input_1": window[None]})[0][0].astype(float)
        scores.append(
            (
                -0.06766283 * ovrl**2 + 1.11546468 * ovrl + 0.04602535,
                -0.08397278 * sig**2 + 1.22083953 * sig + 0.0052439,
            )
        )
    ovrl, sig = np.mean(scores, axis=0)
    return float(ovrl), float(sig)


def distillmos(samples: np.ndarray) -> float:
    """Of ``float32[samples]`` at 16 kHz: what listeners would say, without knowing the original.

    Stahl & Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based
    Speech Quality Assessment", ICASSP 2025; its weights come with the package.
    """
    import torch

    with torch.no_grad():
        return float(_distillmos_network()(torch.from_numpy(samples)[None].float()))


def _resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    samples = np.ascontiguousarray(samples, np.float32)
    return samples if rate == to else soxr.resample(samples, rate, to, quality="VHQ")


def _pesq(original: np.ndarray, decoded: np.ndarray) -> float | None:
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(16000, original, decoded, "wb"))
    except NoUtterancesError:
        return None


def _stoi(original: np.ndarray, decoded: np.ndarray) -> float | None:
    from pystoi import stoi

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(stoi(original, decoded, 16000))
        except RuntimeWarning:  # too little speech
            return None


def _visqol(mode: str, original: np.ndarray, decoded: np.ndarray, rate: int) -> float:
    result = _visqol_api(mode).measure_from_arrays(
        original.astype(np.float64), decoded.astype(np.float64), rate
    )
    return float(result.moslqo)


@cache
def _visqol_api(mode: str) -> Any:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode=mode, use_lattice_model=True if mode == "speech" else None)
    return api


@cache
def _distillmos_network() -> Any:
    # It needs torchaudio to read files only, of which there are none here; and a build of that
    # which does not fit the one of torch is worse than none.
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
    import distillmos as package
    import torch

    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):  # it says which weights it loads
        return package.ConvTransformerSQAModel().eval()


@cache
def _dnsmos_network() -> Any:
    import onnxruntime

    spec = importlib.util.find_spec("speechmos")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = folder / "dnsmos_models" / "sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(os.fspath(path), options, ["CPUExecutionProvider"])
