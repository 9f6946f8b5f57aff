"""The denoiser: a causal network that says what part of each bin of a spectrum is speech.

Transform -> linear -> ConvNeXt blocks -> complex mask -> inverse transform. The spectrum is the odd
DFT (both times and frequencies lie half a step off the usual places) of windows of two hops: no bin
is special, and its real and imaginary parts are a DCT-IV and a DST-IV of half the window, folded,
so that in a graph each is one small product (the lapped transform of Malvar 1999, "A modulated
complex lapped transform and its applications to audio processing").

The mask is complex and bounded by 1 (Williamson, Wang & Wang 2016; bounded as in DCCRN, Hu et al.
2020): nothing can become louder. Some of the noisy signal remains, 22 dB below what it was: less of
the speech is lost with what is taken away, and the noise that stays covers what is left of it.
Output sample m belongs to input sample m - hop.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..trunk import CausalDepthwise, Trunk
from .config import Model

FLOOR = 1e-9  # of a bin's power, full scale 1: -90 dB is silence
LEVEL, SPREAD = 10.0, 0.25  # bring the logarithm of ordinary powers near ±1


class OddDFT:
    """Causal odd DFT with a sine window of two hops, orthonormal up to its redundancy of two."""

    def __init__(self, hop: int) -> None:
        self.hop, self.window, self.delay = hop, 2 * hop, hop
        n = torch.arange(hop, dtype=torch.float64) + 0.5
        angle = math.pi / hop * n[:, None] * n
        self.cosine = (angle.cos() * math.sqrt(2 / hop)).float()
        self.sine = (angle.sin() * math.sqrt(2 / hop)).float()
        m = torch.arange(2 * hop, dtype=torch.float64) + 0.5
        self.taper = torch.sin(math.pi * m / (2 * hop)).float()

    def analyse(self, pcm: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, T·hop]`` to real and imaginary parts ``[B, T, hop]``, both of bin (k + ½)."""
        frames = F.pad(pcm, (self.hop, 0)).unfold(-1, self.window, self.hop)
        frames = frames * self.taper.to(pcm.device)
        head, tail = frames[..., : self.hop], frames[..., self.hop :].flip(-1)
        with torch.autocast(pcm.device.type, enabled=False):
            real = (head - tail) @ self.cosine.to(pcm.device)
            imaginary = (head + tail) @ self.sine.to(pcm.device)
        return real, imaginary

    def synthesise(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """``[B, T, hop]`` twice to ``[B, T·hop]``, one hop late."""
        with torch.autocast(real.device.type, enabled=False):
            odd = real @ self.cosine.to(real.device)
            even = imaginary @ self.sine.to(real.device)
        taper = self.taper.to(real.device) / 2
        head = (even + odd) * taper[: self.hop]
        tail = (even - odd).flip(-1) * taper[self.hop :]
        return (head + F.pad(tail[:, :-1], (0, 0, 1, 0))).flatten(1)


class DilatedDepthwise(CausalDepthwise):
    """Taps `dilation` tokens apart."""

    def __init__(self, dim: int, kernel: int, dilation: int) -> None:
        super().__init__(dim, kernel)
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        kernel, tokens, device = len(self.weight), x.shape[1], x.device.type
        # Autocast knows convolutions, but on a CPU these sums are twice as fast.
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        x = F.pad(x.to(kind), (0, 0, (kernel - 1) * self.dilation, 0))
        weight, out = self.weight.to(kind), self.bias.to(kind)
        for k in range(kernel):
            at = k * self.dilation
            out = torch.addcmul(out, x[:, at : at + tokens], weight[k])
        return out


class Denoiser(nn.Module):
    """``[B, T·hop]`` samples to as many, `delay` samples late."""

    def __init__(self, c: Model) -> None:
        super().__init__()
        self.config = c
        self.transform = OddDFT(c.hop)
        self.delay = self.transform.delay
        blocks = len(c.dilations)
        self.trunk = Trunk(3 * c.hop, c.dim, 2 * c.hop, blocks, c.expansion, c.kernel, 1)
        for block, dilation in zip(self.trunk.blocks, c.dilations, strict=True):
            block.depthwise = DilatedDepthwise(c.dim, c.kernel, dilation)
        with torch.no_grad():  # begins as a network that takes little away
            self.trunk.head.weight.mul_(0.1)
            self.trunk.head.bias.zero_()
            self.trunk.head.bias[: c.hop] = 1.0

    def mask(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts of what a spectrum is to be multiplied by."""
        level = (real.square() + imaginary.square() + FLOOR).log()
        gain = (-0.35 * level).exp()  # compresses magnitudes to about their cube root
        features = [(level + LEVEL) * SPREAD, real * gain, imaginary * gain]
        features = torch.cat(features, dim=-1)
        a, b = self.trunk(features).float().split(self.config.hop, dim=-1)
        size = (a.square() + b.square() + 1e-6).sqrt()
        bound = size.tanh() / size
        return a * bound, b * bound

    def spectrum(self, pcm: Tensor, floor: float = 0.0) -> tuple[Tensor, Tensor]:
        """The spectrum of what is speech in ``[B, T·hop]`` samples: ``[B, T, hop]`` twice."""
        real, imaginary = self.transform.analyse(pcm)
        a, b = self.mask(real, imaginary)
        a, b = floor + (1 - floor) * a, (1 - floor) * b
        return a * real - b * imaginary, a * imaginary + b * real

    def forward(self, pcm: Tensor) -> Tensor:
        return self.transform.synthesise(*self.spectrum(pcm, self.config.floor))


def receptive_field(c: Model) -> int:
    """Tokens of the past that the state can remember."""
    return 1 + (c.kernel - 1) * sum(c.dilations) + 1
