"""From a codec whose latents are all waves to one with latents for levels as well.

Left to itself, training does not get there: the latents that are added wander off before the
decoder has learned to listen. So the encoder learns them first, and `Training.level_latents` holds
them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .levels import PER_DB, level_latents
from .network import Codec
from .quantiser import ResidualQuantiser

LESSONS = 300  # steps in which the encoder alone learns the levels
LR = 5e-4
LLOYD = 6


def widen(narrow: Codec, wide: Codec, pcm: Tensor) -> dict[str, float]:
    """Fill `wide` with what `narrow` knows; its additional latents carry levels.

    The linear path to them starts by least squares; then the whole encoder learns the levels, and
    to leave the latents that were there as they were. The codebooks follow by Lloyd's iterations
    from where they were. The decoder is untouched: it hears the new latents through weights of
    zero, from which training goes on.

    Returns
    -------
    dict
        ``level_error_db`` after least squares and after the encoder's lessons, before quantising;
        ``left``, the mean square that all codebooks leave.
    """
    old = narrow.config.latent_dim
    copy_weights(narrow, wide)
    batches = pcm.split(16)
    with torch.no_grad():
        wanted = [
            torch.cat([narrow.encode(rows), level_latents(rows, wide.config)], -1)
            for rows in batches
        ]
        wide.start_levels(pcm)

    def error() -> float:
        with torch.no_grad():
            pairs = zip(batches, wanted, strict=True)
            off = torch.cat([(wide.encode(rows) - target)[..., old:] for rows, target in pairs])
        return float(off.square().mean().sqrt() / PER_DB)

    errors = [error()]
    parameters = [*wide.encoder.parameters(), *wide.analysis.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=LR, betas=(0.8, 0.99))
    for step in range(LESSONS):
        for group in optimiser.param_groups:
            group["lr"] = LR * min(1, (step + 1) / 50) * (1 - step / LESSONS)
        at = int(torch.randint(len(batches), ()))
        with torch.autocast(pcm.device.type, torch.bfloat16):
            latents = wide.encode(batches[at])
        loss = F.mse_loss(latents, wanted[at])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    errors.append(error())

    with torch.no_grad():
        rest = torch.cat([wide.encode(rows).flatten(0, 1) for rows in batches])
        left = refine_codebooks(wide.quantiser, rest)
    return {"level_error_db": errors, "left": left}


def copy_weights(narrow: Codec, wide: Codec) -> None:
    """Everything of `narrow`; what is new in `wide` is zero."""
    old, new = narrow.config.latent_dim, wide.config.latent_dim
    state = wide.state_dict()
    for name, tensor in narrow.state_dict().items():
        target = state[name].zero_()
        if name == "decoder.embed.weight":  # several tokens side by side
            taps = narrow.decoder.taps
            target.view(len(target), taps, new)[..., :old] = tensor.view(len(tensor), taps, old)
        else:
            target[tuple(slice(n) for n in tensor.shape)] = tensor
    wide.load_state_dict(state)


def refine_codebooks(quantiser: ResidualQuantiser, rest: Tensor) -> float:
    """Lloyd's iterations of each stage from where it is, on rows ``[N, dim]``."""
    for stage in range(quantiser.stages):
        for _ in range(LLOYD):
            index = quantiser.nearest(stage, rest)
            counts = torch.bincount(index, minlength=quantiser.size).float()[:, None]
            sums = torch.zeros_like(quantiser.codebooks[stage]).index_add_(0, index, rest)
            kept = quantiser.codebooks[stage]
            quantiser.codebooks[stage] = torch.where(counts > 0, sums / counts.clamp_min(1), kept)
        rest = rest - quantiser.codebooks[stage][quantiser.nearest(stage, rest)]
    quantiser.restart_statistics()
    return float(rest.square().mean())
