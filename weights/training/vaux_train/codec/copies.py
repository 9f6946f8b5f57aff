"""Copies of the waveform-coded band, moved up: fine structure where only levels are coded.

What is coded as waves has partials and a voice's pulses; flattened and moved up by a fixed number
of coefficients, again and again, it has them above as well, in another place than they were
(spectral band replication: Dietz et al. 2002). The number is even, so that what is steady below
stays steady: an MDCT's phases then advance alike. With few codes the band below is hardly known
itself, and a copy is worse than noise. So a token with few codes has more noise.

What the band below has in common from token to token would sound as lines at multiples of the token
rate. In quiet passages that is much, so the mean of the tokens before is taken away, before what is
left is flattened: nothing becomes fainter by that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import config

COPIED_FROM = 14  # the lowest coefficient that is copied; 525 Hz
REACH = 10  # neighbours on each side that a copy is flattened by
FLOOR = 1e-9  # of mean powers
BEFORE = 4  # tokens whose mean is taken away
NONE, ALL = 1, 6  # codes of a token that has noise alone, or copies alone


class Copies(nn.Module):
    flatten: Tensor

    def __init__(self, c: config.Model) -> None:
        super().__init__()
        self.lookahead, self.count = c.lookahead, c.hop - c.noise_from
        near = neighbours(c.noise_from)
        self.register_buffer("flatten", near / near.sum(0), persistent=False)
        self.times = -(-self.count // near.shape[1])

    def forward(self, low: Tensor, signs: Tensor, counts: Tensor) -> Tensor:
        """Of mean square 1, ``[B, T, hop - first]`` in place of `signs`.

        `low` is ``[B, T, first]``, the coefficients that are coded as waves; `counts` are the
        numbers of codes, ``[B, T]``, of tokens that are heard `lookahead` tokens later.
        """
        with torch.autocast(low.device.type, enabled=False):
            level = low / (low.square().mean(-1, keepdim=True) + FLOOR).sqrt()
            past = F.pad(level, (0, 0, BEFORE, 0)).unfold(1, BEFORE, 1)[:, :-1]
            new = level - past.mean(-1)
            flat = new[..., COPIED_FROM:] / (new.square() @ self.flatten + FLOOR).sqrt()
            copied = flat.repeat(1, 1, self.times)[..., : self.count]
            late = F.pad(counts, (self.lookahead, 0))[:, : counts.shape[1], None]
            share = ((late - NONE) / (ALL - NONE)).clamp(0, 1)
            return share * copied + (1 - share.square()).sqrt() * signs


def neighbours(first: int) -> Tensor:
    """``bool[first, first - COPIED_FROM]``: what each copied coefficient is flattened by."""
    return (torch.arange(first)[:, None] - torch.arange(COPIED_FROM, first)).abs() <= REACH
