"""A recording and its decoded copies: aligned, measured, as a table.

This module brings files to one rate, one beginning and one length, and has `metrics` measure them.
The page to look at and listen to is made by `page`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import container
from ..audio import pcm
from ..audio.recording import Recording
from ..container.header import MAGIC
from ..errors import AudioError
from ..file.vauxfile import VauxFile
from ..fileio import naming
from ..model.installed import find_model, find_transform
from ..text import printable
from . import metrics

__all__ = ["Comparison", "Part", "Rate", "Version", "measure", "read_part"]

_PIECE = 1 << 16  # frames


class Rate(NamedTuple):
    """The bitrate of a stretch of a file: seconds from `start` to `stop`, at `kbps`."""

    start: float
    stop: float
    kbps: float


class Part(NamedTuple):
    """A part of a recording, and the size of its file.

    Attributes
    ----------
    name : str
    data : ndarray
        ``float32[frames, channels]``
    samplerate : int
    bytes : int
        Of the file.
    duration : float
        Of the whole, in seconds.
    rates : tuple of Rate
        Over the whole; block by block for a ``.vx`` file.
    """

    name: str
    data: np.ndarray
    samplerate: int
    bytes: int
    duration: float
    rates: tuple[Rate, ...]

    @property
    def kbps(self) -> float:
        """All bytes of the file over its duration."""
        return _kbps(self.bytes, self.duration)


@dataclass(frozen=True, eq=False)
class Version:
    """A file beside its original.

    Attributes
    ----------
    part : Part
        Of the file, as it was decoded.
    data : ndarray
        ``float32[frames, channels]`` at the original's rate, aligned with it and of its length.
    lag : float
        Seconds by which it was late, before it was aligned.
    si_sdr, mel, level : float
        See `metrics`; the first two are means over channels. NaN: the original is silent.
    """

    part: Part
    data: np.ndarray
    lag: float
    si_sdr: float
    mel: float
    level: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """An original and its versions. Its str is the table.

    Attributes
    ----------
    original : Part
    start : float
        Second of the recording that the part begins with.
    versions : sequence of Version
    """

    original: Part
    start: float
    versions: Sequence[Version]

    HEADINGS = "file", "bytes", "kbps", "SI-SDR", "mel distance", "level", "delay"

    def rows(self) -> list[tuple[str, ...]]:
        """The table, one row for each file, the original first."""
        return [
            (*_size(self.original), "", "", "", ""),
            *(
                (
                    *_size(v.part),
                    "-" if math.isnan(v.si_sdr) else f"{v.si_sdr:.1f} dB",
                    f"{v.mel:.2f} dB",
                    f"{round(v.level, 1) + 0:+.1f} dB",
                    f"{round(1000 * v.lag, 1) + 0:.1f} ms",  # + 0: no "-0.0"
                )
                for v in self.versions
            ),
        ]

    def __str__(self) -> str:
        rows = [self.HEADINGS, *((printable(name), *rest) for name, *rest in self.rows())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for name, *figures in rows:
            cells = [f.rjust(w) for f, w in zip(figures, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *cells]).rstrip())
        return "\n".join(lines)


def read_part(path: str, start: float, seconds: float) -> Part:
    """Read a part of a recording or of a ``.vx`` file.

    Parameters
    ----------
    path : str
    start, seconds : float
        It is shorter where the recording ends before that.

    Raises
    ------
    AudioError
        If it is no recording.
    VauxError
        If it is a ``.vx`` file that cannot be decoded.
    OSError
        If it cannot be opened.
    """
    with open(path, "rb") as f:
        is_vaux = f.read(len(MAGIC)) == MAGIC
    return (_read_vaux if is_vaux else _read_recording)(path, start, seconds)


def measure(original: Part, part: Part) -> Version:
    """Align a part with the same part of the original, and measure the difference.

    Both are mixed down to one channel if they have not equally many. Delays of up to a quarter of
    a second are found.

    Raises
    ------
    AudioError
        If either has no frames.
    """
    for p in (original, part):
        if not len(p.data):
            raise AudioError(f"{p.name}: nothing there to compare; it ends before that")
    samplerate, frames = original.samplerate, len(original.data)
    reference, data = original.data, _resample(part.data, part.samplerate, samplerate)
    if data.shape[1] != reference.shape[1]:
        reference, data = pcm.mix_down(reference), pcm.mix_down(data)
    loudest = int(np.square(reference).sum(axis=0).argmax())
    lag = metrics.find_lag(reference[:, loudest], data[:, loudest], samplerate)
    data = np.stack([metrics.align(channel, lag, frames) for channel in data.T], axis=1)
    pairs = list(zip(reference.T, data.T, strict=True))
    ratios = [metrics.si_sdr(a, b) for a, b in pairs if a.any()]
    return Version(
        part=part,
        data=data,
        lag=lag / samplerate,
        si_sdr=float(np.mean(ratios)) if ratios else math.nan,
        mel=float(np.mean([metrics.mel_distance(a, b, samplerate) for a, b in pairs])),
        level=metrics.level_difference(reference.ravel(), data.ravel()),
    )


def _read_vaux(path: str, start: float, seconds: float) -> Part:
    with VauxFile(path) as f:
        total = f.frames or 0
        first = min(total, round(start * f.samplerate))
        f.seek(first)
        data = f.read(min(total - first, round(seconds * f.samplerate)), always_2d=True)
        duration = total / f.samplerate
        samplerate = f.samplerate
    size, rates = _size_and_rates(path, duration)
    return Part(path, data, samplerate, size, duration, rates)


def _size_and_rates(path: str, duration: float) -> tuple[int, tuple[Rate, ...]]:
    """Bytes of a ``.vx`` file, and the bitrate of each block."""
    with open(path, "rb") as f, naming(path):
        reader = container.Reader(f)
        find = find_transform if reader.header.rate else find_model
        token_rate = find(reader.header.model, reader.header.code_space).token_rate
        rates, start = [], 0.0
        for block in reader:
            seconds = block.tokens / token_rate
            stop = min(duration, start + seconds)
            coded = block.payload, block.allocation, block.levels, block.stereo
            rates.append(Rate(start, stop, _kbps(sum(map(len, coded)), seconds)))
            start = stop
        return reader.size, tuple(rates)


def _read_recording(path: str, start: float, seconds: float) -> Part:
    with Recording(path) as recording:
        first = round(start * recording.samplerate)
        stop = first + round(seconds * recording.samplerate)
        parts = [np.empty((0, recording.channels), np.float32)]
        done = 0
        for block in recording.blocks(_PIECE):
            parts.append(block[max(0, first - done) : max(0, stop - done)])
            done += len(block)
            if recording.frames is not None and done >= stop:
                break
        total = done if recording.frames is None else recording.frames
        duration, size = total / recording.samplerate, os.path.getsize(path)
        rates = (Rate(0, duration, _kbps(size, duration)),)
        return Part(path, np.concatenate(parts), recording.samplerate, size, duration, rates)


def _resample(data: np.ndarray, samplerate: int, to: int) -> np.ndarray:
    if samplerate == to or not len(data):
        return data
    import soxr

    resampled: np.ndarray = soxr.resample(data, samplerate, to, quality="VHQ")
    return resampled


def _kbps(size: int, duration: float) -> float:
    return size * 8 / duration / 1000 if duration else 0.0


def _size(part: Part) -> tuple[str, str, str]:
    return part.name, f"{part.bytes}", f"{part.kbps:.2f}"
