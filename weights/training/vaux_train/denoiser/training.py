"""Training of the denoiser: compressed spectra at two resolutions."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from torch import Tensor

from ..device import autocast
from ..trainer import Trainer, set_rate
from .config import Config
from .export import export_denoiser, read_denoiser
from .network import Denoiser
from .noisy import NoisySampler, level

RESOLUTION = 1024, 512  # window and hop of the second look, on the samples


class SpeechLoss:
    """Compressed magnitudes and compressed complex spectra, squared differences.

    Power 0.3 as in Wilson et al. 2018; taking speech away counts more than leaving noise, after
    Wang et al. 2020 ("VoiceFilter-Lite"). The level of the speech does not matter.
    """

    def __init__(self, config: Config) -> None:
        self.complex_share = config.training.complex_share
        self.loss_of_speech = config.training.loss_of_speech

    def __call__(
        self, model: Denoiser, noisy: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        scale = 0.1 / torch.maximum(level(target), 0.1 * level(noisy))
        real, imaginary = model.spectrum(noisy)
        wanted = model.transform.analyse(target * scale)
        at = scale[..., None]
        first = self._difference(real * at, imaginary * at, *wanted)
        hop, part = model.config.hop, -(-len(noisy) // 4)  # of the batch: it costs much
        samples = model.transform.synthesise(real[:part], imaginary[:part])[:, hop:]
        taper = torch.hann_window(RESOLUTION[0], device=noisy.device)
        spectra = torch.stft(
            torch.cat([samples * scale[:part], target[:part, :-hop] * scale[:part]]),
            *RESOLUTION,
            window=taper / taper.square().sum().sqrt(),
            return_complex=True,
        )
        ours, theirs = spectra.chunk(2)
        second = self._difference(ours.real, ours.imag, theirs.real, theirs.imag)
        magnitude, complex_ = (a + b for a, b in zip(first, second, strict=True))
        share = self.complex_share
        return (1 - share) * magnitude + share * complex_, magnitude, complex_

    def _difference(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        real, imaginary, wanted_real, wanted_imaginary = parts
        power = real.square() + imaginary.square() + 1e-7
        wanted = wanted_real.square() + wanted_imaginary.square() + 1e-7
        size, wanted_size = power.pow(0.15), wanted.pow(0.15)
        short = wanted_size - size
        magnitude = (short.square() + self.loss_of_speech * short.clamp_min(0).square()).mean()
        gain, wanted_gain = size * power.rsqrt(), wanted_size * wanted.rsqrt()
        complex_ = (real * gain - wanted_real * wanted_gain).square().mean()
        complex_ = complex_ + (imaginary * gain - wanted_imaginary * wanted_gain).square().mean()
        return magnitude, complex_


class DenoiserTrainer(Trainer):
    COLUMNS = ("loss", "magnitude", "complex", "gradient")

    def __init__(self, config: Config, folder: Path, device: torch.device) -> None:
        super().__init__(folder, device)
        self.config = config
        torch.manual_seed(config.training.seed)
        self.model = Denoiser(config.model).to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = self.adamw(
            self.model.parameters(), config.training.lr, False, weight_decay=0.01
        )
        self.loss = SpeechLoss(config)

    def resume(self, source: Path) -> None:
        """Go on from a checkpoint, or from a model folder (its graph and `training/`)."""
        if source.is_dir():
            for model in (self.model, self.average):
                model.load_state_dict(read_denoiser(source))
            self.step = json.loads((source / "training" / "state.json").read_text())["step"]
        else:
            super().resume(source)

    def export(self, data: Path, out: Path) -> dict[str, float]:
        """Write the model folder, and what it takes for training to go on from it."""
        report = export_denoiser(self.average.cpu(), out, data)
        (out / "training").mkdir(exist_ok=True)
        (out / "training" / "state.json").write_text(json.dumps({"step": self.step}) + "\n")
        return report

    def train_step(self, scale: float) -> dict[str, Tensor]:
        t = self.config.training
        set_rate(self.optimiser, t.lr * scale * min(1.0, (self.step + 1) / t.warmup))
        noisy, target = self.sampler.batch()
        with autocast(self.device):
            loss, magnitude, complex_ = self.loss(self.model, noisy, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradient = torch.nn.utils.clip_grad_norm_(self.model.parameters(), t.clip)
        if torch.isfinite(gradient):
            self.optimiser.step()
        self.step += 1
        self.follow(self.average, self.model, t.ema)
        values = (loss, magnitude, complex_, gradient)
        return {name: v.detach() for name, v in zip(self.COLUMNS, values, strict=True)}

    def train(self, data: Path, minutes: float, log_every: int = 25) -> None:
        t = self.config.training
        self.sampler = NoisySampler(data, self.config, self.device, t.seed + self.step)
        self.model.train()
        self.loop(self.train_step, minutes, t.steps, t.cooldown, log_every)
