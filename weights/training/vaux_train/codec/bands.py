"""Bands as wide as those of hearing, for levels in the encoder and in the losses."""

from __future__ import annotations

import torch
from torch import Tensor

LOWEST_HZ = 50.0
HIGHEST = 0.97  # of half the samplerate


def erb_filters(bins: Tensor, samplerate: int, apart: float = 1.0) -> Tensor:
    """Weighted means over bins at frequencies `bins` (Hz): ``[bins, bands]``.

    Triangles, `apart` equivalent rectangular bandwidths apart (Glasberg & Moore 1990), from 50 Hz
    to just under half the samplerate: 34 at 24 kHz if that is one.
    """

    def number(hz: Tensor) -> Tensor:
        return 21.4 * torch.log10(1 + 0.00437 * hz)

    low, high = number(torch.tensor([LOWEST_HZ, samplerate / 2 * HIGHEST])).tolist()
    centres = torch.linspace(low, high, int((high - low) / apart))
    distance = (number(bins)[:, None] - centres).abs() / apart
    filters = (1 - distance).clamp_min(0)
    # A band that falls between two bins takes the nearest.
    filters[distance.argmin(0), torch.arange(len(centres))] += 1e-3
    return filters / filters.sum(0)
