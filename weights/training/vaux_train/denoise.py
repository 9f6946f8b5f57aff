"""Training of the denoiser: compressed spectra at two resolutions; bounded by minutes."""

from __future__ import annotations

import copy
import csv
import json
import signal
import time
from pathlib import Path

import torch
from torch import Tensor

from .denoise_export import export_denoiser, read_denoiser
from .denoiser import Config, Denoiser
from .noisy import NoisySampler, level

CHECKPOINT_MINUTES = 3
LOG = ("loss", "magnitude", "complex", "gradient", "rate", "minutes")
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


class DenoiserTrainer:
    """A run: its folder, its networks, and where it stands."""

    def __init__(self, config: Config, run: Path, device: torch.device) -> None:
        self.config, self.run, self.device = config, run, device
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.training.seed)
        self.model = Denoiser(config.model).to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.training.lr, weight_decay=0.01, fused=True
        )
        self.loss = SpeechLoss(config)
        self.step, self.stopping = 0, False

    def save(self) -> None:
        state = {n: getattr(self, n).state_dict() for n in ("model", "average", "optimiser")}
        temporary = self.run / "last.pt.tmp"
        torch.save(state | {"step": self.step}, temporary)
        temporary.replace(self.run / "last.pt")

    def resume(self, source: Path) -> None:
        """Go on from a checkpoint, or from a model folder (its graph and `training/`)."""
        if source.is_dir():
            for model in (self.model, self.average):
                model.load_state_dict(read_denoiser(source))
            self.step = json.loads((source / "training" / "state.json").read_text())["step"]
            return
        state = torch.load(source, map_location=self.device, weights_only=True)
        for name in ("model", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    def export(self, data: Path, out: Path) -> dict[str, float]:
        """Write the model folder, and what it takes for training to go on from it."""
        report = export_denoiser(self.average.cpu(), out, data)
        (out / "training").mkdir(exist_ok=True)
        (out / "training" / "state.json").write_text(json.dumps({"step": self.step}) + "\n")
        return report

    def train_step(self, sampler: NoisySampler, scale: float) -> dict[str, float]:
        t = self.config.training
        for group in self.optimiser.param_groups:
            group["lr"] = t.lr * scale * min(1.0, (self.step + 1) / t.warmup)
        noisy, target = sampler.batch()
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, magnitude, complex_ = self.loss(self.model, noisy, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradient = torch.nn.utils.clip_grad_norm_(self.model.parameters(), t.clip)
        if torch.isfinite(gradient):
            self.optimiser.step()
        self.step += 1
        decay = min(t.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            live, slow = self.model.state_dict(), self.average.state_dict()
            torch._foreach_lerp_(list(slow.values()), list(live.values()), 1 - decay)
        values = (loss, magnitude, complex_, gradient)
        return {name: float(v.detach()) for name, v in zip(LOG, values, strict=False)}

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def train(self, data: Path, minutes: float, log_every: int = 25) -> None:
        t = self.config.training
        sampler = NoisySampler(data, self.config, self.device, t.seed + self.step)
        signal.signal(signal.SIGTERM, self._stop)
        self.model.train()
        begin = mark = saved = time.monotonic()
        rows: list[dict[str, float]] = []
        while (
            not self.stopping
            and (elapsed := (time.monotonic() - begin) / 60) < minutes
            and self.step < t.steps
        ):
            left = (1 - elapsed / minutes) / t.cooldown
            rows.append(self.train_step(sampler, max(0.02, min(1.0, left))))
            now = time.monotonic()
            if self.step % log_every == 0:
                means = {n: sum(r[n] for r in rows) / len(rows) for n in rows[0]}
                self._log(means | {"rate": len(rows) / (now - mark), "minutes": elapsed})
                rows, mark = [], now
            if now - saved > CHECKPOINT_MINUTES * 60:
                self.save()
                saved = now
        self.save()

    def _log(self, row: dict[str, float]) -> None:
        path = self.run / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as f:
            writer = csv.writer(f)
            if new:
                writer.writerow(["step", *LOG])
            writer.writerow([self.step, *(f"{row[n]:.5g}" for n in LOG)])
        print(self.step, " ".join(f"{n}={row[n]:.4g}" for n in LOG), flush=True)
