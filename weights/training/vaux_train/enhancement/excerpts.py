"""Random excerpts of coded speech, at other levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .coding import FILE, QUIET
from .config import Data

CANDIDATES = 4  # for each excerpt of a batch: those that teach nothing are left out


class Sampler:
    """Batches of them, made on `device`, which nothing here asks for an answer."""

    def __init__(self, folder: Path, config: Data, device: torch.device, seed: int) -> None:
        self.config, self.device = config, device
        self.frames = config.judged + 2 * config.margin
        self.generator = torch.Generator(device=device).manual_seed(seed)
        # Hours of it: on a CPU it stays in its file.
        self.pcm = torch.from_numpy(np.load(folder / FILE, mmap_mode="c")).to(device)
        if len(self.pcm) < self.frames:
            raise ValueError(f"{folder / FILE}: {len(self.pcm)} samples are less than an excerpt")

    def _uniform(self, count: int, low: float, high: float) -> Tensor:
        draw = torch.rand(
            count, 1, 1, generator=self.generator, device=self.device, dtype=torch.float64
        )
        return draw * (high - low) + low

    def batch(self) -> Tensor:
        """Original, decoded, and decoded without noise: ``float32[3, batch, frames]``."""
        c = self.config
        starts = self._uniform(CANDIDATES * c.batch, 0, len(self.pcm) - self.frames + 1).long()
        offsets = torch.arange(self.frames, device=self.device)
        rows = self.pcm[starts[:, 0] + offsets].float() / 32768
        original, decoded, _ = rows[:, c.margin : c.margin + c.judged].unbind(2)
        power = original.square().mean(1)
        noise = (original - decoded).square().mean(1)
        useless = (power < QUIET) | (power > noise * 10 ** (c.snr / 10))
        rows = rows[useless.int().argsort(stable=True)[: c.batch]]
        # A quarter of the excerpts come at any level, the rest nearly as recorded.
        gain, other = (self._uniform(c.batch, *decibels) for decibels in ((-4, 4), (-25, 6)))
        gain = 10 ** (torch.where(self._uniform(c.batch, 0, 1) < 0.25, other, gain) / 20)
        gain = torch.minimum(gain, 1 / rows.abs().amax((1, 2), keepdim=True).clamp_min(1e-3))
        gain = gain * torch.sign(self._uniform(c.batch, -1, 1))
        return (rows * gain.float()).permute(2, 0, 1).contiguous()
