"""Training of the enhancement: likeness at first, then discriminators as well."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import firwin
from torch import Tensor

from ..codec.adversarial import AdversarialTrainer, balanced_gradient
from ..codec.losses import SpectralLoss, envelope_loss
from ..device import autocast
from ..trainer import set_rate
from .config import SAMPLERATE, Config
from .excerpts import Sampler
from .export import export_enhancement, read_enhancement
from .losses import coded_loss
from .network import Enhancement

LOW_PASS, LOW_PASS_ABOVE = 48, 0.01  # samples to each side; of the spectrum
JUDGES_LOWEST = 0.3  # what the discriminators' learning rate falls towards, of what it was


class EnhancementTrainer(AdversarialTrainer):
    """Discriminators see the samples beside those that were decoded, before the network."""

    STATES = ("model", "average", "judges", "optimiser", "judge_optimiser")
    COLUMNS = ("mel", "coded", "levels", "loudness", "envelope", "judge", "deceive", "feature",
               "gradient")  # fmt: skip

    def __init__(self, config: Config, folder: Path, device: torch.device) -> None:
        super().__init__(folder, device)
        self.config = config
        t = config.training
        torch.manual_seed(t.seed)
        self.model = Enhancement(config.model).to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = self.adamw(self.model.parameters(), t.lr, False, **self.ADAM)
        short = self.model.short
        self.share = 2 * short.bins / short.window  # of the spectrum, that the network changes
        self.add_judges(t, beside=1)
        self.spectral = SpectralLoss(SAMPLERATE).to(device)
        taps = firwin(2 * LOW_PASS + 1, self.share + LOW_PASS_ABOVE, window="hamming")
        self.low_pass = torch.from_numpy(taps.astype(np.float32))[None, None].to(device)

    def resume(self, source: Path) -> None:
        """Go on from a checkpoint, or from a model folder (its graph and `training/`)."""
        if not source.is_dir():
            super().resume(source)
            return
        weights = read_enhancement(source)
        for model in (self.model, self.average):
            model.load_state_dict(weights)
        self.resume_from_folder(source)

    def seen(self, y: Tensor, x: Tensor) -> Tensor:
        """`y` with the original's high frequencies: discriminators would know it by its own."""
        return x + F.conv1d((y - x)[:, None], self.low_pass, padding=LOW_PASS)[:, 0]

    def export(self, out: Path) -> dict[str, float]:
        """Write into the model folder, with what it takes for training to go on from it."""
        report = export_enhancement(self.average.cpu(), out)
        self.save_for_resuming(out)
        return report

    def train_step(self, scale: float) -> dict[str, Tensor]:
        t = self.config.training
        rate = t.adversarial_lr if self.adversarial else t.lr
        warm = min(1.0, (self.step - self.fresh_from + 1) / t.warmup)
        set_rate(self.optimiser, rate * scale * warm)
        judges_scale = JUDGES_LOWEST + (1 - JUDGES_LOWEST) * scale
        set_rate(self.judge_optimiser, t.discriminator_lr * judges_scale)
        log = self._update(*self.sampler.batch())
        self.step += 1
        self.follow(self.average, self.model, t.ema)
        return {k: v.detach() for k, v in log.items()}

    def _update(self, original: Tensor, decoded: Tensor, coded: Tensor) -> dict[str, Tensor]:
        """One step with these excerpts."""
        with autocast(self.device):
            enhanced = self.model(decoded, coded)
        data, log = self.config.data, {}
        inner = slice(data.margin, data.margin + data.judged)
        x, y, decoded, coded = (s[:, inner] for s in (original, enhanced, decoded, coded))
        wanted = self._likeness(x, y.detach(), decoded, coded, log)
        if self.adversarial:
            wanted = self.judge(wanted, x, y, log, decoded)
            if wanted is None:
                return log
        self.optimiser.zero_grad(set_to_none=True)
        y.backward(wanted)
        clip = self.config.training.clip
        log["gradient"] = torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        self.optimiser.step()
        return log

    def _likeness(
        self, x: Tensor, y: Tensor, decoded: Tensor, coded: Tensor, log: dict[str, Tensor]
    ) -> Tensor:
        """The gradient at the samples `y` of all that is asked for but by discriminators."""
        t = self.config.training
        y.requires_grad_()
        mel, _, levels, loudness = self.spectral(y, x, torch.zeros_like(x[:, 0]))
        near = coded_loss(y, x, coded, decoded - coded, self.share)
        log |= {"mel": mel, "coded": near, "levels": levels, "loudness": loudness}
        likeness = t.mel * mel + t.coded * near + t.levels * levels + t.loudness * loudness
        (wanted,) = torch.autograd.grad(likeness, y)
        log["envelope"] = envelope_loss(y, x, SAMPLERATE)
        (envelope,) = torch.autograd.grad(log["envelope"], y)
        return balanced_gradient(wanted, {"envelope": envelope}, {"envelope": t.envelope})

    def train(self, data: Path, minutes: float, log_every: int = 25) -> None:
        t = self.config.training
        self.sampler = Sampler(data, self.config.data, self.device, t.seed + self.step)
        self.model.train()
        self.loop(self.train_step, minutes, t.steps, t.cooldown, log_every)
