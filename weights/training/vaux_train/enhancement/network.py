"""The network: short-time spectra of what was decoded, to what is to be added to them.

It is taught at 16 kHz and works at 48 kHz: windows of as many milliseconds have the same spectra
up to 8 kHz, but for a factor of three. What lies above the bins that it has stays as it was.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import Model

HOPS = 4  # of a window
NEAR = 6  # bins on each side that the level of a bin is the mean of
FLOOR = 1e-5  # of power, at 16 kHz
SILENCE = 1e-12  # of power: nothing is heard of what is added to it
COMPRESSION = -0.3  # of power, in what the network sees


class ShortTime(nn.Module):
    """STFT of squared-sine windows of four hops, and its inverse; of the first bins."""

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, hop: int, bins: int) -> None:
        super().__init__()
        self.hop, self.window, self.bins = hop, HOPS * hop, bins
        waves, taper = tables(self.window, self.bins)
        self.register_buffer("analysis", (taper[:, None] * waves).float(), persistent=False)
        # Bins but the first stand for two. Squared windows add up to 1.5.
        twice = torch.full((self.bins,), 2.0, dtype=torch.float64)
        twice[0] = 1
        back = (waves * twice.repeat(2)).T * taper / (1.5 * self.window)
        self.register_buffer("synthesis", back.float(), persistent=False)

    def analyse(self, x: Tensor) -> Tensor:
        """``[B, n·hop]`` samples to ``[B, n + 3, 2·bins]``: real parts, imaginary parts."""
        around = self.window - self.hop
        return F.pad(x, (around, around)).unfold(-1, self.window, self.hop) @ self.analysis

    def synthesise(self, spectra: Tensor) -> Tensor:
        """``[B, n + 3, 2·bins]`` to ``[B, n·hop]`` samples."""
        parts = (spectra @ self.synthesis).unflatten(-1, (HOPS, self.hop))
        count = spectra.shape[1] - HOPS + 1
        late = [parts[:, HOPS - 1 - k : HOPS - 1 - k + count, k] for k in range(HOPS)]
        return sum(late).flatten(1)


def tables(window: int, bins: int) -> tuple[Tensor, Tensor]:
    """Cosines and minus sines about the middle, ``float64[window, 2·bins]``; the window."""
    n = torch.arange(window, dtype=torch.float64) + 0.5
    angle = 2 * math.pi / window * (n - window / 2)[:, None] * torch.arange(bins)
    return torch.cat([torch.cos(angle), -torch.sin(angle)], 1), torch.sin(math.pi * n / window) ** 2


class Depthwise(nn.Module):
    """One filter per channel over frames before and after; ``[B, T, C]`` in and out."""

    def __init__(self, dim: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilation, self.reach = dilation, kernel // 2 * dilation
        self.weight = nn.Parameter(torch.randn(kernel, dim) / kernel)
        with torch.no_grad():
            self.weight[kernel // 2] += 0.5
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        taps, width = self.weight.T[:, None], x.shape[2]
        shape = {"groups": width, "dilation": self.dilation, "padding": self.reach}
        return F.conv1d(x.transpose(1, 2), taps, self.bias, **shape).transpose(1, 2)


class Block(nn.Module):
    """ConvNeXt (Liu et al. 2022): depthwise over time, then a bottleneck turned inside out."""

    def __init__(self, dim: int, expansion: int, kernel: int, dilation: int, scale: float) -> None:
        super().__init__()
        self.depthwise = Depthwise(dim, kernel, dilation)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, expansion * dim)
        self.down = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.down(F.gelu(self.up(self.norm(self.depthwise(x)))))


class Enhancement(nn.Module):
    """What was decoded, and what of it was coded, to the sound that it becomes.

    For each bin it gives what is to be added: complex multiples of what was coded at several times
    about now ("deep filtering", Mack and Habets 2020), another of the noise, and something of its
    own. It begins with nothing, and is never much more than the noise: what was coded well stays.
    """

    near: Tensor

    def __init__(self, config: Model) -> None:
        super().__init__()
        self.config = config
        self.short = ShortTime(config.hop, config.bins)
        bins, dim, dilations = self.short.bins, config.dim, config.dilations
        self.embed = nn.Linear(5 * bins, dim)
        self.embed_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            Block(dim, config.expansion, config.kernel, dilation, 1 / len(dilations))
            for dilation in dilations
        )
        self.final_norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, (4 + 2 * config.taps) * bins)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.zero_()
        near = (torch.arange(bins)[:, None] - torch.arange(bins)).abs() <= NEAR
        self.register_buffer("near", near.float() / near.sum(0), persistent=False)

    @property
    def reach(self) -> int:
        """Frames before and after one that it hears."""
        return sum(block.depthwise.reach for block in self.blocks)

    def forward(self, sound: Tensor, coded: Tensor) -> Tensor:
        """Samples ``[B, n·hop]`` at 16 kHz, all and without noise, to as many."""
        bins = self.short.bins
        with torch.autocast(sound.device.type, enabled=False):
            whole, known = self.short.analyse(sound), self.short.analyse(coded)
            power = whole[..., :bins].square() + whole[..., bins:].square()
            power = power @ self.near
            gain = ((power + FLOOR) ** COMPRESSION).repeat(1, 1, 2)
            loud = torch.log(power + FLOOR) * (0.25 / 2)
            seen = torch.cat([whole * gain, known * gain, loud], -1)
            level = (power + SILENCE).sqrt().repeat(1, 1, 2)
        h = self.embed_norm(self.embed(seen))
        for block in self.blocks:
            h = block(h)
        h = self.head(self.final_norm(h)).float()
        with torch.autocast(sound.device.type, enabled=False):
            of_noise, own, of_known = h.split([2 * bins, 2 * bins, 2 * bins * self.config.taps], -1)
            noise = whole - known
            added = complex_product(of_noise, noise) + level * own
            around, frames = self.config.taps // 2, known.shape[1]
            known = F.pad(known, (0, 0, around, around))
            for k, gain in enumerate(of_known.split(2 * bins, -1)):
                added = added + complex_product(gain, known[:, k : k + frames])
            if not self.training:  # a network that learns with the limit gets by with less
                strength, most = (s.square().sum(-1, keepdim=True) for s in (added, noise))
                limit = self.config.most * most / (strength + SILENCE)
                added = added * limit.clamp_max(1).sqrt()
            return sound + self.short.synthesise(added)


def complex_product(a: Tensor, b: Tensor) -> Tensor:
    """Of ``[..., 2·bins]``, real parts before imaginary ones."""
    (ar, ai), (br, bi) = a.chunk(2, -1), b.chunk(2, -1)
    return torch.cat([ar * br - ai * bi, ar * bi + ai * br], -1)
