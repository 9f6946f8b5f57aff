"""How many bits of a pair its main channel has, its side, and what tells them apart.

What is here was measured (``benchmarks/quality``): the values alone make a better image than a side
of few codes; and above some 2 kHz, where a model codes no phases, better than one of any number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...entropy.allocation import Allocation
from ...model.models import Model
from ..bandwidth_extension import FINE_COST, NO_BANDS, Bands, bands_for
from ..spectrum import HOP
from .layout import FINE_SPAN, NO_STEREO, SPAN, Stereo

__all__ = ["Plan", "plan"]

_SIDE = 66  # coefficients of the side that are coded, where it is: to 2.5 kHz
_FEWEST = 3.0  # codes that a side has at least, or it has none
_ENOUGH = 0.85  # of all codebooks: what the main channel has before the side has any
_SHARE = 0.15  # of what there is beyond that, of the main channel

# By codes of a pair: prices of changes (`choice.choose`), and about how many codes values take.
# Values come more often first, and then have narrower bands, whose changes are dearer for that.
_OFTEN_CODES, _NARROW_CODES = 6, 14
_CODES = 2, 4, 8, 12, 13.99, 14, 16, 24, 32
_PRICES = 2.5, 1.4, 0.43, 0.35, 0.3, 0.7, 0.45, 0.3, 0.2
_COSTS = 0.4, 0.7, 2.3, 2.7, 2.8, 2.6, 3.2, 4.0, 4.0
_OVER = 1.2  # how much more than that they may take: codes are worth more then
_SELDOM, _OFTEN, _NARROW = Stereo(SPAN), Stereo(FINE_SPAN), Stereo(FINE_SPAN, 1)

# The same by quality.
_OFTEN_QUALITY, _SIDE_QUALITY = 3, 7
_QUALITIES = 0, 3, 7, 10
_QUALITY_PRICES = 1.4, 0.8, 0.5, 0.2


@dataclass(frozen=True)
class Plan:
    """What the channels of a recording have.

    Attributes
    ----------
    allocation : Allocation
        Of each channel, or of main ones.
    bands : Bands
        Above the model's.
    stereo : Stereo
    side : Allocation or None
        Of sides, where they are coded.
    alone : Allocation or None
        Of the last channel of an odd number, which is in no pair, where there is joint stereo.
    price : float
        As of `choice.choose`.
    most : float
        Bits of a token that values of a pair may take, or their price rises.
    """

    allocation: Allocation
    bands: Bands
    stereo: Stereo = NO_STEREO
    side: Allocation | None = None
    alone: Allocation | None = None
    price: float = 0.0
    most: float = math.inf

    @property
    def codebooks(self) -> int:
        """The most that any token has."""
        return max(self.allocation.codebooks, self.side.codebooks if self.side else 0)

    @property
    def variable(self) -> bool:
        """Whether some codes may be absent."""
        return self.allocation.variable or bool(self.stereo)


def plan(
    model: Model,
    samplerate: int,
    channels: int,
    bitrate: float | None,
    quality: float | None,
    denoise: bool = False,
) -> Plan:
    """How a recording is coded at a bitrate, of all channels, or at a quality instead.

    Parameters and errors as of `VauxFile`.
    """
    if quality is None:
        model.codebooks_for(bitrate, channels)  # which says what there is, where it is not
    each = None if bitrate is None else bitrate / channels
    allocation = model.allocation(each, quality)
    if channels == 1 or model.hop != HOP or not model.distortions:
        bands = bands_for(model, samplerate, allocation, denoise)
        if bands.fine and allocation.average is not None:
            allocation = model.allocation(model.bitrate(allocation.average - FINE_COST), None)
        return Plan(allocation, bands)
    if allocation.average is None:
        assert quality is not None
        price = float(np.interp(quality, _QUALITIES, _QUALITY_PRICES))
        bands = bands_for(model, samplerate, allocation, denoise)
        if quality < _SIDE_QUALITY:
            stereo = _SELDOM if quality < _OFTEN_QUALITY else _OFTEN
            return Plan(allocation, bands, stereo, None, allocation, price)
        return Plan(allocation, bands, replace(_NARROW, side=_SIDE), allocation, allocation, price)
    return _at_bitrate(model, samplerate, allocation, each, denoise)


def _at_bitrate(
    model: Model, samplerate: int, allocation: Allocation, each: float | None, denoise: bool
) -> Plan:
    each = model.default_bitrate if each is None else each
    codes = 2 * each / model.bitrate(1)  # of a pair
    price = float(np.interp(codes, _CODES, _PRICES))
    cost = float(np.interp(codes, _CODES, _COSTS))
    most = _OVER * cost * model.code_bits
    main, side = codes, 0.0
    beyond = codes - cost - _ENOUGH * model.codebooks
    if beyond * (1 - _SHARE) >= _FEWEST:
        side = beyond * (1 - _SHARE)
        main = codes - side
    silent = allocation.distortion

    def averaging(average: float) -> Allocation:
        return Allocation.averaging(min(average, model.codebooks), model.codebooks, silent)

    bands = bands_for(model, samplerate, averaging(main - cost), denoise)
    alone = codes / 2
    if bands.fine:
        main -= FINE_COST
        alone -= FINE_COST
    main = min(main, model.codebooks + cost)
    found, single = Allocation.averaging(main, model.codebooks, silent), averaging(alone)
    if bands.count == 0:
        bands = NO_BANDS
    stereo = _SELDOM if codes < _OFTEN_CODES else _OFTEN if codes < _NARROW_CODES else _NARROW
    if not side:
        return Plan(found, bands, stereo, None, single, price, most)
    stereo = replace(stereo, side=_SIDE)
    return Plan(found, bands, stereo, averaging(side), single, price, most)
