"""The generator: causal transform, ConvNeXt trunks at the token rate, residual quantiser between.

Everything is causal in time; the look-ahead exists only as `Codec.delay`: the decoder's output at
sample m is trained to equal the input at sample m - delay. That keeps every layer's state a plain
record of the past, which is what the exported graphs carry from chunk to chunk.

After ConvNeXt (Liu et al. 2022), Vocos (Siuzdak 2023), MDCTCodec (Jiang et al. 2024).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import config
from .quantiser import ResidualQuantiser

EPSILON = 1e-4  # of a squared coefficient: below it compression and expansion are linear
MAX_GAIN = 6.0  # natural logarithm; keeps a stray token finite
SCALE = 4.0  # of orthonormal MDCT coefficients, to bring ordinary levels near 1


class MDCT:
    """Causal MDCT with a sine window of two hops (Princen, Johnson & Bradley 1987).

    Token t's window ends at sample (t + 1)·hop. The network sees coefficients compressed to about
    their square root, so that quiet parts count and loud ones do not swamp.
    """

    def __init__(self, hop: int) -> None:
        self.hop, self.window, self.delay = hop, 2 * hop, hop
        n = torch.arange(2 * hop, dtype=torch.float64) + 0.5
        k = torch.arange(hop, dtype=torch.float64) + 0.5
        basis = torch.cos(math.pi / hop * (n[:, None] + hop / 2) * k) * math.sqrt(2 / hop)
        self.basis = (torch.sin(math.pi * n / (2 * hop))[:, None] * basis).float()

    def analyse(self, pcm: Tensor) -> Tensor:
        """``[B, T·hop]`` samples to compressed coefficients ``[B, T, hop]``."""
        frames = F.pad(pcm, (self.hop, 0)).unfold(-1, self.window, self.hop)
        with torch.autocast(pcm.device.type, enabled=False):
            c = SCALE * (frames.float() @ self.basis.to(pcm.device))
        return c * (c.square() + EPSILON) ** -0.25

    def synthesise(self, h: Tensor) -> Tensor:
        """``[B, T, 2·hop]`` (log gain, compressed coefficient) to ``[B, T·hop]`` samples."""
        gain, value = h.float().split(self.hop, dim=-1)
        c = torch.exp(gain.clamp(max=MAX_GAIN)) * value * (value.square() + EPSILON).sqrt()
        with torch.autocast(h.device.type, enabled=False):
            frames = (c / SCALE) @ self.basis.to(h.device).T
        out = frames[..., : self.hop] + F.pad(frames[:, :-1, self.hop :], (0, 0, 1, 0))
        return out.flatten(1)


class CausalDepthwise(nn.Module):
    """One filter per channel over the last `kernel` tokens; ``[B, T, C]`` in and out."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(kernel, dim) / kernel)
        with torch.no_grad():
            self.weight[-1] += 0.5
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        kernel, dim = self.weight.shape
        x = F.pad(x.transpose(1, 2), (kernel - 1, 0))
        return F.conv1d(x, self.weight.T[:, None], self.bias, groups=dim).transpose(1, 2)


class Block(nn.Module):
    """ConvNeXt: depthwise over time, then a pointwise bottleneck turned inside out."""

    def __init__(self, dim: int, expansion: int, kernel: int, scale: float) -> None:
        super().__init__()
        self.depthwise = CausalDepthwise(dim, kernel)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, expansion * dim)
        self.down = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.depthwise(x))
        return x + self.scale * self.down(F.gelu(self.up(h)))


class Trunk(nn.Module):
    """Linear over a short past of `taps` tokens -> norm -> blocks -> norm -> linear."""

    def __init__(
        self,
        inputs: int,
        dim: int,
        outputs: int,
        blocks: int,
        expansion: int,
        kernel: int,
        taps: int,
    ) -> None:
        super().__init__()
        self.taps = taps
        self.embed = nn.Linear(taps * inputs, dim)
        self.embed_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            Block(dim, expansion, kernel, 1 / blocks) for _ in range(blocks)
        )
        self.final_norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.taps > 1:
            tokens = x.shape[1]
            padded = F.pad(x, (0, 0, self.taps - 1, 0))
            x = torch.cat([padded[:, i : i + tokens] for i in range(self.taps)], dim=-1)
        h = self.embed_norm(self.embed(x))
        for block in self.blocks:
            h = block(h)
        return self.head(self.final_norm(h))


class Codec(nn.Module):
    """``[B, T·hop]`` samples -> latents -> codes -> latents -> samples, `delay` later.

    A linear path runs beside both trunks. It starts as the principal components of the compressed
    coefficients, so that the untrained codec is already a transform coder with vector quantisation;
    the trunks then learn everything that a linear map cannot do.
    """

    def __init__(self, c: config.Model) -> None:
        super().__init__()
        self.config = c
        self.transform = MDCT(c.hop)
        self.delay = self.transform.delay + c.lookahead * c.hop
        self.encoder = Trunk(
            c.hop, c.encoder_dim, c.latent_dim, c.encoder_blocks, c.expansion, c.kernel, 1
        )
        self.analysis = nn.Linear(c.hop, c.latent_dim, bias=False)
        self.quantiser = ResidualQuantiser(c.latent_dim, c.codebooks, c.codebook_size)
        self.synthesis = nn.Linear(c.latent_dim, c.hop, bias=False)
        self.decoder = Trunk(
            c.latent_dim,
            c.decoder_dim,
            2 * c.hop,
            c.decoder_blocks,
            c.expansion,
            c.kernel,
            c.lookahead + 1,
        )
        with torch.no_grad():
            for head in (self.encoder.head, self.decoder.head):
                head.weight.zero_()
                head.bias.zero_()

    @torch.no_grad()
    def initialise(self, pcm: Tensor) -> None:
        """Principal components and k-means codebooks from samples ``[B, T·hop]``."""
        features = self.transform.analyse(pcm).flatten(0, 1)
        _, vectors = torch.linalg.eigh(features.T @ features)
        basis = vectors[:, -self.config.latent_dim :].T
        self.analysis.weight.copy_(basis)
        self.synthesis.weight.copy_(basis.T)
        self.quantiser.initialise(self.encode(pcm).flatten(0, 1))

    def encode(self, pcm: Tensor) -> Tensor:
        """Latents ``[B, T, latent_dim]``."""
        features = self.transform.analyse(pcm)
        return self.analysis(features).float() + self.encoder(features).float()

    def decode(self, latents: Tensor) -> Tensor:
        late = F.pad(latents, (0, 0, self.config.lookahead, 0))[:, : latents.shape[1]]
        linear = F.pad(self.synthesis(late).float(), (self.config.hop, 0))  # the gains have none
        return self.transform.synthesise(self.decoder(latents).float() + linear)
