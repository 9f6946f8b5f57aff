"""What is done to a decoder's samples before they are heard: noise above, and pairs of channels.

This module puts `bandwidth_extension` and `stereo` to work on one spectrum, and knows how late that
is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..model.models import Model
from .bandwidth_extension import NO_BANDS, Bands, Extender
from .spectrum import HOP, Analysis, Synthesis
from .stereo.layout import HELD, NO_STEREO, Stereo, pairs_of
from .stereo.upmix import Upmixer

__all__ = ["SpectralDecoder", "Timing", "bands_with_values", "timing"]


class Timing(NamedTuple):
    """Delay and sample rate of a decoder's output.

    Attributes
    ----------
    samplerate, hop, delay : int
        In Hz and samples.
    reach : int
        Tokens of the past that a sample depends on.
    """

    samplerate: int
    hop: int
    delay: int
    reach: int

    def samples_for(self, frames: int, samplerate: int) -> int:
        """Samples that `frames` frames at `samplerate` Hz are."""
        return -(-frames * self.samplerate // samplerate)


def timing(model: Model, bands: Bands, stereo: Stereo = NO_STEREO) -> Timing:
    """Those of a model's decoder alone, or with a `SpectralDecoder` after it."""
    factor = 2 if bands.count else 1
    late = _late(bands, stereo)
    before = 6 if stereo else 2 if bands.count else 0
    return Timing(
        factor * model.samplerate, factor * model.hop, factor * (model.delay + late * model.hop),
        model.decoder.receptive_field + before,
    )  # fmt: skip


def bands_with_values(bands: Bands, stereo: Stereo) -> int:
    """Bands of joint stereo, in a file with these bands above."""
    return len(stereo.starts(bands.edges[-1] if bands.count else HOP))


class SpectralDecoder:
    """A decoder's samples to what is heard, `late` tokens later.

    Parameters
    ----------
    channels : int
    bands : Bands, optional
        Those above the model's; samples come at twice the rate then.
    stereo : Stereo, optional

    Attributes
    ----------
    late : int
    """

    def __init__(self, channels: int, bands: Bands = NO_BANDS, stereo: Stereo = NO_STEREO) -> None:
        self._bands, self._stereo, self._channels = bands, stereo, channels
        factor = 2 if bands.count else 1
        self._stop = bands.edges[-1] if bands.count else HOP  # there is no sound above it
        self._analysis = Analysis(channels)
        self._extender = Extender(bands) if bands.count else None
        self._upmixer = Upmixer(channels, stereo) if stereo else None
        self._synthesis = Synthesis(channels, factor)
        self.late = _late(bands, stereo)

    def push(
        self, samples: np.ndarray, levels: np.ndarray | None, values: np.ndarray | None
    ) -> np.ndarray:
        """``float32[channels, n * hop]`` to as many, or twice as many.

        `levels` are ``uint8[channels, bands, n]``, `values` ``uint8[pairs, 2, bands, n]``.
        """
        coefficients = self._analysis.push(samples)
        if self._extender is not None:
            assert levels is not None
            coefficients = self._extender.push(coefficients, levels)
        if self._upmixer is not None:
            assert values is not None
            coefficients = self._upmixer.push(coefficients[..., : self._stop], values)
        return self._synthesis.push(coefficients)

    def finish(self) -> np.ndarray:
        """The samples that are left."""
        silence = np.zeros((self._channels, self.late * HOP), np.float32)
        levels = np.zeros((self._channels, self._bands.count, self.late), np.uint8)
        valued = bands_with_values(self._bands, self._stereo)
        shape = pairs_of(self._channels), 2, valued, self.late
        return self.push(silence, levels, np.full(shape, HELD, np.uint8))


def _late(bands: Bands, stereo: Stereo) -> int:
    return 2 if stereo else 1 if bands.count else 0
