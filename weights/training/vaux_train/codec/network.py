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

from .. import config
from ..trunk import Trunk
from .bands import erb_filters
from .copies import Copies
from .enhancer import PULSE_WAVES, Enhancer
from .levels import least_squares, level_latents
from .quantiser import ResidualQuantiser

EPSILON = 1e-4  # of a squared coefficient: below it compression and expansion are linear
MAX_GAIN = 6.0  # natural logarithm; keeps a stray token finite
LEVEL_FLOOR = 1e-6  # of the mean square of a band's coefficients
LEVEL_GAIN, LEVEL_OFFSET = 0.25, 1.25  # bring the logarithms of ordinary levels near 1
SCALE = 4.0  # of orthonormal MDCT coefficients, to bring ordinary levels near 1


class MDCT(nn.Module):
    """Causal MDCT with a sine window of two hops (Princen, Johnson & Bradley 1987).

    Token t's window ends at sample (t + 1)·hop. The network sees coefficients compressed to about
    their square root, so that quiet parts count and loud ones do not swamp. Beside them it sees
    the levels of bands as logarithms: from compressed coefficients alone it could not learn how
    loud a band is that lies 40 dB below another.
    """

    basis: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop, self.window, self.delay = hop, 2 * hop, hop
        n = torch.arange(2 * hop, dtype=torch.float64) + 0.5
        k = torch.arange(hop, dtype=torch.float64) + 0.5
        basis = torch.cos(math.pi / hop * (n[:, None] + hop / 2) * k) * math.sqrt(2 / hop)
        basis = (torch.sin(math.pi * n / (2 * hop))[:, None] * basis).float()
        self.register_buffer("basis", basis, persistent=False)

    def analyse(self, pcm: Tensor) -> Tensor:
        """``[B, T·hop]`` samples to coefficients ``[B, T, hop]``."""
        frames = F.pad(pcm, (self.hop, 0)).unfold(-1, self.window, self.hop)
        with torch.autocast(pcm.device.type, enabled=False):
            return SCALE * (frames.float() @ self.basis)

    @staticmethod
    def compress(c: Tensor) -> Tensor:
        return c * (c.square() + EPSILON) ** -0.25

    @staticmethod
    def expand(h: Tensor) -> Tensor:
        """``[B, T, 2·hop]`` (log gain, compressed coefficient) to coefficients ``[B, T, hop]``."""
        gain, value = h.float().chunk(2, dim=-1)
        return torch.exp(gain.clamp(max=MAX_GAIN)) * value * (value.square() + EPSILON).sqrt()

    def synthesise(self, c: Tensor) -> Tensor:
        """Coefficients to samples ``[B, T·hop]``."""
        with torch.autocast(c.device.type, enabled=False):
            frames = (c / SCALE) @ self.basis.T
        out = frames[..., : self.hop] + F.pad(frames[:, :-1, self.hop :], (0, 0, 1, 0))
        return out.flatten(1)


class Codec(nn.Module):
    """``[B, T·hop]`` samples -> latents -> codes -> latents -> samples, `delay` later.

    A linear path runs beside both trunks. It starts as the principal components of the compressed
    coefficients, so that the untrained codec is already a transform coder with vector quantisation;
    the trunks then learn everything that a linear map cannot do.
    """

    bands: Tensor

    def __init__(self, c: config.Model) -> None:
        super().__init__()
        self.config = c
        self.transform = MDCT(c.hop)
        self.delay = self.transform.delay + c.lookahead * c.hop
        bins = (torch.arange(c.hop) + 0.5) * c.samplerate / (2 * c.hop)
        self.register_buffer("bands", erb_filters(bins, c.samplerate), persistent=False)
        inputs = c.hop + self.bands.shape[1]
        self.encoder = Trunk(
            inputs, c.encoder_dim, c.latent_dim, c.encoder_blocks, c.encoder_expansion, c.kernel, 1
        )
        self.analysis = nn.Linear(inputs, c.latent_dim, bias=False)
        self.quantiser = ResidualQuantiser(
            c.latent_dim, c.codebooks, c.codebook_size, (c.beam, c.wide_beam), c.followed
        )
        self.synthesis = nn.Linear(c.latent_dim, c.hop, bias=False)
        self.decoder = Trunk(
            c.latent_dim,
            c.decoder_dim,
            2 * c.hop,
            c.decoder_blocks,
            c.decoder_expansion,
            c.kernel,
            c.lookahead + 1,
        )
        self.copies = Copies(c)
        self.enhancer = Enhancer(c) if c.enhancer_blocks else None
        if self.enhancer is not None:
            self.delay += self.enhancer.delay
        with torch.no_grad():
            for head in (self.encoder.head, self.decoder.head):
                head.weight.zero_()
                head.bias.zero_()

    @torch.no_grad()
    def initialise(self, pcm: Tensor) -> None:
        """Principal components, levels and k-means codebooks from samples ``[B, T·hop]``."""
        c, waves = self.config, self.config.latent_dim - self.config.level_latents
        coefficients = self.features(pcm)[..., : c.hop].flatten(0, 1)
        _, vectors = torch.linalg.eigh(coefficients.T @ coefficients)
        basis = vectors[:, -waves:].T
        self.analysis.weight.zero_()[:waves, : c.hop] = basis
        self.synthesis.weight.zero_()[:, :waves] = basis.T
        # The linear path from levels to the latents that are to carry them.
        levels = self.features(pcm)[..., c.hop :].flatten(0, 1)
        weight, bias = least_squares(levels, level_latents(pcm, c).flatten(0, 1))
        self.analysis.weight[-c.level_latents :, c.hop :] = weight
        self.encoder.head.bias[-c.level_latents :] = bias
        self.quantiser.initialise(self.encode(pcm).flatten(0, 1))

    def features(self, pcm: Tensor) -> Tensor:
        """What the encoder sees, ``[B, T, inputs]``: compressed coefficients, then levels."""
        c = self.transform.analyse(pcm)
        compressed = self.transform.compress(c)
        with torch.autocast(pcm.device.type, enabled=False):
            levels = torch.log(c.square() @ self.bands + LEVEL_FLOOR)
        return torch.cat([compressed, levels * LEVEL_GAIN + LEVEL_OFFSET], -1)

    def encode(self, pcm: Tensor) -> Tensor:
        """Latents ``[B, T, latent_dim]``."""
        features = self.features(pcm)
        return self.analysis(features).float() + self.encoder(features).float()

    def decode(self, latents: Tensor, skipped: int = 0) -> Tensor:
        """Latents ``[B, T, latent_dim]`` to samples.

        Of the first `skipped` tokens no samples are made: they are there to be remembered.
        """
        late = F.pad(latents, (0, 0, self.config.lookahead, 0))[:, : latents.shape[1]]
        linear = F.pad(self.synthesis(late).float(), (self.config.hop, 0))  # the gains have none
        known = self.decoder.body(latents)
        c = self.transform.expand(self.decoder.head(known).float() + linear)
        c = self.copies(c)
        c, known = c[:, skipped:], known[:, skipped:]
        sound = self.transform.synthesise(c)
        if self.enhancer is None:
            return sound
        low = F.pad(c[..., :PULSE_WAVES], (0, self.config.hop - PULSE_WAVES))
        return self.enhancer(sound, self.transform.synthesise(low), known)
