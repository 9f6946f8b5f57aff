"""The corpus as one int16 array per kind of sound, and batches cut from it on the training device.

Decoding happens once (`prepare`); afterwards a batch is a gather from memory plus augmentation in
a few tensor operations on the same device as the network, so loading never holds up a step.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

KINDS = ("speech", "music", "sound")
SPEEDS = tuple(n / 30 for n in range(26, 36))  # of a usual length, lengths that an FFT likes


def prepare(corpus: Path, out: Path, samplerate: int, part: str = "train") -> None:
    """Decode every recording under ``corpus/part`` to mono int16 at `samplerate`.

    Writes ``{kind}.npy`` (int16, all recordings of a kind end to end) and ``index.json`` (the
    start of each recording, and the rate its content really has: many are 16 kHz inside 48 kHz).
    """
    out.mkdir(parents=True, exist_ok=True)
    native = {}
    for line in (corpus / "INDEX.tsv").read_text().splitlines()[1:]:
        columns = line.split("\t")
        native[columns[0]] = int(columns[2])
    index: dict[str, list[dict]] = {}
    with ProcessPoolExecutor() as pool:
        for kind in KINDS:
            paths = sorted((corpus / part / kind).iterdir())
            pieces, entries, start = [], [], 0
            read = pool.map(partial(decoded, samplerate=samplerate), paths, chunksize=4)
            for path, (pcm, rate) in zip(paths, read, strict=True):
                name = str(path.relative_to(corpus))
                rate = native.get(name, rate)
                entries.append({"name": name, "start": start, "frames": len(pcm), "rate": rate})
                pieces.append(pcm)
                start += len(pcm)
            np.save(out / f"{kind}.npy", np.concatenate(pieces))
            index[kind] = entries
            print(f"{kind}: {len(entries)} recordings, {start / samplerate / 3600:.2f} h")
    (out / "index.json").write_text(json.dumps(index, indent=0))


def decoded(path: Path, samplerate: int) -> tuple[np.ndarray, int]:
    """A recording as mono int16 at `samplerate`, and the rate of its file."""
    samples, rate = mono(path, samplerate)
    return np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16), rate


def mono(path: Path, samplerate: int) -> tuple[np.ndarray, int]:
    """A recording as one channel of float32 at `samplerate`, and the rate of its file."""
    import soundfile
    import soxr

    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(audio.mean(axis=1), rate, samplerate), rate


def resized(x: torch.Tensor, frames: int) -> torch.Tensor:
    """Rows ``[n, any]`` played faster or slower, so that they have so many frames."""
    spectrum = torch.fft.rfft(x)[:, : frames // 2 + 1]
    return torch.fft.irfft(spectrum, n=frames) * (frames / x.shape[1])
