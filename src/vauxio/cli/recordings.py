"""Recordings at both ends of a verb: read with their tags, written in any format.

This module knows endings of names, WAV streams and how libsndfile reports what goes wrong. It knows
nothing of coding.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import numpy as np

from ..audio.channels import MASK, mask_of, to_vorbis
from ..audio.formats import FORMATS, MAX_CHUNK, NEVER_EMPTY, Format, Raw
from ..audio.resample import Resampler
from ..errors import AudioError
from .failures import blame
from .names import STREAM, is_device
from .signals import postponed
from .streams import opened
from .terminal import complain

if TYPE_CHECKING:
    from ..audio.recording import Recording
    from ..audio.tags import Tags
    from ..file.vauxfile import VauxFile

__all__ = ["format_of", "recorded", "sink"]


@contextlib.contextmanager
def recorded(name: str, raw: Raw | None = None) -> Iterator[tuple[Recording, Tags]]:
    """Open a recording with its tags. A recording from a pipe has none.

    Parameters
    ----------
    name : str
    raw : Raw, optional
        What it is, if it has no header.
    """
    from ..audio.recording import Recording
    from ..audio.tags import Tags, read_tags

    with opened(name) as file:
        with blame(name):
            tags = read_tags(name) if raw is None and os.path.isfile(name) else Tags()
            recording = Recording(file, raw)
        for note in tags.notes:
            complain(f"{name}: {note}")
        with recording:
            yield recording, tags


def format_of(target: str) -> Format | None:
    """The format of a target by its name; None for a WAV stream."""
    suffix = Path(target).suffix.lower()
    if target == STREAM or (is_device(target) and suffix in ("", ".wav")):
        return None
    if os.path.isdir(target):
        return None  # a file that fails, when its turn comes
    if suffix not in FORMATS or is_device(target):
        known = " ".join(FORMATS)
        raise click.UsageError(f"{target}: the name of an output must end in one of {known}")
    return FORMATS[suffix]


@contextlib.contextmanager
def sink(
    file: BinaryIO,
    f: VauxFile | Recording,
    frames: int | None,
    form: Format | None,
    tags: Mapping[str, str],
) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that writes samples, of the type that the format needs.

    Parameters
    ----------
    file : binary file object
        Where they go; not closed.
    f : VauxFile or Recording
        Where they come from: as many channels, at the same rate.
    frames : int or None
        How many there will be, if that is known.
    form : Format or None
        None for a WAV stream.
    tags : mapping of str to str
        Of the recording; one of them may tell the channel mask.
    """
    mask = mask_of(tags.get(MASK), f.channels)
    if form is None:
        file.write(_wav_header(f, frames, mask))
        yield lambda block: _write_all(file, block.astype("<i2", copy=False).tobytes())
        return
    import soundfile

    limit = MAX_CHUNK // (2 * f.channels)
    if form.major == "WAV" and frames is not None and frames > limit:
        form = FORMATS[".rf64"]  # which is WAV, with longer counts
    major = "WAVEX" if form.major == "WAV" and mask else form.major
    guard, done = _Guard(file), 0
    rate = form.samplerate_for(f.samplerate)
    resampler = None if rate == f.samplerate else Resampler(f.samplerate, rate, f.channels)

    def write(block: np.ndarray) -> None:
        nonlocal done
        done += len(block)
        put(block if resampler is None else resampler.push(block))

    def put(block: np.ndarray) -> None:
        block = to_vorbis(block) if form.major == "OGG" else block
        if done > limit and form.major in ("WAV", "AIFF"):
            raise AudioError("too long for this format; .flac, .w64 and .rf64 take any length")
        try:
            with postponed():
                sound.write(block)
        except (soundfile.SoundFileError, AssertionError):  # how soundfile reports a short write
            guard.check()
            raise
        guard.check()

    with _sound_file(guard, rate, f.channels, form, major) as sound:
        yield write
        if resampler is not None:
            put(resampler.finish(round(done * rate / f.samplerate)))
    if not done and not NEVER_EMPTY.isdisjoint(form):
        raise AudioError("this format cannot hold a recording without samples; .wav can")


@contextlib.contextmanager
def _sound_file(
    guard: _Guard, samplerate: int, channels: int, form: Format, major: str
) -> Iterator[Any]:
    """A file that libsndfile writes. Closing it writes again, so it closes before `guard`."""
    import soundfile

    with contextlib.ExitStack() as stack:
        try:
            with postponed():  # no signal between opening it and what closes it
                sound = soundfile.SoundFile(
                    guard, "w", samplerate, channels, form.subtype, format=major
                )
                stack.callback(_close, sound)
        except soundfile.SoundFileError as e:
            guard.check()
            raise AudioError(
                f"{channels} channels at {samplerate} Hz do not go into this format; "
                ".wav takes them"
            ) from e
        yield sound
        try:
            with postponed():
                stack.pop_all()
                sound.close()
        finally:
            guard.check()


def _close(sound: Any) -> None:
    """Close a file that is given up."""
    import soundfile

    with contextlib.suppress(soundfile.SoundFileError), postponed():
        sound.close()


def _wav_header(f: VauxFile | Recording, frames: int | None, mask: int | None) -> bytes:
    """The header of 16-bit WAV. An unknown or too large length is 2^32 - 1: up to the end."""
    align = 2 * f.channels
    data = 0xFFFFFFFF if frames is None else frames * align
    if data > MAX_CHUNK:
        riff = data = 0xFFFFFFFF
    else:
        riff = data + (60 if mask else 36)
    kind = 0xFFFE if mask else 1
    form = struct.pack("<HHIIHH", kind, f.channels, f.samplerate, f.samplerate * align, align, 16)
    if mask:
        form += struct.pack("<HHI16s", 22, 16, mask, _PCM)
    start = struct.pack("<4sI8sI", b"RIFF", riff, b"WAVEfmt ", len(form))
    return start + form + struct.pack("<4sI", b"data", data)


_PCM = bytes.fromhex("0100000000001000800000aa00389b71")  # what samples are, as a GUID


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


class _Guard:
    """A file for libsndfile. It keeps errors, as callbacks from C cannot raise them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise an error that was kept."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as e:
            self._error = self._error or e
            return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError as e:
            self._error = self._error or e
            return -1

    def tell(self) -> int:
        return self._file.tell()
