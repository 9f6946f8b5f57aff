"""Frames into a file: which codec writes it, and what all that write have in common.

This module joins samples to codes, and codes to the blocks of a file. It knows nothing of paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .. import container
from ..codec.bandwidth_extension import Bands, Meter, allot
from ..codec.signal import SignalEncoder
from ..container.metadata import Foreign, Picture
from ..model.bundles import Model
from ..model.installed import choose_model, transform_for
from .blocks import TokenWriter
from .transform import TransformWriter

__all__ = ["FrameWriter", "Writer", "writer_for"]


class Writer(Protocol):
    """Frames to a file, whatever the codec.

    Attributes
    ----------
    header : container.Header
    bitrate : float
        Nominal kbps per channel, the most that any moment can have.
    frames : int
        How many have been pushed.
    """

    header: container.Header

    @property
    def bitrate(self) -> float: ...

    @property
    def frames(self) -> int: ...

    def push(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""

    def finish(self) -> None:
        """What is left, then the trailer."""


class FrameWriter:
    """A `Writer` of codes: frames to tokens, and these to blocks.

    Parameters
    ----------
    encoder : SignalEncoder
    writer : TokenWriter
    bands : Bands
        Those above the model's whose levels come with the codes.
    """

    def __init__(self, encoder: SignalEncoder, writer: TokenWriter, bands: Bands) -> None:
        self._encoder, self._writer = encoder, writer
        self.header = header = writer.header
        self._meter: Meter | None = None
        if bands.count:
            self._meter = Meter(writer.model, header.samplerate, header.channels, bands)

    @property
    def bitrate(self) -> float:
        return self._writer.model.bitrate(self.header.codebooks)

    @property
    def frames(self) -> int:
        return self._encoder.frames

    def push(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""
        levels = None if self._meter is None else self._meter.push(frames)
        self._writer.push(self._encoder.push(frames), levels)

    def finish(self) -> None:
        """What is left, then the trailer."""
        tokens = self._writer.model.tokens_for(self.frames, self.header.samplerate)
        levels = None if self._meter is None else self._meter.finish(tokens)
        self._writer.push(self._encoder.finish(), levels)
        self._writer.finish(self.frames)


def writer_for(
    model: str,
    samplerate: int,
    channels: int,
    *,
    bitrate: float | None,
    quality: float | None,
    tags: Mapping[str, str],
    pictures: Sequence[Picture],
    lm: bool,
    denoise: bool,
    foreign: Sequence[Foreign],
    frames: int | None,
    exact: bool,
) -> Callable[[Any], Writer]:
    """Choose the codec, and check all that can be before the file is touched.

    Parameters as of `VauxFile`.

    Returns
    -------
    callable
        A binary file object to what writes into it; the header is written at once.

    Raises
    ------
    ModelError, ValueError
        If nothing can be written that way.
    """
    announced = frames if exact else None
    transform = transform_for(model, bitrate, quality, lm=lm, denoise=denoise)
    if transform is not None:
        rate = transform.bitrate_for(bitrate)
        return lambda file: TransformWriter(
            file, transform, samplerate, channels, rate, tags, pictures, foreign, announced
        )
    chosen: Model = choose_model(model, samplerate, channels, bitrate)
    allocation, bands = allot(chosen, samplerate, bitrate, quality, denoise)
    encoder = SignalEncoder(chosen, samplerate, channels, allocation, denoise)
    tokens = None if frames is None else chosen.tokens_for(frames, samplerate)

    def begin(file: Any) -> Writer:
        writer = TokenWriter(
            file, chosen, samplerate, channels, allocation.codebooks, tags, pictures, lm,
            variable=allocation.variable, bands=bands, tokens=tokens, frames=announced,
            foreign=foreign,
        )  # fmt: skip
        return FrameWriter(encoder, writer, bands)

    return begin
