"""A recording that FFmpeg decodes, with the attributes and methods that `recording.Recording` uses.

That is the part of `soundfile.SoundFile` that it needs, and what soundfile has no word for: notes,
and how many frames there must be at least.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import AudioError
from ..around import behind
from ..window import Window
from . import ffmpeg
from .about import About, Decoder
from .kinds import Kind
from .pyav import PyAV
from .structure import damage, edits, end_of

__all__ = ["MediaFile", "decoder"]

_SLACK = 0.25  # seconds that a file may say too much


def decoder(file: Any, kind: Kind) -> Decoder:
    """Whatever there is to decode such a file.

    Raises
    ------
    AudioError
        If there is nothing; it says what to install.
    """
    if importlib.util.find_spec("av") is not None:
        return PyAV(file, kind)
    if ffmpeg.is_there():
        return ffmpeg.FFmpeg(file, kind)
    raise AudioError(
        f"{kind.name}: needs PyAV or ffmpeg; pip install 'vauxio[av]', or put ffmpeg on the path"
    )


class MediaFile:
    """A recording of a format that libsndfile does not read.

    Parameters
    ----------
    file : binary file object that can seek
        Not closed.
    kind : Kind
    lenient : bool, optional
        Take a file that is cut off for what there is of it, with a note.

    Attributes
    ----------
    samplerate, channels : int
    frames : int
        As many as there are, or as are expected; 0 if that is not known.
    exact : bool
        Whether there are just so many.
    least : int
        Frames that must be there.
    about : About
    notes : list of str
    format, subtype : str
        As soundfile names such things.
    """

    def __init__(self, file: Any, kind: Kind, lenient: bool = False) -> None:
        self._file, self._kind = file, kind
        self.notes: list[str] = []
        self._start = file.tell()
        with Window(file) as window:
            if wrong := damage(window, kind):
                if not (lenient and wrong.startswith("cut off")):
                    raise AudioError(wrong)
                self.notes.append(wrong)
            if (end := end_of(window, kind)) and end < window.size:
                self.notes += behind(window, end)
        self._decoder = decoder(file, kind)
        self.about: About = self._decoder.about
        self._expect(lenient)
        about = self.about
        self.samplerate, self.channels = about.samplerate, about.channels
        self.format, self.subtype = kind.name, "FLOAT" if about.floating else about.codec
        self.notes += [f"left out: {other}" for other in about.others]
        if kind.demuxer in _UNTOLD:
            self.notes.append(f"it may be cut off: of {kind.name}, nobody can tell")
        self._blocks: Iterator[np.ndarray] = self._decoder.blocks()
        self._rest = np.zeros((0, about.channels), np.float32)
        self._given = 0

    def _expect(self, lenient: bool) -> None:
        about, limit, said = self.about, None, None
        if self._kind.demuxer == "mov":
            place = self._file.tell()  # where the decoder goes on
            self._file.seek(self._start)
            with Window(self._file) as window:
                said = edits(window, about.track)
            self._file.seek(place)
        self.exact = about.frames is not None
        self.frames = about.frames or round(about.seconds * about.samplerate)
        if said is not None:
            frames = said.seconds * about.samplerate
            self.frames, self.exact = round(frames), said.exact and frames.denominator == 1
            limit = self.frames if self.exact else -(-frames.numerator // frames.denominator)
            if said.frames and abs(said.frames - self.frames) <= 4096:
                # Where the two disagree, later versions of FFmpeg leave out what either does.
                self.exact = said.frames == self.frames or not self.exact
                limit = self.frames = said.frames
        elif self.exact and self._kind.demuxer in _COUNTED:
            limit = self.frames
        else:
            self.exact = False
        self._limit = limit
        self.least = self.frames if self.exact and not lenient else 0

    def seekable(self) -> bool:
        """Whether the number of frames is known; it is not meant to be read but in order."""
        return self.frames > 0 or self.exact

    def seek(self, frame: int) -> None:
        """Begin anew, if need be, and decode up to there."""
        if frame < self._given:
            self._decoder.close()
            self._file.seek(self._start)
            self._decoder = decoder(self._file, self._kind)
            self._blocks, self._rest, self._given = self._decoder.blocks(), self._rest[:0], 0
        while self._given < frame and len(self.read(min(frame - self._given, 1 << 16))):
            pass

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """The next frames, ``float32[<= frames, channels]``."""
        parts, count = [self._rest], len(self._rest)
        if self._limit is not None:
            frames = max(0, min(frames, self._limit - self._given))
        while count < frames and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            count += len(block)
        if frames == 0 and self._limit is not None:
            for _ in self._blocks:  # what is behind the end may tell of damage before it
                pass
        found = np.concatenate(parts)
        found, self._rest = found[:frames], found[frames:]
        self._given += len(found)
        self._look_at_length(len(found) < frames)
        return found

    def _look_at_length(self, ended: bool) -> None:
        """Note that less could be had than the file says, where it is not sure of that itself."""
        missing = self.frames / self.samplerate - self._given / self.samplerate
        counted = self._kind.demuxer in _TIMED and not self.exact
        if ended and counted and missing > _SLACK:
            note = f"its sound ends {missing:.1f} s before its end: something may be missing"
            if note not in self.notes:
                self.notes.append(note)

    def close(self) -> None:
        self._decoder.close()


_COUNTED = {"wv", "tta", "ape", "tak", "mov", "dsf", "iff", "flac", "ogg", "wav"}
"""Formats that say exactly how many frames they have."""

_UNTOLD = {"flv", "mpegts", "mpeg", "loas", "dts", "dtshd", "rm", "amr", "shn", "g722"}
"""Formats that end anywhere."""

_TIMED = {"mov", "matroska", "asf"}
"""Formats whose stated length is no guess from their size."""
