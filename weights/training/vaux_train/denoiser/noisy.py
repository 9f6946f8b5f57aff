"""Noisy speech and what should remain of it, mixed from the prepared corpus on the training device.

Speech comes from the recordings that are quiet between words; disturbances are the corpus' sounds
and music, several other speakers at once, and noises that are computed. Rooms are impulse responses
that decay exponentially; what is asked for is the sound as it arrives within the first 50 ms.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .config import Config

EARLY = 0.05  # seconds of a room's response that are kept
FRAME = 480


def dynamic_ranges(pcm: np.ndarray, entries: list[dict]) -> list[float]:
    """dB between the 95th and the 10th percentile of the level, of each recording."""
    found = []
    for entry in entries:
        x = pcm[entry["start"] : entry["start"] + entry["frames"]]
        x = x[: len(x) // FRAME * FRAME].reshape(-1, FRAME)[::2].astype(np.float32)
        if len(x) < 10:
            found.append(0.0)
            continue
        low, high = np.percentile(x.var(1) + 0.1, [10, 95])  # 0.1: dither of 16 bits
        found.append(float(10 * np.log10(high / low)))
    return found


class NoisySampler:
    """Batches ``(noisy, target)``, each ``float32 [batch, frames]``, made on `device`."""

    def __init__(self, folder: Path, config: Config, device: torch.device, seed: int) -> None:
        self.config, self.device = config.data, device
        self.samplerate = config.model.samplerate
        self.frames = config.data.tokens * config.model.hop
        self.generator = torch.Generator(device=device).manual_seed(seed)
        arrays = {kind: np.load(folder / f"{kind}.npy") for kind in ("speech", "music", "sound")}
        entries = json.loads((folder / "index.json").read_text())["speech"]
        ranges = dynamic_ranges(arrays["speech"], entries)
        kept = [e for e, r in zip(entries, ranges, strict=True) if r >= self.config.dynamic_range]
        hours = sum(e["frames"] for e in kept) / self.samplerate / 3600
        print(f"speech as target: {len(kept)} of {len(entries)} recordings, {hours:.2f} h")
        self.starts = torch.tensor([e["start"] for e in kept], device=device)
        self.lengths = torch.tensor([e["frames"] for e in kept], device=device)
        self.pcm = {kind: torch.from_numpy(a).to(device) for kind, a in arrays.items()}
        self.kinds = list(self.config.noises)
        self.shares = torch.tensor([self.config.noises[k] for k in self.kinds], device=device)

    def batch(self) -> tuple[Tensor, Tensor]:
        c, n = self.config, self.config.batch
        speech = self._speech(n)
        speech = speech * (10 ** (self._uniform(n, 1, low=-38, high=-12) / 20) / level(speech))
        wet, target = self._room(speech)
        noise = self._noise(n)
        rows = self._chosen(n, c.second_noise_probability)
        if len(rows):
            gain = 10 ** (self._uniform(len(rows), 1, low=-12, high=6) / 20)
            noise[rows] += self._noise(len(rows)) * gain
        snr = self._uniform(n, 1, low=c.snr[0], high=c.snr[1])
        noise = noise * (level(wet) / level(noise) * 10 ** (-snr / 20))
        clean = self._chance(n, c.clean_probability)
        alone = self._chance(n, c.noise_only_probability)
        wet, target = torch.where(clean, speech, wet), torch.where(clean, speech, target)
        noisy = torch.where(alone, noise, torch.where(clean, wet, wet + noise))
        target = torch.where(alone, 0.0, target)
        rows = self._chosen(n, c.filter_probability)
        if len(rows):
            both = self._filter(torch.stack([noisy[rows], target[rows]]))
            noisy, target = noisy.index_copy(0, rows, both[0]), target.index_copy(0, rows, both[1])
        loud = noisy.abs().amax(1, keepdim=True).clamp_min(1.0)
        sign = torch.sign(self._uniform(n, 1) - 0.5) / loud
        return noisy * sign, target * sign

    # -- random numbers -------------------------------------------------------------------------

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device) * (high - low) + low

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def _chance(self, n: int, probability: float) -> Tensor:
        return self._uniform(n, 1) < probability

    def _chosen(self, n: int, probability: float) -> Tensor:
        return (self._uniform(n) < probability).nonzero()[:, 0]

    # -- from the corpus ------------------------------------------------------------------------

    def _gather(self, kind: str, start: Tensor) -> Tensor:
        start = start.clamp(max=len(self.pcm[kind]) - self.frames)
        offsets = torch.arange(self.frames, device=self.device)
        return self.pcm[kind][start[:, None] + offsets].float() / 32768

    def _speech(self, n: int) -> Tensor:
        which = torch.multinomial(
            self.lengths.double(), n, replacement=True, generator=self.generator
        )
        room = (self.lengths[which] - self.frames).clamp_min(0)
        return self._gather("speech", self.starts[which] + (self._uniform(n) * room).long())

    def _anywhere(self, kind: str, n: int) -> Tensor:
        return self._gather(kind, (self._uniform(n) * (len(self.pcm[kind]) - self.frames)).long())

    # -- disturbances ---------------------------------------------------------------------------

    def _noise(self, n: int) -> Tensor:
        which = torch.multinomial(self.shares, n, replacement=True, generator=self.generator)
        rows = torch.empty(n, self.frames, device=self.device)
        for i, kind in enumerate(self.kinds):
            mask = which == i
            count = int(mask.sum())
            if count:
                made = getattr(self, f"_{kind}")(count)
                rows[mask] = made / level(made) * 0.1
        return rows

    def _sound(self, n: int) -> Tensor:
        return self._anywhere("sound", n)

    def _music(self, n: int) -> Tensor:
        return self._anywhere("music", n)

    def _babble(self, n: int) -> Tensor:
        voices = [self._anywhere("speech", n) for _ in range(6)]
        gains = [10 ** (self._uniform(n, 1, low=-9, high=0) / 20) for _ in voices]
        return sum(v / level(v) * g for v, g in zip(voices, gains, strict=True))

    def _colour(self, n: int) -> Tensor:
        """White to brown, unevenly so, its level wandering in half of the cases."""
        bins = self.frames // 2 + 1
        f = torch.linspace(0, 1, bins, device=self.device).clamp_min(1e-3)
        slope = self._uniform(n, 1, low=-0.3, high=2.2)
        bumps = self._uniform(n, 1, 12, low=-9, high=9)
        shape = torch.nn.functional.interpolate(bumps, bins, mode="linear")[:, 0]
        gain = f ** (-slope / 2) * 10 ** (shape / 20)
        spectrum = torch.complex(self._normal(n, bins), self._normal(n, bins)) * gain
        noise = torch.fft.irfft(spectrum, n=self.frames)
        wander = self._uniform(n, 1, 8, low=-12, high=0) * self._chance(n, 0.5)[..., None]
        envelope = torch.nn.functional.interpolate(wander, self.frames, mode="linear")[:, 0]
        return noise * 10 ** (envelope / 20)

    def _hum(self, n: int) -> Tensor:
        """Mains or a machine: harmonics that fall off, over a little coloured noise."""
        mains = torch.where(self._chance(n, 0.5), 50.0, 60.0)
        pitch = torch.where(self._chance(n, 0.6), mains, self._uniform(n, 1, low=70, high=500))
        t = torch.arange(self.frames, device=self.device) / self.samplerate
        slope = self._uniform(n, 1, low=0.3, high=1.6)
        out = torch.zeros(n, self.frames, device=self.device)
        for k in range(1, 9):
            phase = 2 * torch.pi * (k * pitch * t + self._uniform(n, 1))
            out += phase.sin() * self._uniform(n, 1) * k**-slope * (k * pitch < self.samplerate / 2)
        noise = self._colour(n)
        return out / level(out) + noise / level(noise) * 10 ** (
            self._uniform(n, 1, low=-25, high=0) / 20
        )

    def _room(self, speech: Tensor) -> tuple[Tensor, Tensor]:
        """Speech as a microphone in a room hears it, and its early part."""
        rows = self._chosen(len(speech), self.config.reverberation_probability)
        if not len(rows):
            return speech, speech
        n, length = len(rows), self.samplerate // 2
        t = torch.arange(length, device=self.device) / self.samplerate
        decay = self._uniform(n, 1, low=0.15, high=0.8)  # seconds for 60 dB
        tail = self._normal(n, length) * 10 ** (-3 * t / decay)
        tail = tail * (t > self._uniform(n, 1, low=0.002, high=0.01))  # after the direct sound
        direct = 10 ** (self._uniform(n, 1, low=-3, high=12) / 20)  # against all the rest
        response = tail / tail.square().sum(1, keepdim=True).sqrt()
        response[:, :1] = direct
        response = response / direct
        size = self.frames + length
        spectrum = torch.fft.rfft(speech[rows], n=size)
        early = response * (t < EARLY)
        heard, target = (
            torch.fft.irfft(spectrum * torch.fft.rfft(r, n=size), n=size)[:, : self.frames]
            for r in (response, early)
        )
        return speech.index_copy(0, rows, heard), speech.index_copy(0, rows, target)

    def _filter(self, x: Tensor) -> Tensor:
        """A random low-pass (3 kHz and up) and tilt (±6 dB over the band) for each row."""
        bins = x.shape[-1] // 2 + 1
        f = torch.linspace(0, 1, bins, device=self.device)
        cutoff = self._uniform(x.shape[1], 1, low=0.25, high=1.3)
        tilt = self._uniform(x.shape[1], 1, low=-6, high=6)
        gain = torch.sigmoid((cutoff - f) * 120) * 10 ** (tilt * (f - 0.3) / 20)
        return torch.fft.irfft(torch.fft.rfft(x) * gain, n=x.shape[-1])


def level(x: Tensor) -> Tensor:
    """Root of the mean power of the louder half of the time, ``[n, 1]``; pauses do not count."""
    power = x[:, : x.shape[1] // FRAME * FRAME].unflatten(1, (-1, FRAME)).square().mean(-1)
    loud = power.sort(dim=1).values[:, power.shape[1] // 2 :]
    return loud.mean(1, keepdim=True).sqrt().clamp_min(1e-4)
