"""Frames at any rate, pushed in pieces of any size, to blocks of the transform codec and back.

This module knows the time line: rates and exact lengths. It knows nothing of files.
"""

from __future__ import annotations

import numpy as np

from ...audio.resample import Resampler
from ...locks import process_lock
from ...model.models import Transform
from ..resampled import Resampled
from .decoder import Decoder
from .encoder import Coded, Encoder
from .enhancer import Enhancer, reach
from .network import Tables

__all__ = ["SignalDecoder", "SignalEncoder"]

_REACH = 1024  # samples at the beginning of a block that the one before has a part in


class SignalEncoder:
    """Frames to blocks.

    Parameters
    ----------
    transform : Transform
    samplerate, channels : int
        Of the frames.
    bitrate : float
        kbps per channel, on average over the file.
    constant : bool, optional
        Whether the quality is constant instead, and bits are what it takes: `bitrate` on average
        over many files.

    Attributes
    ----------
    frames : int
        How many have been pushed.
    """

    def __init__(
        self,
        transform: Transform,
        samplerate: int,
        channels: int,
        bitrate: float,
        constant: bool = False,
    ) -> None:
        self._transform, self._samplerate = transform, samplerate
        self._resampler = Resampler(samplerate, transform.samplerate, channels)
        self._encoder = Encoder(_tables(transform), channels, bitrate, constant)
        self.frames = 0

    def push(self, frames: np.ndarray) -> list[Coded]:
        """Frames ``float32[n, channels]`` that follow the last, to the blocks that they finish."""
        self.frames += len(frames)
        return self._encoder.push(self._resampler.push(frames).T)

    def finish(self) -> list[Coded]:
        """The blocks that are left."""
        samples = self._transform.samples_for(self.frames, self._samplerate)
        return self._encoder.push(self._resampler.finish(samples).T) + self._encoder.finish()


class SignalDecoder(Resampled):
    """Blocks to frames, from any frame on.

    Parameters
    ----------
    transform : Transform
    samplerate, channels : int
        Of the frames.
    block_frames : int
        Frames of the codec in every block but the last.
    start : int, optional
        The frame to begin with.
    enhanced : bool, optional
        Whether speech of few bits is enhanced, if the codec has a network for it.

    Attributes
    ----------
    first_block : int
        The block to begin with.
    position : int
        The frame that comes next.
    frames : int or None
        Length of the whole signal. Must be set before the last block is pushed.
    """

    def __init__(
        self,
        transform: Transform,
        samplerate: int,
        channels: int,
        block_frames: int,
        start: int = 0,
        enhanced: bool = True,
    ) -> None:
        super().__init__(transform.samplerate, samplerate, channels, start)
        size, network = block_frames * transform.hop, transform.enhancer if enhanced else None
        needed = _REACH + (reach(network) if network else 0)
        self.first_block = max(0, self._resampler.first - needed) // size
        self._sample = self.first_block * size - (_REACH if self.first_block else 0)
        enhancer = Enhancer(network, channels, self._sample) if network else None
        self._decoder = Decoder(_tables(transform), channels, self.first_block == 0, enhancer)

    def push(self, payload: bytes | None, frames: int, checksum: int | None = None) -> np.ndarray:
        """A block to the ``float32[m, channels]`` that it completes.

        Parameters and errors as of `Decoder.push`.
        """
        return self._resample(self._decoder.push(payload, frames, checksum).T)

    def finish(self) -> np.ndarray:
        """What remains up to the last of `frames`."""
        if self.frames is None:
            raise ValueError("frames must be known to finish")
        parts = [
            self._resample(self._decoder.finish().T),
            self._give(self._resampler.finish(self.frames)),
        ]
        return np.concatenate(parts)


_known: dict[str, Tables] = {}
_lock = process_lock()


def _tables(transform: Transform) -> Tables:
    """The tables of a model: read once per process, then shared (and safe to)."""
    with _lock:
        if transform.tables.sha256 not in _known:
            _known[transform.tables.sha256] = Tables(transform.tables.load())
        return _known[transform.tables.sha256]
