"""Discriminators: complex spectra at several resolutions, and samples folded by several periods.

After EnCodec (Défossez et al. 2022, section 3.4) and HiFi-GAN (Kong et al. 2020). Small on purpose:
frequency is halved in every layer from the first. Excerpts are brought to one loudness, and spectra
compressed, so that quiet passages are judged like loud ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

SILENCE = 1e-5  # mean square that no excerpt is brought below
EMPHASIS, EMPHASIS_GAIN = (0.95, 0.7), 4.0

Judged = list[tuple[Tensor, list[Tensor]]]  # of each discriminator: scores, activations


class SpectrumDiscriminator(nn.Module):
    def __init__(self, window: int, channels: int, signals: int = 1) -> None:
        super().__init__()
        self.window = window
        c = channels
        shapes = [  # in, out, time dilation
            (2 * signals, c, 1),
            (c, c, 1),
            (c, 2 * c, 2),
            (2 * c, 2 * c, 4),
        ]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(i, o, (3, 9), stride=(1, 2), dilation=(d, 1), padding=(d, 4)))
            for i, o, d in shapes
        )
        self.out = weight_norm(nn.Conv2d(2 * c, 1, (3, 3), padding=(1, 1)))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Signals ``[B, signals, N]`` to a map of scores and the activations on the way."""
        taper = torch.hann_window(self.window, device=x.device)
        flat = x.flatten(0, 1)
        s = torch.stft(flat, self.window, self.window // 4, window=taper, return_complex=True)
        gain = (s.real.square() + s.imag.square() + 1e-3) ** -0.3
        h = torch.stack([s.real * gain, s.imag * gain], 1).transpose(2, 3)
        h = h.reshape(len(x), -1, *h.shape[2:])  # two channels for each signal
        h = h.contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
            features.append(h)
        return self.out(h), features


class PeriodDiscriminator(nn.Module):
    """Sees the samples that lie one period apart as a column of their own."""

    def __init__(
        self, period: int, channels: int, signals: int = 1, emphasised: bool = False
    ) -> None:
        super().__init__()
        self.period, self.emphasised = period, emphasised
        widths = [signals, channels, 2 * channels, 4 * channels, 8 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(i, o, (5, 1), (3, 1), (2, 0)))
            for i, o in zip(widths, widths[1:], strict=False)
        )
        self.layers.append(weight_norm(nn.Conv2d(widths[-1], widths[-1], (5, 1), 1, (2, 0))))
        self.out = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), 1, (1, 0)))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        if self.emphasised:
            x = emphasise(x)
        whole = x.shape[2] // self.period * self.period
        h = x[..., :whole].reshape(*x.shape[:2], -1, self.period)
        h = h.contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.1)
            features.append(h)
        return self.out(h), features


def emphasise(x: Tensor) -> Tensor:
    """Samples ``[..., N]`` of speech with a flatter spectrum, about as loud."""
    for share in EMPHASIS:
        x = torch.cat([x[..., :1], x[..., 1:] - share * x[..., :-1]], -1)
    return x * EMPHASIS_GAIN


class Discriminators(nn.Module):
    """All of them.

    Parameters
    ----------
    windows, periods : list of int
    channels : int
        Of their first layers.
    signals : int, optional
        That they see at a time: one to judge, and others that belong to it.
    emphasised : bool, optional
        Whether periods are looked for in samples whose high frequencies are as loud as low ones.
    """

    def __init__(
        self,
        windows: list[int],
        periods: list[int],
        channels: int,
        signals: int = 1,
        emphasised: bool = False,
    ) -> None:
        super().__init__()
        self.each = nn.ModuleList([
            *(SpectrumDiscriminator(w, channels, signals) for w in windows),
            *(PeriodDiscriminator(p, channels, signals, emphasised) for p in periods),
        ])  # fmt: skip

    def forward(self, real: Tensor, decoded: Tensor, *beside: Tensor) -> tuple[Judged, Judged]:
        """What is said of both, ``[B, N]``, each row at the loudness at which the real one is 1.

        Each is seen together with the same signals `beside` it, of the same shape.
        """
        gain = (real.square().mean(1, keepdim=True) + SILENCE).rsqrt()
        seen = [torch.stack([x, *beside], 1) * gain[:, None] for x in (real, decoded)]
        said_real, said_decoded = ([d(x) for d in self.each] for x in seen)
        return said_real, said_decoded


def discriminator_loss(real: Judged, decoded: Judged) -> Tensor:
    """Least squares (Mao et al. 2017), mean over discriminators: 0.5 if they know nothing."""
    return sum(
        (1 - r.float()).square().mean() + d.float().square().mean()
        for (r, _), (d, _) in zip(real, decoded, strict=True)
    ) / len(real)


def generator_losses(real: Judged, decoded: Judged) -> tuple[Tensor, Tensor]:
    """Least squares of the generator, and feature matching relative to the activations' size."""
    adversarial = sum((1 - d.float()).square().mean() for d, _ in decoded) / len(decoded)
    pairs = [
        (r.detach().float(), d.float())
        for (_, a), (_, b) in zip(real, decoded, strict=True)
        for r, d in zip(a, b, strict=True)
    ]
    feature = sum((d - r).abs().mean() / r.abs().mean().clamp_min(1e-4) for r, d in pairs)
    return adversarial, feature / len(pairs)
