"""Copies of the waveform-coded band, moved up: fine structure where only levels are coded.

The decoder knows how loud the upper bands are, not what is in them. Asked for levels only, a
network puts a few steady tones there, which no measure of levels hears and every listener does. So
from some coefficient on only the power that it gives is used, smoothed over neighbours.

What gets this power is what is coded as waves below. That has partials and a voice's pulses;
flattened and moved up by a fixed number of coefficients, again and again, it has them above as
well, in another place than they were (spectral band replication: Dietz et al. 2002). The number is
even, so that what is steady below stays steady: an MDCT's phases then advance alike.

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
WIDTH = 24  # coefficients over which copies take over
SMOOTH = 6  # neighbours on each side that the power of copies is smoothed over
POWER_FLOOR = 1e-12  # of it, so that its root has a slope at zero


class Copies(nn.Module):
    flatten: Tensor
    smooth: Tensor
    share: Tensor

    def __init__(self, c: config.Model) -> None:
        super().__init__()
        self.first = c.copies_from
        k = torch.arange(c.hop)
        near = (k[: self.first, None] - k[COPIED_FROM : self.first]).abs() <= REACH
        around = (k[:, None] - k[self.first :]).abs() <= SMOOTH
        share = ((k[self.first :] - self.first + 1) / WIDTH).clamp(max=1)
        self.register_buffer("flatten", near / near.sum(0), persistent=False)
        self.register_buffer("smooth", around / around.sum(0), persistent=False)
        self.register_buffer("share", share, persistent=False)
        self.times = -(-(c.hop - self.first) // near.shape[1])

    def forward(self, c: Tensor) -> Tensor:
        """Coefficients ``[B, T, hop]``, with copies in place of those that are too high."""
        first = self.first
        with torch.autocast(c.device.type, enabled=False):
            power = c.square() @ self.smooth
            level = (power * self.share + POWER_FLOOR).sqrt()
            kept = c[..., first:] * (1 - self.share).sqrt()
            return torch.cat([c[..., :first], kept + level * self.copied(c[..., :first])], -1)

    def copied(self, low: Tensor) -> Tensor:
        """Of mean square 1, ``[B, T, hop - first]``, from ``[B, T, first]``."""
        level = low / (low.square().mean(-1, keepdim=True) + FLOOR).sqrt()
        past = F.pad(level, (0, 0, BEFORE, 0)).unfold(1, BEFORE, 1)[:, :-1]
        new = level - past.mean(-1)
        flat = new[..., COPIED_FROM:] / (new.square() @ self.flatten + FLOOR).sqrt()
        return flat.repeat(1, 1, self.times)[..., : len(self.share)]
