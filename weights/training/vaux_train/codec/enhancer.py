"""Fine structure: a network at four frames a token makes of levelled copies what was there.

The decoder's own head gives levels everywhere and waves as far as the codes carry them; above,
it has copies of these. This network hears that sound frame by frame (short-time spectra
of 13.3 ms, four a token), knows what the decoder's trunk knows, and answers with a complex gain for
every bin, another for the same sound in pulses, and whatever it adds by itself.

The sound in pulses is that sound times the envelope of its own low band: a voice's breath comes in
bursts once a pitch period, and the low band, which is coded as waves, knows when (as decoders of
bandwidth extension have done by rule, ITU-T G.729.1 2006). The network decides where how much of it
is wanted.
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
PULSE_WAVES = 64  # coefficients of the band whose envelope makes pulses
SMOOTH = 27  # samples that the envelope is smoothed over: 13 late, as high bands are by themselves
AROUND = 8  # hops before the present one, that an envelope is relative to
SHARPNESS = 1.5  # exponent of the envelope
HIGHEST_PEAK = 4.0  # of it
PULSES_FROM = 2400  # Hz: where there are some from the beginning of training
PULSES = 0.3  # of the sound that are pulses there


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


class Envelope(nn.Module):
    """Of samples, relative to what it is around: 1 where that is steady. Causal."""

    smooth: Tensor
    around: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        smooth = torch.hann_window(SMOOTH + 2, periodic=False)[1:-1]
        self.register_buffer("smooth", smooth / smooth.sum(), persistent=False)
        # Means over hops, in between them linear in time: the newest counts more and more.
        since = torch.arange(hop) + hop * torch.arange(AROUND, -1, -1)[:, None] + 0.5
        fading = torch.cos((since / hop - 1).clamp(0, AROUND) * (math.pi / 2 / AROUND)).square()
        around = torch.where(since < hop, since / hop, fading)
        self.register_buffer("around", around / around.sum(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, n·hop]`` samples to as many factors."""
        envelope = F.pad(x.abs(), (SMOOTH - 1, 0)).unfold(-1, SMOOTH, 1) @ self.smooth
        power = envelope.square() + FLOOR**2
        rows = F.pad(power.unflatten(-1, (-1, self.hop)).mean(2), (AROUND, 0))
        around = (rows.unfold(-1, AROUND + 1, 1) @ self.around).flatten(1)
        return ((power / around) ** (SHARPNESS / 2)).clamp_max(HIGHEST_PEAK)


class Enhancer(nn.Module):
    """A decoder's sound to the sound with its fine structure, a token later.

    It begins as that delay, with some of the sound above 2.4 kHz in pulses.
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
        self.envelope = Envelope(self.short.hop)
        first = round(PULSES_FROM * self.short.window / c.samplerate)
        with torch.no_grad():
            self.trunk.head.weight.zero_()
            self.trunk.head.bias.zero_()
            self.trunk.head.bias[first:bins] = -PULSES
            self.trunk.head.bias[2 * bins + first : 3 * bins] = PULSES

    def forward(self, sound: Tensor, low: Tensor, known: Tensor) -> Tensor:
        """Samples ``[B, T·hop]`` of the decoder, of its low band, and ``[B, T, known]``."""
        bins = self.short.bins
        with torch.autocast(sound.device.type, enabled=False):
            x = self.short.analyse(sound)
            pulses = self.short.analyse(sound * self.envelope(low))
            power = x[..., :bins].square() + x[..., bins:].square()
            level = (power @ self.near + FLOOR).sqrt()
            seen = x * (level.square() ** COMPRESSION).repeat(1, 1, 2)
            loud = torch.log(level) * 0.25
        twice = level.repeat(1, 1, 2)
        context = self.context(known).unflatten(-1, (FRAMES, -1)).flatten(1, 2)
        h = self.trunk(torch.cat([seen, loud, context], -1)).float()
        with torch.autocast(sound.device.type, enabled=False):
            gain, share, own = h.split(2 * bins, -1)
            out = x + complex_product(gain, x) + complex_product(share, pulses) + twice * own
            return self.short.synthesise(out)


def complex_product(a: Tensor, b: Tensor) -> Tensor:
    """Of ``[..., 2·bins]``, real parts before imaginary ones."""
    ar, ai = a.chunk(2, -1)
    br, bi = b.chunk(2, -1)
    return torch.cat([ar * br - ai * bi, ar * bi + ai * br], -1)
