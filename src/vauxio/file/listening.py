"""A writer that hears the beginning of a signal before it chooses the model."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..codec.music import beginning, is_music
from .writer import Writer

__all__ = ["ListeningWriter"]


class ListeningWriter:
    """A `Writer` that holds frames back until it can tell music from speech.

    It always hears the same frames, so the file does not depend on how they are divided among
    pushes. A signal that ends before that is judged by what there is.

    Parameters
    ----------
    file : BinaryIO
        Nothing is written to it before the choice.
    samplerate, channels : int
    usual, for_music : callable
        A binary file object to the `Writer` of one model.
    bitrate : float
        Nominal kbps of all channels that was asked for.

    Attributes
    ----------
    header : container.Header
        Names the model ``'auto'`` before the choice.
    """

    def __init__(
        self,
        file: Any,
        samplerate: int,
        channels: int,
        usual: Callable[[Any], Writer],
        for_music: Callable[[Any], Writer],
        bitrate: float,
    ) -> None:
        self._file, self._samplerate, self._bitrate = file, samplerate, bitrate
        self._usual, self._for_music = usual, for_music
        self._heard = np.empty((beginning(samplerate, channels), channels), np.float32)
        self._count = 0  # of frames in there
        self._writer: Writer | None = None
        # What cannot be stored, such as a tag, is refused before anything is pushed.
        self.header = replace(for_music(io.BytesIO()).header, model="auto")

    @property
    def bitrate(self) -> float:
        return self._bitrate if self._writer is None else self._writer.bitrate

    @property
    def frames(self) -> int:
        return self._count if self._writer is None else self._writer.frames

    def push(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""
        if self._writer is None:
            held = frames[: len(self._heard) - self._count]
            self._heard[self._count : self._count + len(held)] = held
            self._count += len(held)
            if self._count < len(self._heard):
                return
            self._writer = self._choose()
            frames = frames[len(held) :]
        self._writer.push(frames)

    def finish(self) -> None:
        """Write what is left, then the trailer."""
        if self._writer is None:
            self._writer = self._choose()
        self._writer.finish()

    def _choose(self) -> Writer:
        """The writer for what was heard, which it has been given."""
        heard = self._heard[: self._count]
        self._heard = np.empty((0, heard.shape[1]), np.float32)  # no view, which would keep it all
        begin = self._for_music if is_music(heard, self._samplerate) else self._usual
        writer = begin(self._file)
        self.header = writer.header
        for i in range(0, len(heard), self._samplerate):  # memory of networks is by what they get
            writer.push(heard[i : i + self._samplerate])
        return writer
