"""What is asked for where enough was coded to know the waveform."""

from __future__ import annotations

import torch
from torch import Tensor

WINDOWS = 512, 256


def spectra(samples: Tensor, window: int) -> Tensor:
    taper = torch.hann_window(window, device=samples.device)
    return torch.stft(samples, window, window // 4, window=taper, return_complex=True)


def compressed(spectrum: Tensor) -> Tensor:
    """Real and imaginary parts, magnitudes to the power of 0.3 (Wilson et al. 2018)."""
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.view_as_real(spectrum) * (power + 1e-4)[..., None] ** -0.35


def coded_loss(y: Tensor, x: Tensor, coded: Tensor, noise: Tensor, share: float) -> Tensor:
    """Distance of the cells of `y` from those of `x` on the complex plane, all ``[B, N]``.

    Each cell counts by what part of it was coded, and is not noise. Those above a `share` of the
    spectrum, which the network leaves alone, do not count.
    """
    total = y.new_zeros(())
    for window in WINDOWS:
        with torch.no_grad():
            known, unknown = (spectra(part, window).abs().square() for part in (coded, noise))
            weight = known / (known + unknown + 1e-6)
            target = compressed(spectra(x, window))
        error = (compressed(spectra(y, window)) - target).abs().sum(-1)
        bins = int(share * (window // 2 + 1))
        total = total + (error * weight)[:, :bins].mean()
    return total
