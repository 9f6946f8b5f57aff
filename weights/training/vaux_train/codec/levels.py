"""What the last latents carry: levels of the bands that are too high to be coded as waves.

The codec begins as principal components (`Codec.initialise`), and as many latents as components
leave no room for anything else: where the components end, about 2.4 kHz with 64, the decoder could
only guess how loud a band is. Held to these targets, the additional latents tell it.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import config
from .bands import erb_filters

WINDOW = 1024
RANGE = 1e-5  # 50 dB below the loudest band, levels no longer count
CENTRE_DB = -22.0  # mean over the corpus
FLOOR = 1e-5  # power of a bin: white noise at -76 dB of full scale
RIDGE = 1e-3


def level_latents(pcm: Tensor, model: config.Model) -> Tensor:
    """What the last latents are to be, ``[B, T, level_latents]`` of ``[B, T·hop]`` samples.

    Levels of the highest bands (one ERB each) over the window that ends with the token.
    """
    hop = model.hop
    frames = F.pad(pcm, (WINDOW - hop, 0)).unfold(-1, WINDOW, hop)
    power = torch.fft.rfft(frames * torch.hann_window(WINDOW, device=pcm.device)).abs().square()
    levels = power @ filters(model.samplerate, pcm.device)
    floor = levels.amax(-1, keepdim=True) * RANGE + FLOOR
    db = 10 * torch.log10(levels + floor)[..., -model.level_latents :]
    return model.level_per_db * (db - CENTRE_DB)


@cache
def filters(samplerate: int, device: torch.device) -> Tensor:
    """Of all bands, ``[bins, bands]``; copied to the device once."""
    bins = torch.linspace(0, samplerate / 2, WINDOW // 2 + 1)
    return erb_filters(bins, samplerate).to(device)


def least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weight ``[outputs, inputs]`` and bias of the linear map from rows of x to rows of y."""
    mean, centre = x.mean(0), y.mean(0)
    x = x - mean
    covariance = x.T @ x
    covariance.diagonal().add_(RIDGE * covariance.diagonal().mean())
    weight = torch.linalg.solve(covariance, x.T @ (y - centre)).T
    return weight, centre - weight @ mean
