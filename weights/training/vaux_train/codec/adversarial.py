"""What trainers have in common whose network is taught by discriminators as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..config import Adversarial
from ..device import autocast
from ..trainer import Trainer
from .discriminator import Discriminators, discriminator_loss, generator_losses

RAMP = 200  # steps over which the discriminators gain their full say
MOST_AMPLIFIED = 2.0  # what discriminators say that know little yet is not made large


def balanced_gradient(
    likeness: Tensor,
    others: dict[str, Tensor],
    shares: dict[str, float],
    most: float = float("inf"),
) -> Tensor:
    """Sum of gradients at the samples, where each other one has a set share of the likeness's.

    Losses of unlike scale are weighed by what they do to the samples, not by their values (the
    balancer of EnCodec, Défossez et al. 2022, section 3.4). None is amplified more than `most`.
    """
    size = likeness.norm()
    total = likeness
    for name, gradient in others.items():
        scale = (size / gradient.norm().clamp_min(1e-12)).clamp_max(most)
        total = total + gradient * (shares[name] * scale)
    return total


class AdversarialTrainer(Trainer):
    """Base of these trainers, which call `add_judges` once their networks are there."""

    COUNTERS = ("step", "fresh_from", "adversarial_steps")
    ADAM: dict[str, Any] = {"betas": (0.8, 0.99), "weight_decay": 0.01}

    def add_judges(self, settings: Adversarial, beside: int = 0) -> None:
        """Make discriminators, which see so many further signals beside what they judge."""
        t = self.judging = settings
        sizes = t.discriminator_windows, t.discriminator_periods, t.discriminator_channels
        self.judges = Discriminators(*sizes, 1 + beside, t.emphasised).to(self.device)
        self.judge_optimiser = self.adamw(
            self.judges.parameters(), t.discriminator_lr, False, **self.ADAM
        )
        self.adversarial_steps = 0
        self.fresh_from = 0  # the step at which the optimiser had no moments yet

    @property
    def adversarial(self) -> bool:
        """Whether discriminators have a part in the next step."""
        begins = self.judging.adversarial_from
        return begins is not None and self.step >= begins

    def seen(self, y: Tensor, x: Tensor) -> Tensor:
        """What discriminators see of samples `y` whose original is `x`."""
        return y

    def judge(
        self, wanted: Tensor, x: Tensor, y: Tensor, log: dict[str, Tensor], *beside: Tensor
    ) -> Tensor | None:
        """One step of the discriminators; `wanted` with what they ask for, or None.

        It is None in the first steps, in which they learn alone.

        Parameters
        ----------
        wanted : Tensor
            Gradient at the samples `y` of all that is asked for without them.
        x, y : Tensor
            ``[B, N]``: original and decoded. The first rows are enough for the discriminators.
        log : dict of str to Tensor
            Gets their losses.
        *beside : Tensor
            Signals that they see together with either.
        """
        t = self.judging
        self.adversarial_steps += 1
        rows = -(-len(x) * t.discriminator_rows // 100)
        gradients = self._judge(x[:rows], y[:rows], log, *(s[:rows] for s in beside))
        if self.adversarial_steps <= t.alone:
            return None
        ramp = min(1.0, (self.adversarial_steps - t.alone) / RAMP)
        shares = {"deceive": ramp * t.adversarial, "feature": ramp * t.feature}
        first = balanced_gradient(wanted[:rows], gradients, shares, MOST_AMPLIFIED)
        return torch.cat([first, wanted[rows:]])

    def _judge(
        self, x: Tensor, y: Tensor, log: dict[str, Tensor], *beside: Tensor
    ) -> dict[str, Tensor]:
        """One step of the discriminators, and the gradients of what they said before it.

        Both come from the same forward pass, which saves a third of the discriminators' work.
        """
        decoded = y.detach().clone().requires_grad_()
        with autocast(self.device):
            beside = tuple(self.seen(s, x) for s in beside)
            said_real, said_decoded = self.judges(x, self.seen(decoded, x), *beside)
            loss = discriminator_loss(said_real, said_decoded)
            deceive, feature = generator_losses(said_real, said_decoded)
        gradients = {}
        for name, value in (("deceive", deceive), ("feature", feature)):
            (gradients[name],) = torch.autograd.grad(value, decoded, retain_graph=True)
        weights = list(self.judges.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient
        self.judge_optimiser.step()
        log |= {"judge": loss, "deceive": deceive, "feature": feature}
        return gradients

    # -- state ---------------------------------------------------------------------------------

    def save_for_resuming(self, folder: Path) -> None:
        """What a model folder needs beside its graphs for training to go on from it."""
        out = folder / "training"
        out.mkdir(parents=True, exist_ok=True)
        tensors = {n: t.half().contiguous() for n, t in self.judges.state_dict().items()}
        save_file(tensors, out / "discriminators.safetensors")
        state = {"step": self.step, "adversarial_steps": self.adversarial_steps}
        (out / "state.json").write_text(json.dumps(state) + "\n")

    def resume_from_folder(self, folder: Path) -> None:
        """Take over what `save_for_resuming` wrote; optimisers have no moments then."""
        state = json.loads((folder / "training" / "state.json").read_text())
        file = folder / "training" / "discriminators.safetensors"
        known = file.exists() and self.load_judges(load_file(file))
        self.step = self.fresh_from = state["step"]
        self.adversarial_steps = state["adversarial_steps"] if known else 0

    def load_judges(self, weights: dict[str, Tensor]) -> bool:
        """Discriminators of another run, if they are those of this configuration.

        If not, new ones must learn alone first.
        """
        own = self.judges.state_dict()
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in own.items()}:
            print("the discriminators are not those of this configuration: they start anew")
            return False
        self.judges.load_state_dict(weights)
        return True
