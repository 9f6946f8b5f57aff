"""What a run looks like: curves from its log, decoded samples, spectrograms."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
import numpy as np

from .evaluate import reconstruct, recordings
from .network import Codec

matplotlib.use("Agg")
from matplotlib import pyplot

CURVES = ("mel", "spectrum", "levels", "waveform", "commitment", "judge", "deceive", "feature")
CURVES += ("used_last",)


def curves(log: Path, out: Path) -> None:
    with log.open() as f:
        rows = list(csv.DictReader(f))
    figure, axes = pyplot.subplots(3, 3, figsize=(15, 10))
    for axis, name in zip(axes.flat, CURVES, strict=True):
        points = [(int(r["step"]), float(r[name])) for r in rows if r[name]]
        if points:
            axis.plot(*zip(*points, strict=True), linewidth=0.8)
        axis.set_title(name)
    figure.tight_layout()
    figure.savefig(out, dpi=80)
    pyplot.close(figure)


def spectrogram(axis: pyplot.Axes, audio: np.ndarray, samplerate: int, title: str) -> None:
    axis.specgram(
        audio + 1e-7, NFFT=1024, noverlap=768, Fs=samplerate, vmin=-140, vmax=-30, cmap="magma"
    )
    axis.set_title(title, fontsize=8)


def samples(codec: Codec, corpus: Path, out: Path, codebooks: list[int], each: int = 2) -> None:
    """WAVs and one PNG: original against decoded, `each` recordings of every kind, four seconds."""
    import soundfile

    rate = codec.config.samplerate
    out.mkdir(parents=True, exist_ok=True)
    chosen = [
        item
        for items in recordings(corpus, rate).values()
        for item in items[:: len(items) // each][:each]
    ]
    figure, axes = pyplot.subplots(
        len(chosen), 1 + len(codebooks), figsize=(4 * (1 + len(codebooks)), 2.2 * len(chosen))
    )
    for row, (name, audio) in zip(axes, chosen, strict=True):
        audio = audio[: 4 * rate]
        soundfile.write(out / f"{name}.wav", audio, rate)
        spectrogram(row[0], audio, rate, f"{name}: original")
        for axis, k in zip(row[1:], codebooks, strict=True):
            decoded = reconstruct(codec, audio, k)
            soundfile.write(out / f"{name}.{k}.wav", decoded, rate)
            kbps = k * np.log2(codec.config.codebook_size) * rate / codec.config.hop / 1000
            spectrogram(axis, decoded, rate, f"{kbps:g} kbps")
    figure.tight_layout()
    figure.savefig(out / "spectrograms.png", dpi=70)
    pyplot.close(figure)
