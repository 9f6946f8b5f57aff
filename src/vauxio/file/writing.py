"""Frames into a file: which codec writes it, and what all that write have in common.

This module joins samples to codes, and codes to the blocks of a file. It knows nothing of paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..codec.bandwidth_extension import Meter
from ..codec.signal import SignalEncoder
from ..codec.stereo.rates import Plan, plan
from ..container.metadata import Foreign, Picture
from ..model.installed import choose_codec
from ..model.models import Model, Transform
from .block_writer import TokenWriter
from .listening import ListeningWriter
from .transform import TransformWriter
from .writer import Writer

__all__ = ["FrameWriter", "writer_for"]


class FrameWriter:
    """A `Writer` of codes: frames to tokens, and these to blocks.

    Parameters
    ----------
    encoder : SignalEncoder
    writer : TokenWriter
    planned : Plan
        Whose bands above the model's, and pairs of channels, have values beside the codes.
    """

    def __init__(self, encoder: SignalEncoder, writer: TokenWriter, planned: Plan) -> None:
        self._encoder, self._writer, self._stereo = encoder, writer, planned.stereo
        self.header = header = writer.header
        self._meter: Meter | None = None
        if planned.bands.count and not planned.stereo:
            self._meter = Meter(writer.model, header.samplerate, header.channels, planned.bands)

    @property
    def bitrate(self) -> float:
        coded = self._stereo.coded(self.header.channels)
        return len(coded) * self._writer.model.bitrate(self.header.codebooks)

    @property
    def frames(self) -> int:
        return self._encoder.frames

    def push(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""
        levels = None if self._meter is None else self._meter.push(frames)
        self._write(self._encoder.push(frames), levels)

    def finish(self) -> None:
        """Write what is left, then the trailer."""
        tokens = self._writer.model.tokens_for(self.frames, self.header.samplerate)
        levels = None if self._meter is None else self._meter.finish(tokens)
        self._write(self._encoder.finish(), levels)
        self._writer.finish(self.frames)

    def _write(self, codes: np.ndarray, levels: np.ndarray | None) -> None:
        """Write codes, with levels and stereo values if a downmixer has found some."""
        values = None
        if self._encoder.downmixer is not None:
            levels, values = self._encoder.downmixer.take()
        self._writer.push(codes, levels, values)


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
    """Choose the codec, and check all arguments before the file is touched.

    Parameters as of `VauxFile`.

    Returns
    -------
    callable
        A binary file object to what writes into it; the header is written at once, or as soon as
        the model is known.

    Raises
    ------
    ModelError, ValueError
        If nothing can be written that way.
    """
    announced = frames if exact else None
    choice = choose_codec(model, samplerate, channels, bitrate, quality, lm=lm, denoise=denoise)

    def transformed(transform: Transform) -> Callable[[Any], Writer]:
        rate = transform.bitrate_for(bitrate, quality, channels)
        return lambda file: TransformWriter(
            file, transform, samplerate, channels, rate, tags, pictures, foreign, announced,
            constant=quality is not None,
        )  # fmt: skip

    def tokenized(model: Model) -> Callable[[Any], Writer]:
        planned = plan(model, samplerate, channels, bitrate, quality, denoise)
        tokens = None if frames is None else model.tokens_for(frames, samplerate)

        def begin(file: Any) -> Writer:
            encoder = SignalEncoder(
                model, samplerate, channels, planned.allocation, denoise, plan=planned
            )
            writer = TokenWriter(
                file, model, samplerate, channels, planned.codebooks, tags, pictures, lm,
                variable=planned.variable, bands=planned.bands, tokens=tokens, frames=announced,
                foreign=foreign, stereo=planned.stereo,
            )  # fmt: skip
            return FrameWriter(encoder, writer, planned)

        return begin

    codec = choice.codec
    usual = transformed(codec) if isinstance(codec, Transform) else tokenized(codec)
    if choice.for_music is None:
        return usual
    for_music = transformed(choice.for_music)
    assert bitrate is not None  # or nothing would depend on the signal
    return lambda file: ListeningWriter(file, samplerate, channels, usual, for_music, bitrate)
