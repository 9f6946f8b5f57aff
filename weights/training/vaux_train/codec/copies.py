"""Copies of the waveform-coded band, moved up: fine structure where only levels are coded.

What is coded as waves has partials and a voice's pulses; flattened and moved up by a fixed number
of coefficients, again and again, it has them above as well, in another place than they were
(spectral band replication: Dietz et al. 2002). The number is even, so that what is steady below
stays steady: an MDCT's phases then advance alike. How much of each band is a copy and how much is
noise, the decoder decides for every token.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .. import config

COPIED_FROM = 14  # the lowest coefficient that is copied; 525 Hz
REACH = 10  # neighbours on each side that a copy is flattened by
FLOOR = 1e-9  # of their mean power
BANDS = 8  # of the share of copies
SHARE = 0.9  # of the amplitude that is a copy, when training begins


class Copies(nn.Module):
    flatten: Tensor
    spread: Tensor

    def __init__(self, c: config.Model) -> None:
        super().__init__()
        first, count = c.noise_from, c.hop - c.noise_from
        copied = torch.arange(COPIED_FROM, first)
        near = (torch.arange(first)[:, None] - copied).abs() <= REACH
        self.register_buffer("flatten", near / near.sum(0), persistent=False)
        self.times = -(-count // len(copied))
        at = torch.linspace(0, BANDS - 1, count)
        spread = (1 - (torch.arange(BANDS)[:, None] - at).abs()).clamp_min(0)
        self.register_buffer("spread", spread, persistent=False)
        self.share = nn.Linear(c.decoder_dim, BANDS)
        with torch.no_grad():
            self.share.weight.zero_()
            self.share.bias.fill_(math.log(SHARE / (1 - SHARE)))

    def forward(self, low: Tensor, signs: Tensor, known: Tensor) -> Tensor:
        """Of mean square 1, ``[B, T, hop - first]`` in place of `signs`.

        `low` is ``[B, T, first]``, the coefficients that are coded as waves; `known` is what the
        decoder's trunk knows.
        """
        with torch.autocast(low.device.type, enabled=False):
            flat = low[..., COPIED_FROM:] / (low.square() @ self.flatten + FLOOR).sqrt()
            copied = flat.repeat(1, 1, self.times)[..., : signs.shape[-1]]
            share = self.share(known.float()).sigmoid() @ self.spread
            return share * copied + (1 - share.square() + FLOOR).sqrt() * signs
