"""Scores of opinion and of intelligibility, each by its published implementation.

All take one-dimensional ``float32`` samples at the rate that they are made for; the packages and
networks are loaded when they are first used.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import types
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["distillmos", "dnsmos", "pesq", "stoi", "versions", "visqol"]

PACKAGES = "visqol-python", "ai-edge-litert", "numba", "pesq", "pystoi", "speechmos", "distillmos"
"""Whose versions decide the figures."""

_DNSMOS_SAMPLES = int(9.01 * 16000)


def versions() -> dict[str, str]:
    """Of all packages that decide the figures; an error names one that is missing."""
    return {name: version(name) for name in (*PACKAGES, "numpy", "scipy", "soxr")}


def pesq(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """PESQ-WB at 16 kHz; None if it finds no speech."""
    import pesq as package

    try:
        return float(package.pesq(16000, original, decoded, "wb"))
    except package.NoUtterancesError:
        return None


def stoi(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """STOI of signals at 16 kHz; None if there is too little speech."""
    import pystoi

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(pystoi.stoi(original, decoded, 16000))
        except RuntimeWarning:  # too little speech
            return None


def visqol(mode: str, original: np.ndarray, decoded: np.ndarray) -> float:
    """ViSQOL: ``"speech"`` at 16 kHz, ``"audio"`` at 48 kHz."""
    rate = 16000 if mode == "speech" else 48000
    result = _visqol_api(mode).measure_from_arrays(
        original.astype(np.float64), decoded.astype(np.float64), rate
    )
    return float(result.moslqo)


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
