"""An enhancer that begins with what another model's has learned.

Its weights serve behind any decoder that makes about the same sound. Only what it is told of the
decoder's trunk is in another language there: that map is fitted anew by least squares. The
discriminators come along, so that nothing has to learn alone first.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from .. import config
from .graph import decoded_latents
from .levels import least_squares
from .network import Codec
from .training import CodecTrainer

TOKENS = 20_000  # to fit to


@torch.no_grad()
def borrow(trainer: CodecTrainer, lender: config.Config, source: Path, data: Path) -> None:
    """Give `trainer` the enhancer and the discriminators of the model at `source`.

    `source` is a checkpoint or a model folder of the configuration `lender`; `data` is what
    ``prepare`` wrote, to fit to.
    """
    lender = dataclasses.replace(lender, training=trainer.config.training)
    other = CodecTrainer(lender, trainer.folder, trainer.device)
    other.start(source)
    trainer.sample_from(data)
    pcm = trainer.sample(TOKENS)
    stages = trainer.random_stages(len(pcm))
    enhancer = other.average.enhancer
    if enhancer is None or trainer.average.enhancer is None:
        raise SystemExit("both models need an enhancer: set model.enhancer_blocks")
    told = enhancer.context(known(other.average, pcm, stages))
    weight, bias = least_squares(known(trainer.average, pcm, stages), told)
    weights = enhancer.state_dict() | {"context.weight": weight, "context.bias": bias}
    for codec in (trainer.codec, trainer.average):
        assert codec.enhancer is not None
        codec.enhancer.load_state_dict(weights)
    trainer.judges.load_state_dict(other.judges.state_dict())
    trainer.adversarial_steps = other.adversarial_steps


def known(codec: Codec, pcm: Tensor, stages: Tensor) -> Tensor:
    """What the decoder's trunk makes of each token of ``[B, T·hop]`` samples: ``[B·T, dim]``."""
    rows = [codec.decoder.body(latents) for latents in decoded_latents(codec, pcm, stages)]
    return torch.cat(rows).flatten(0, 1)
