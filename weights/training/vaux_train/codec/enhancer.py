"""Fine structure: a network at four frames a token makes of levelled noise what was there.

The decoder's own head gives levels everywhere and waves as far as the codes carry them; above,
all that it has is noise. This network hears that sound frame by frame (short-time spectra of
13.3 ms, four a token), knows what the decoder's trunk knows, and answers with a complex gain for
every bin, a share of the voice's own pulses and whatever it adds by itself.

The pulses are the harmonics that the rectified low band has at higher frequencies, as flat as
noise. They follow the voice's pitch in phase, which a network would need many more layers for
(Makhoul & Berouti 1979; as an excitation of networks, Wang, Takaki & Yamagishi 2019).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import config
from ..trunk import Trunk

FRAMES = 4  # a token
WINDOW = 4  # hops
COMPRESSION = -0.3  # of power, in what the network sees
FLOOR = 1e-5  # of power
NEAR = 6  # bins on each side that the level of a bin is the mean of
PULSE_WAVES = 64  # coefficients of the band that pulses are made of


class ShortTime(nn.Module):
    """Causal STFT and its inverse, Hann windows of four hops.

    Frame t's window ends at sample (t + 1)·hop; the inverse comes a window later, of which three
    hops are the windows' overlap. The fourth makes it a whole token.
    """

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop, self.window, self.delay = hop, WINDOW * hop, WINDOW * hop
        self.bins = self.window // 2 + 1
        n = torch.arange(self.window, dtype=torch.float64)
        taper = 0.5 - 0.5 * torch.cos(2 * math.pi * n / self.window)
        angle = 2 * math.pi / self.window * n[:, None] * torch.arange(self.bins)
        waves = torch.cat([torch.cos(angle), -torch.sin(angle)], 1)
        self.register_buffer("analysis", (taper[:, None] * waves).float(), persistent=False)
        # Bins between the first and the last stand for two. Squared windows add up to 1.5.
        twice = torch.full((self.bins,), 2.0, dtype=torch.float64)
        twice[0] = twice[-1] = 1
        back = (waves * twice.repeat(2)).T * taper / (1.5 * self.window)
        self.register_buffer("synthesis", back.float(), persistent=False)

    def analyse(self, x: Tensor) -> Tensor:
        """``[B, frames·hop]`` samples to ``[B, frames, 2·bins]``: real parts, imaginary parts."""
        frames = F.pad(x, (self.window - self.hop, 0)).unfold(-1, self.window, self.hop)
        return frames @ self.analysis

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """``[B, frames, 2·bins]`` to ``[B, frames·hop]`` samples, `delay` late."""
        parts = (spectrum @ self.synthesis).unflatten(-1, (WINDOW, self.hop))
        count = parts.shape[1]
        late = [F.pad(parts[:, : count - k - 1, k], (0, 0, k + 1, 0)) for k in range(WINDOW)]
        return sum(late).flatten(1)


class Enhancer(nn.Module):
    """A decoder's sound to the sound with its fine structure, a token later.

    It begins as nothing but that delay: its last layer starts at zero.
    """

    near: Tensor

    def __init__(self, c: config.Model) -> None:
        super().__init__()
        self.short = ShortTime(c.hop // FRAMES)
        self.delay = self.short.delay
        self.context = nn.Linear(c.decoder_dim, FRAMES * c.enhancer_context)
        bins, dim = self.short.bins, c.enhancer_dim
        inputs = 3 * bins + c.enhancer_context
        self.trunk = Trunk(
            inputs, dim, 6 * bins, c.enhancer_blocks, c.enhancer_expansion, c.kernel, 1
        )
        near = (torch.arange(bins)[:, None] - torch.arange(bins)).abs() <= NEAR
        self.register_buffer("near", near.float() / near.sum(0), persistent=False)
        with torch.no_grad():
            self.trunk.head.weight.zero_()
            self.trunk.head.bias.zero_()

    def forward(self, sound: Tensor, low: Tensor, known: Tensor) -> Tensor:
        """Samples ``[B, T·hop]`` of the decoder, of its low band, and ``[B, T, known]``."""
        bins = self.short.bins
        with torch.autocast(sound.device.type, enabled=False):
            x = self.short.analyse(sound)
            pulses = self.short.analyse(low.abs())
            power = x[..., :bins].square() + x[..., bins:].square()
            level = (power @ self.near + FLOOR).sqrt()
            size = pulses[..., :bins].square() + pulses[..., bins:].square()
            pulses = pulses * (size @ self.near + FLOOR).rsqrt().repeat(1, 1, 2)
            seen = x * (level.square() ** COMPRESSION).repeat(1, 1, 2)
            loud = torch.log(level) * 0.25
        twice = level.repeat(1, 1, 2)
        context = self.context(known).unflatten(-1, (FRAMES, -1)).flatten(1, 2)
        h = self.trunk(torch.cat([seen, loud, context], -1)).float()
        with torch.autocast(sound.device.type, enabled=False):
            gain, share, own = h.split(2 * bins, -1)
            out = x + complex_product(gain, x) + twice * (complex_product(share, pulses) + own)
            return self.short.synthesise(out)


def complex_product(a: Tensor, b: Tensor) -> Tensor:
    """Of ``[..., 2·bins]``, real parts before imaginary ones."""
    ar, ai = a.chunk(2, -1)
    br, bi = b.chunk(2, -1)
    return torch.cat([ar * br - ai * bi, ar * bi + ai * br], -1)
