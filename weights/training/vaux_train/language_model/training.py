"""Training of the language model over codes.

A run begins in floating point; then the roundings of the integer model are switched on for good.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from vauxio.entropy.allocation import Allocation

from ..config import Config
from ..device import Recorded, autocast
from ..trainer import Trainer, set_rate
from .codes import CodeSampler, kept
from .network import TokenModel
from .start import start_from


class LanguageModelTrainer(Trainer):
    COLUMNS = ("bits", "first", "gradient")

    def __init__(self, config: Config, folder: Path, device: torch.device) -> None:
        super().__init__(folder, device)
        self.config = config
        torch.manual_seed(config.lm.seed)
        self.model = TokenModel(config.model, config.lm).to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        decayed = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() == 1]
        self.known = 0  # codebooks that something was learned of
        self.recorded = device.type == "cuda"
        self.update = self._as_recorded()
        self.optimiser = self.adamw(
            [
                {"params": decayed, "weight_decay": config.lm.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            config.lm.lr,
            self.recorded,
            betas=(0.9, 0.98),
        )

    def resume(self, checkpoint: Path) -> None:
        super().resume(checkpoint)
        self.known = self.config.model.codebooks

    def start(self, folder: Path) -> None:
        """Begin from the language model of a model folder."""
        self.known = start_from(self.model, folder)
        self.average.load_state_dict(self.model.state_dict())
        self.step = self.config.lm.float_steps

    def train_step(self, scale: float) -> dict[str, torch.Tensor]:
        c = self.config.lm
        set_rate(self.optimiser, c.lr * scale * min(1.0, (self.step + 1) / c.warmup))
        if self.model.rounding != (rounding := self.step >= c.float_steps):
            self.model.set_rounding(rounding)
            self.update = self._as_recorded()
        codes, needed = self.sampler.batch()
        allocation = self._allocation(self._used(), needed)
        codes = kept(codes, needed, allocation, self.model.size)
        if not self.recorded:  # codebooks that no token has need no scores
            codes = codes[..., : allocation.codebooks]
        log = self.update(codes)
        self.follow(self.average, self.model, c.ema)
        self.step += 1
        return log

    def _as_recorded(self) -> Callable[[torch.Tensor], dict[str, torch.Tensor]]:
        return Recorded(self._update) if self.recorded else self._update

    def _update(self, codes: torch.Tensor) -> dict[str, torch.Tensor]:
        with autocast(self.device):
            bits = self.model.bits(codes, codes.shape[2])
        self.optimiser.zero_grad(set_to_none=True)
        # Every codebook counts alike, so with few of them a step is a smaller one.
        (bits.sum() / self.model.codebooks).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.lm.clip)
        self.optimiser.step()
        return {"bits": bits.detach().mean(), "first": bits[0].detach(), "gradient": norm}

    def _used(self) -> int:
        """How many codes tokens have in this batch, about: mostly those of bitrates advertised."""
        if self.sampler.random.random() < 0.3:
            return int(self.sampler.random.integers(1, self.model.codebooks + 1))
        return int(self.sampler.random.choice(self.config.lm.codebooks))

    def _allocation(self, used: int, needed: np.ndarray) -> Allocation:
        """So many codes on average, or about; or in every token."""
        draw, books = self.sampler.random.random(), self.model.codebooks
        if draw < self.config.lm.constant:
            return Allocation.constant(used)
        if draw < self.config.lm.constant + self.config.lm.quality:
            # Half of the spans need more than so many, about.
            return Allocation(books, distortion=float(np.median(needed[:, used - 1])))
        return Allocation.averaging(used, books)

    def train(self, codes: Path, minutes: float, log_every: int = 25) -> None:
        c = self.config.lm
        self.sampler = CodeSampler(codes, c, self.device, c.seed + self.step)
        vectors = torch.from_numpy(np.load(codes / "codebooks.npy"))
        for model in (self.model, self.average):
            model.take_vectors(vectors)
        if self.known < self.config.model.codebooks:
            sample = torch.cat([self.sampler.batch()[0] for _ in range(50)])
            self.model.start_from_frequencies(sample, self.known)
            self.average.load_state_dict(self.model.state_dict())
            self.known = self.config.model.codebooks
        self.model.train()
        self.loop(self.train_step, minutes, c.steps, c.cooldown, log_every)
