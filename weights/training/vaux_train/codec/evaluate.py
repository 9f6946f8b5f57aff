"""Objective figures on the dev recordings, straight from a checkpoint (at nominal bits).

A quick look between runs; figures for the record come from real files, measured by
``benchmarks/quality``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .network import Codec

SECONDS = 10


def recordings(corpus: Path, samplerate: int) -> dict[str, list[tuple[str, np.ndarray]]]:
    """The first ten seconds of each dev file, mono at `samplerate`."""
    import soundfile
    import soxr

    found: dict[str, list[tuple[str, np.ndarray]]] = {}
    for kind in ("speech", "music", "sound"):
        found[kind] = []
        for path in sorted((corpus / "dev" / kind).iterdir()):
            rate = soundfile.info(path).samplerate
            audio, _ = soundfile.read(path, frames=SECONDS * rate, dtype="float32", always_2d=True)
            found[kind].append((path.stem, soxr.resample(audio.mean(1), rate, samplerate)))
    return found


@torch.no_grad()
def reconstruct(codec: Codec, audio: np.ndarray, codebooks: int | None) -> np.ndarray:
    """Through the codec with that many codebooks (None: unquantised); same length, aligned."""
    hop = codec.config.hop
    n = len(audio)
    tokens = -(-(n + codec.delay) // hop)
    x = torch.zeros(1, tokens * hop)
    x[0, :n] = torch.from_numpy(audio)
    latents = codec.encode(x)
    if codebooks is not None:
        latents = codec.quantiser.decode(codec.quantiser.encode(latents, codebooks))
    return codec.decode(latents)[0, codec.delay : codec.delay + n].numpy()


def log_spectral_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference of log power spectra in dB, floored 60 dB under the peak."""

    def spectra(x: np.ndarray) -> torch.Tensor:
        t = torch.from_numpy(np.ascontiguousarray(x)).float()
        s = torch.stft(t, 1024, 256, window=torch.hann_window(1024), return_complex=True)
        return s.abs().square()

    pa, pb = spectra(a), spectra(b)
    floor = pa.max() * 1e-6 + 1e-9
    difference = 10 * torch.log10((pa + floor) / (pb + floor))
    return float(difference.square().mean(0).sqrt().mean())


def evaluate(
    codec: Codec, corpus: Path, codebooks: list[int | None], every: int = 1
) -> list[dict[str, float | str | int]]:
    """One row for each number of codebooks and kind of sound; every `every`-th recording."""
    import soxr
    from pesq import pesq
    from pystoi import stoi

    rate = codec.config.samplerate
    rows: list[dict[str, float | str | int]] = []
    dev = recordings(corpus, rate)
    for k in codebooks:
        for kind, items in dev.items():
            figures: dict[str, list[float]] = {}
            for _, audio in items[::every]:
                decoded = reconstruct(codec, audio, k)
                values = {"lsd": log_spectral_distance(audio, decoded)}
                error = np.sum((audio - decoded) ** 2) + 1e-9
                values["snr"] = float(10 * np.log10(np.sum(audio**2) / error))
                if kind == "speech":
                    a16, d16 = (soxr.resample(v, rate, 16000) for v in (audio, decoded))
                    values["pesq"] = pesq(16000, a16, d16, "wb")
                    values["stoi"] = float(stoi(a16, d16, 16000))
                for name, value in values.items():
                    figures.setdefault(name, []).append(value)
            row: dict[str, float | str | int] = {"codebooks": k or 0, "kind": kind}
            row |= {name: round(float(np.mean(v)), 3) for name, v in figures.items()}
            rows.append(row)
    return rows
