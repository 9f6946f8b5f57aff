"""What a decoder gives, at the rate and in the length of a recording.

This module knows the time line behind a decoder. It knows nothing of codes.
"""

from __future__ import annotations

import numpy as np

from ..audio.resample import Resampler

__all__ = ["Resampled"]


class Resampled:
    """Samples of a decoder to frames of a recording; the decoders of signals build on it.

    Attributes
    ----------
    position : int
        The frame that comes next.
    frames : int or None
        Length of the whole signal. It must be known before the last samples come.
    """

    def __init__(self, rate: int, samplerate: int, channels: int, start: int) -> None:
        self._rate, self._samplerate = rate, samplerate
        self._resampler = Resampler(rate, samplerate, channels, start)
        self._sample = 0  # of the decoder, that comes next
        self.position = start
        self.frames: int | None = None

    def _resample(self, samples: np.ndarray) -> np.ndarray:
        begin, self._sample = self._sample, self._sample + len(samples)
        samples = samples[max(0, self._resampler.first - begin) :]
        if self.frames is not None:
            end = -(-self.frames * self._rate // self._samplerate)
            samples = samples[: max(0, len(samples) - max(0, self._sample - end))]
        return self._give(self._resampler.push(samples))

    def _give(self, out: np.ndarray) -> np.ndarray:
        if self.frames is not None:
            out = out[: max(0, self.frames - self.position)]
        self.position += len(out)
        return out
