"""Multi-resolution complex-STFT discriminators (after EnCodec, Défossez et al. 2022, section 3.4).

Small on purpose: frequency is halved in every layer from the first, and the spectrum is compressed
so that quiet passages are judged like loud ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class SpectrumDiscriminator(nn.Module):
    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.window = window
        c = channels
        shapes = [(2, c, 1), (c, c, 1), (c, 2 * c, 2), (2 * c, 2 * c, 4)]  # in, out, time dilation
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(i, o, (3, 9), stride=(1, 2), dilation=(d, 1), padding=(d, 4)))
            for i, o, d in shapes
        )
        self.out = weight_norm(nn.Conv2d(2 * c, 1, (3, 3), padding=(1, 1)))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Samples ``[B, N]`` to a map of scores and the activations on the way."""
        taper = torch.hann_window(self.window, device=x.device)
        s = torch.stft(x, self.window, self.window // 4, window=taper, return_complex=True)
        gain = (s.real.square() + s.imag.square() + 1e-3) ** -0.3
        h = torch.stack([s.real * gain, s.imag * gain], 1).transpose(2, 3)
        h = h.contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
            features.append(h)
        return self.out(h), features


class Discriminators(nn.Module):
    def __init__(self, windows: list[int], channels: int) -> None:
        super().__init__()
        self.each = nn.ModuleList(SpectrumDiscriminator(w, channels) for w in windows)

    def forward(self, x: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [d(x) for d in self.each]


def discriminator_loss(real: list, fake: list) -> Tensor:
    """Hinge loss, mean over resolutions."""
    return sum(
        F.relu(1 - r.float()).mean() + F.relu(1 + f.float()).mean()
        for (r, _), (f, _) in zip(real, fake, strict=True)
    ) / len(real)


def generator_losses(real: list, fake: list) -> tuple[Tensor, Tensor]:
    """Hinge loss of the generator, and feature matching relative to the real activations' size."""
    adversarial = sum(-f.float().mean() for f, _ in fake) / len(fake)
    pairs = [
        (r.detach().float(), f.float())
        for (_, a), (_, b) in zip(real, fake, strict=True)
        for r, f in zip(a, b, strict=True)
    ]
    feature = sum((f - r).abs().mean() / r.abs().mean().clamp_min(1e-4) for r, f in pairs)
    return adversarial, feature / len(pairs)
