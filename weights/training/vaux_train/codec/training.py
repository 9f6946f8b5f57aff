"""The training loop: reconstruction, and adversarial from some step on if that is asked for.

What is exported is a moving average of the weights. A run resumes from its checkpoint, or begins
from shipped graphs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..config import Config
from ..device import Recorded, autocast
from ..trainer import load_moments, set_rate
from .adversarial import AdversarialTrainer, balanced_gradient
from .allocation import averaged
from .excerpts import Sampler
from .graph import silence
from .levels import level_latents
from .losses import SpectralLoss, envelope_loss
from .network import Codec
from .quantiser import everywhere
from .shipped import load_weights, read_weights

NETWORKS = ("codec", "average", "judges")
OPTIMISERS = ("optimiser", "judge_optimiser")
SETTLED = 3  # tokens at the beginning of what is decoded, made without what was before them
SILENT_DISTORTION = 0.6  # about what `bundles.SILENT` makes it, once a model is exported
INITIAL_TOKENS = 40_000  # for the principal components and k-means
ADDED_TOKENS = 160_000  # for codebooks that are added later: what is left is nearly noise


class CodecTrainer(AdversarialTrainer):
    STATES = NETWORKS + OPTIMISERS
    COLUMNS = ("mel", "spectrum", "levels", "loudness", "waveform", "commitment", "levels_off",
               "envelope", "judge", "deceive", "feature", "gradient", "used_first", "used_last",
               "wave_size")  # fmt: skip

    def __init__(self, config: Config, folder: Path, device: torch.device) -> None:
        super().__init__(folder, device)
        self.config = config
        torch.manual_seed(config.training.seed)
        t = config.training
        self.codec = Codec(config.model).to(device)
        self.average = copy.deepcopy(self.codec).eval().requires_grad_(False)
        self.add_judges(t)
        self.spectral = SpectralLoss(config.model.samplerate).to(device)
        recorded = device.type == "cuda" and t.adversarial_from is None
        self.update = Recorded(self._update) if recorded else self._update
        groups = [{"params": part, "pace": pace} for part, pace in self._paces() if part]
        self.optimiser = self.adamw(groups, t.lr, recorded, **self.ADAM)
        self.bitrates = torch.tensor(t.bitrates, device=device)
        self.known = config.model.codebooks  # those that are there; `train` makes the others

    def _paces(self) -> list[tuple[list[torch.nn.Parameter], float]]:
        """The codec's weights, and how fast they learn: the enhancer last, as in the codec."""
        enhancer = [p for n, p in self.codec.named_parameters() if n.startswith("enhancer.")]
        others = [p for n, p in self.codec.named_parameters() if not n.startswith("enhancer.")]
        return [(others, self.config.training.pace), (enhancer, 1.0)]

    # -- state ---------------------------------------------------------------------------------

    def resume(self, source: Path) -> None:
        """Go on from a checkpoint, or from a model folder (graphs and `training/`).

        Of a model with more codebooks, the first are taken: any number of them is a model. To a
        model folder with fewer, further ones are added once there is data, and nothing else
        changes. Discriminators of another kind are left out, and new ones learn alone first.
        """
        if source.is_dir():
            weights = self._cut(read_weights(source))
            self.known = len(weights["quantiser.codebooks"])
            more = self.config.model.codebooks - self.known
            for name, weight in weights.items():
                if name.startswith("quantiser."):
                    weights[name] = torch.cat([weight, weight.new_zeros(more, *weight.shape[1:])])
            for codec in (self.codec, self.average):
                load_weights(codec, weights)
            self.resume_from_folder(source)
            return
        state = torch.load(source, map_location=self.device, weights_only=True)
        for codec in ("codec", "average"):
            getattr(self, codec).load_state_dict(self._cut(state[codec]))
        load_moments(self.optimiser, self._cut_moments(state["optimiser"]))
        for counter in self.COUNTERS:
            setattr(self, counter, state[counter])
        if self.load_judges(state["judges"]):
            load_moments(self.judge_optimiser, state["judge_optimiser"])
        else:
            self.adversarial_steps = 0

    def _cut(self, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        stages = self.config.model.codebooks
        return {n: w[:stages] if n.startswith("quantiser.") else w for n, w in weights.items()}

    def _cut_moments(self, optimiser: dict[str, Any]) -> dict[str, Any]:
        """The same of an optimiser's state, which knows parameters by their number."""
        stages = self.config.model.codebooks
        for i, (name, _) in enumerate(self.codec.named_parameters()):
            if name.startswith("quantiser.") and (state := optimiser["state"].get(i)):
                optimiser["state"][i] = {
                    key: value[:stages].clone() if value.dim() else value
                    for key, value in state.items()
                }
        return optimiser

    # -- one step ------------------------------------------------------------------------------

    def random_stages(self, n: int) -> torch.Tensor:
        """Codebooks for each row: mostly the advertised bitrates, sometimes any."""
        chosen = self.bitrates[torch.randint(len(self.bitrates), (n,), device=self.device)]
        anything = torch.randint(1, self.config.model.codebooks + 1, (n,), device=self.device)
        return torch.where(torch.rand(n, device=self.device) < 0.3, anything, chosen)

    def allocation(self, stages: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """For the quantiser: so many codes in every token, or on average, as files have them."""
        share = self.config.training.averages
        if not share:
            return everywhere(stages)
        varies = torch.rand(len(stages), 1, device=self.device) < share

        def choose(distortion: torch.Tensor) -> torch.Tensor:
            depth = averaged(distortion, stages, SILENT_DISTORTION)
            return depth.where(varies, stages[:, None])

        return choose

    def _freeze_codes(self) -> None:
        """What makes the codes is that of the average, which is exported, and follows nothing."""
        live, slow = self.codec.state_dict(), self.average.state_dict()
        for name in slow:
            made_of = ("encoder.", "analysis.", "quantiser.")
            if name.startswith(made_of) and name != "quantiser.corrections":
                live[name].copy_(slow[name])
        self.codec.quantiser.eval()

    def sample(self, tokens: int) -> torch.Tensor:
        batches = -(-tokens // (self.config.data.batch * self.config.data.tokens))
        return torch.cat([self.sampler.batch() for _ in range(batches)])

    def initialise(self) -> None:
        """Linear path and codebooks from the data itself, before the first step."""
        self.codec.initialise(self.sample(INITIAL_TOKENS))
        self.average.load_state_dict(self.codec.state_dict())

    @torch.no_grad()
    def add_codebooks(self) -> None:
        """Those that the model lacks which this run goes on from."""
        pcm = self.sample(ADDED_TOKENS).split(self.config.data.batch)
        latents = torch.cat([self.average.encode(x).flatten(0, 1) for x in pcm])
        self.average.quantiser.initialise(latents, self.known)
        self.codec.quantiser.load_state_dict(self.average.quantiser.state_dict())
        self.known = self.config.model.codebooks

    def train_step(self, scale: float) -> dict[str, torch.Tensor]:
        t = self.config.training
        warm = min(1.0, (self.step - self.fresh_from + 1) / t.warmup)
        set_rate(self.optimiser, t.lr * scale * warm)
        set_rate(self.judge_optimiser, t.discriminator_lr * scale)
        x = self.sampler.batch()
        stages = self.random_stages(len(x))
        log = self.update(x, stages)
        self.follow(self.average, self.codec, t.ema)
        self.step += 1
        return log

    def _update(self, x: torch.Tensor, stages: torch.Tensor) -> dict[str, torch.Tensor]:
        """One step with these samples, each row with so many codes."""
        t = self.config.training
        with autocast(self.device):
            with torch.set_grad_enabled(not t.decoder_only):
                latents = self.codec.encode(x)
            nothing = silence(self.codec)
            quantised, commitment, used = self.codec.quantiser(
                latents, self.allocation(stages), nothing
            )
            y = self.codec.decode(quantised, self.config.data.skipped)
        levels_off = self._levels_off(latents, x)
        wave_size = latents[..., : -self.config.model.level_latents].square().mean()
        hop, skipped = self.config.model.hop, self.config.data.skipped
        settled = SETTLED * hop if skipped else 0
        y = y[:, self.codec.delay + settled :]
        x = x[:, skipped * hop + settled : x.shape[1] - self.codec.delay]
        # With few codes the waveform cannot be known, and the smallest error of a value that is not
        # known is reached by making it small: that loss and the others would pull apart.
        known = stages.float() * (len(t.bitrates) / sum(t.bitrates))
        mel, spectrum, levels, loudness = self.spectral(y, x, known)
        waveform = (y - x).abs().mean()
        likeness = t.mel * mel + t.spectrum * spectrum + t.levels * levels
        likeness = likeness + t.loudness * loudness + t.waveform * waveform
        log = {"mel": mel, "spectrum": spectrum, "levels": levels, "loudness": loudness}
        log["waveform"] = waveform
        log |= {"commitment": commitment, "levels_off": levels_off.detach().sqrt()}
        log["levels_off"] /= self.config.model.level_per_db
        log |= {"used_first": used[0], "used_last": used[-1], "wave_size": wave_size}
        if self.adversarial:
            wanted = self._wanted(likeness, x, y, log)
            if wanted is None:
                return {k: v.detach() for k, v in log.items()}
            loss = (y * wanted).sum()
        else:
            loss = likeness
        loss = loss + t.commitment * commitment + t.level_latents * levels_off
        loss = loss + t.too_large * (wave_size / t.wave_size - 1).clamp_min(0)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        log["gradient"] = torch.nn.utils.clip_grad_norm_(self.codec.parameters(), t.clip)
        self.optimiser.step()
        return {k: v.detach() for k, v in log.items()}

    def _wanted(
        self, likeness: torch.Tensor, x: torch.Tensor, y: torch.Tensor, log: dict[str, torch.Tensor]
    ) -> torch.Tensor | None:
        """The gradient at the samples `y` of all that is asked for, see `judge`."""
        t = self.config.training
        (wanted,) = torch.autograd.grad(likeness, y, retain_graph=True)
        samples = y.detach().requires_grad_()
        log["envelope"] = envelope_loss(samples, x, self.config.model.samplerate)
        (envelope,) = torch.autograd.grad(log["envelope"], samples)
        wanted = balanced_gradient(wanted, {"envelope": envelope}, {"envelope": t.envelope})
        return self.judge(wanted, x, y, log)

    def _levels_off(self, latents: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Mean square distance of the latents that are to carry levels from what they should be."""
        model = self.config.model
        wanted = level_latents(x, model)
        return torch.nn.functional.mse_loss(latents[..., -model.level_latents :], wanted)

    # -- the whole run -------------------------------------------------------------------------

    def sample_from(self, data: Path) -> None:
        """Take excerpts from the arrays in this folder from now on."""
        seed = self.config.training.seed + self.step
        self.sampler = Sampler(data, self.config, self.device, seed)

    def train(self, data: Path, minutes: float, log_every: int = 25) -> None:
        t = self.config.training
        self.sample_from(data)
        if self.step == 0:
            self.initialise()
        elif self.known < self.config.model.codebooks:
            self.add_codebooks()
        self.codec.train()
        if t.decoder_only:
            self._freeze_codes()
        self.loop(self.train_step, minutes, t.steps, t.cooldown, log_every)
