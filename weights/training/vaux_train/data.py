"""The corpus as one int16 array per kind of sound, and batches cut from it on the training device.

Decoding happens once (`prepare`); afterwards a batch is a gather from memory plus augmentation in
a few tensor operations on the same device as the network, so loading never holds up a step.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from .config import Config

KINDS = ("speech", "music", "sound")


def prepare(corpus: Path, out: Path, samplerate: int, part: str = "train") -> None:
    """Decode every recording under ``corpus/part`` to mono int16 at `samplerate`.

    Writes ``{kind}.npy`` (int16, all recordings of a kind end to end) and ``index.json`` (the
    start of each recording, and the rate its content really has: many are 16 kHz inside 48 kHz).
    """
    import soundfile
    import soxr

    out.mkdir(parents=True, exist_ok=True)
    native = {}
    for line in (corpus / "INDEX.tsv").read_text().splitlines()[1:]:
        columns = line.split("\t")
        native[columns[0]] = int(columns[2])
    index: dict[str, list[dict]] = {}
    for kind in KINDS:
        pieces, entries, start = [], [], 0
        for path in sorted((corpus / part / kind).iterdir()):
            audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = soxr.resample(audio.mean(axis=1), rate, samplerate)
            pcm = np.clip(np.round(mono * 32767), -32768, 32767).astype(np.int16)
            name = str(path.relative_to(corpus))
            entries.append(
                {"name": name, "start": start, "frames": len(pcm), "rate": native.get(name, rate)}
            )
            pieces.append(pcm)
            start += len(pcm)
        np.save(out / f"{kind}.npy", np.concatenate(pieces))
        index[kind] = entries
        print(f"{kind}: {len(entries)} recordings, {start / samplerate / 3600:.2f} h")
    (out / "index.json").write_text(json.dumps(index, indent=0))


class Sampler:
    """Random augmented excerpts, ``float32 [batch, frames]``, made on `device`."""

    def __init__(self, folder: Path, config: Config, device: torch.device, seed: int) -> None:
        self.config, self.device = config.data, device
        self.frames = config.data.tokens * config.model.hop
        self.samplerate = config.model.samplerate
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.pcm: dict[str, torch.Tensor] = {}
        for kind in config.data.mix:
            self.pcm[kind] = torch.from_numpy(np.load(folder / f"{kind}.npy")).to(device)
        self.kinds = list(config.data.mix)
        self.weights = torch.tensor([config.data.mix[k] for k in self.kinds], device=device)

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device) * (high - low) + low

    def _cut(self, count: int) -> torch.Tensor:
        """Excerpts from anywhere; one that is nearly silent is drawn again, once."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=self.generator)
        offsets = torch.arange(self.frames, device=self.device)
        rows = torch.empty(count, self.frames, device=self.device)
        for k, kind in enumerate(self.kinds):
            mask = which == k
            n = int(mask.sum())
            if not n:
                continue
            pcm = self.pcm[kind]
            for attempt in range(2):
                start = (self._uniform(n) * (len(pcm) - self.frames)).long()
                cut = pcm[start[:, None] + offsets].float() / 32768
                if attempt == 0:
                    kept = cut
                else:
                    quiet = kept.square().mean(1) < 1e-6
                    kept = torch.where(quiet[:, None], cut, kept)
            rows[mask] = kept
        return rows

    def _filter(self, x: torch.Tensor) -> torch.Tensor:
        """A random low-pass (3–12 kHz) and tilt (±6 dB over the band), in the frequency domain."""
        bins = x.shape[1] // 2 + 1
        f = torch.linspace(0, 1, bins, device=self.device)
        cutoff = self._uniform(len(x), 1, low=0.25, high=1.3)
        tilt = self._uniform(len(x), 1, low=-6, high=6)
        gain = torch.sigmoid((cutoff - f) * 120) * 10 ** (tilt * (f - 0.3) / 20)
        return torch.fft.irfft(torch.fft.rfft(x) * gain, n=x.shape[1])

    def batch(self) -> torch.Tensor:
        c, n = self.config, self.config.batch
        x = self._cut(n)
        mixed = self._uniform(n) < c.mix_probability
        if mixed.any():
            other = self._cut(n) * 10 ** (self._uniform(n, 1, low=-15, high=3) / 20)
            x = torch.where(mixed[:, None], x + other, x)
        filtered = self._uniform(n) < c.filter_probability
        if filtered.any():
            x = torch.where(filtered[:, None], self._filter(x), x)
        noisy = self._uniform(n) < c.noise_probability
        if noisy.any():
            noise = torch.randn(x.shape, generator=self.generator, device=self.device)
            level = 10 ** (self._uniform(n, 1, low=-70, high=-35) / 20)
            x = torch.where(noisy[:, None], x + noise * level, x)
        # A quarter of the excerpts come at any level, the rest nearly as recorded.
        gain = self._uniform(n, 1, low=-4, high=4)
        wide = self._uniform(n, 1) < 0.25
        gain = torch.where(wide, self._uniform(n, 1, low=-25, high=6), gain)
        x = x * 10 ** (gain / 20) * torch.sign(self._uniform(n, 1) - 0.5)
        return x / x.abs().amax(1, keepdim=True).clamp_min(1.0)
