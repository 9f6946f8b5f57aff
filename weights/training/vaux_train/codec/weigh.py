"""Let the quantiser care less for some latents and more for others, with no other change.

The straight-through gradient tells the encoder nothing of how the quantiser's error should be
shared among the latents: it chooses by plain squared distance. So the latents of
bands that matter less are made smaller, and larger again where the decoder reads them; or those
that carry levels larger, and smaller again. Which code is nearest changes, and what each code
stands for does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .network import Codec
from .training import CodecTrainer


@torch.no_grad()
def weigh(trainer: CodecTrainer, above: float, factor: float, levels: float) -> None:
    """Multiply latents of what lies above so many Hz by `factor`, in weights and optimiser.

    A latent that carries something of both sides gets something between. Those that carry levels
    are multiplied by `levels`; so must be what they are held to, the config's ``level_per_db``.
    """
    scale = scales(trainer.average, above, factor, levels)
    for codec in (trainer.codec, trainer.average):
        for name, weight in codec.state_dict().items():
            weight *= change(name, weight, scale)
    state = trainer.optimiser.state
    for name, weight in trainer.codec.named_parameters():
        if weight in state:
            by = change(name, weight, scale)
            state[weight]["exp_avg"] /= by
            state[weight]["exp_avg_sq"] /= by**2


def scales(codec: Codec, above: float, factor: float, levels: float) -> Tensor:
    """What each latent is multiplied by, from what it becomes on the linear path."""
    c = codec.config
    power = codec.synthesis.weight.square()
    low = power[: round(above * 2 * c.hop / c.samplerate)].sum(0) / power.sum(0).clamp_min(1e-12)
    scale = factor + (1 - factor) * low
    scale[-c.level_latents :] = levels
    return scale


def change(name: str, weight: Tensor, scale: Tensor) -> Tensor:
    """What a weight has to be multiplied by."""
    if name in ("analysis.weight", "encoder.head.weight"):
        return scale[:, None]
    if name == "encoder.head.bias" or (name.startswith("quantiser.") and name != "quantiser.uses"):
        return scale
    if name in ("synthesis.weight", "decoder.embed.weight"):
        return 1 / scale.repeat(weight.shape[1] // len(scale))
    return torch.ones((), device=weight.device)
