"""Random excerpts of the corpus, augmented: mixed, filtered, noisy, louder or softer, faster."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from ..config import Config
from ..corpus import SPEEDS, resized


class Sampler:
    """Random augmented excerpts, ``float32 [batch, frames]``, made on `device`.

    Nothing here asks the device for an answer: a GPU is given its work ahead.
    """

    def __init__(self, folder: Path, config: Config, device: torch.device, seed: int) -> None:
        self.config, self.device = config.data, device
        self.frames = config.data.tokens * config.model.hop
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.random = random.Random(seed)
        arrays = [np.load(folder / f"{kind}.npy") for kind in config.data.mix]
        self.pcm = torch.from_numpy(np.concatenate(arrays)).to(device)
        if (least := min(map(len, arrays))) < self.frames * max(SPEEDS):
            raise ValueError(f"{folder}: {least} samples of a kind are too few for an excerpt")
        lengths = torch.tensor([len(a) for a in arrays], dtype=torch.float64, device=device)
        self.lengths, self.starts = lengths, lengths.cumsum(0) - lengths
        shares = torch.tensor(list(config.data.mix.values()), device=device)
        self.up_to = (shares / shares.sum()).cumsum(0)[:-1]

    def _uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        draw = torch.rand(*shape, generator=self.generator, device=self.device, dtype=dtype)
        return draw * (high - low) + low

    def _cut(self, count: int, frames: int) -> torch.Tensor:
        """Excerpts from anywhere; one that is nearly silent is drawn again, once."""
        which = torch.bucketize(self._uniform(count), self.up_to)
        offsets = torch.arange(frames, device=self.device)

        def cut() -> torch.Tensor:
            draw = self._uniform(count, dtype=torch.float64)
            at = self.starts[which] + draw * (self.lengths[which] - frames)
            return self.pcm[at.long()[:, None] + offsets].float() / 32768

        first, again = cut(), cut()
        quiet = first.square().mean(1, keepdim=True) < 1e-6
        return torch.where(quiet, again, first)

    def _excerpts(self, count: int) -> torch.Tensor:
        """Some of them at another speed, and so of another pitch."""
        changed = round(count * self.config.speed_share)
        rows = self._cut(count - changed, self.frames)
        if changed:
            frames = round(self.frames * self.random.choice(SPEEDS))
            rows = torch.cat([rows, resized(self._cut(changed, frames), self.frames)])
        return rows[self._uniform(count).argsort()]

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

        def chance(probability: float) -> torch.Tensor:
            return self._uniform(n, 1) < probability

        x = self._excerpts(n)
        other = self._excerpts(n) * 10 ** (self._uniform(n, 1, low=-15, high=3) / 20)
        x = torch.where(chance(c.mix_probability), x + other, x)
        x = torch.where(chance(c.filter_probability), self._filter(x), x)
        noise = torch.randn(x.shape, generator=self.generator, device=self.device)
        noise = noise * 10 ** (self._uniform(n, 1, low=-70, high=-35) / 20)
        x = torch.where(chance(c.noise_probability), x + noise, x)
        # A quarter of the excerpts come at any level, the rest nearly as recorded.
        gain = self._uniform(n, 1, low=-4, high=4)
        gain = torch.where(chance(0.25), self._uniform(n, 1, low=-25, high=6), gain)
        x = x * 10 ** (gain / 20) * torch.sign(self._uniform(n, 1) - 0.5)
        return x / x.abs().amax(1, keepdim=True).clamp_min(1.0)
