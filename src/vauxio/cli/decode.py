"""``vaux decode``: ``.vx`` files to recordings in any format that soundfile writes."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click
import numpy as np

from ..errors import AudioError
from ..formats import FORMATS, MAX_CHUNK, NEVER_EMPTY, Format
from ..tagging import write_tags
from ..vauxfile import VauxFile
from .batch import Batch, only, options, work_on
from .common import (
    STREAM,
    Failure,
    Job,
    Progress,
    blame,
    blaming,
    complain,
    for_each,
    is_device,
    opened,
    plan,
    writing,
)
from .signals import postponed

__all__ = ["command"]

_PIECE = 1 << 16  # frames


@click.command("decode")
@click.argument("files", nargs=-1, required=True, metavar="INPUT.vx... [OUTPUT]")
@click.option("-o", "--output", metavar="FILE|FOLDER", help="Where to write.")
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("--skip", metavar="TIME", help="Begin here: seconds, m:s or h:m:s.")
@click.option("--until", metavar="TIME", help="End here.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "conceal"]),
    default="stop",
    help="conceal: put something in the place of what is damaged, and list it.",
)
@click.option("--format", "ending", metavar="ENDING",
              help="With -r: of the outputs; wav if not given.")  # fmt: skip
@options
def command(
    files: tuple[str, ...],
    output: str | None,
    force: bool,
    skip: str | None,
    until: str | None,
    on_error: str,
    ending: str | None,
    batch: Batch,
) -> int:
    """Decode .vx files to recordings.

    The extension of the output says its format: wav, flac, ogg, opus, mp3, aiff, au, caf, w64,
    rf64. Without a name it is a WAV file beside the input. "-" stands for standard input or
    output, which takes WAV.

    \b
    Examples:
      vaux decode speech.vx                     makes speech.wav
      vaux decode speech.vx speech.flac
      vaux decode *.vx -o listen                into the folder listen
      vaux decode speech.vx - | aplay
      vaux decode --skip 1:30 --until 2:00 speech.vx part.wav
      vaux decode --on-error conceal damaged.vx what-is-left.wav
      vaux decode -r archive -o listen --format flac
    """
    begin, end = _seconds("--skip", skip), _seconds("--until", until)
    if end is not None and end < (begin or 0):
        raise click.UsageError("--until is before --skip")
    if batch.recursive:
        if begin is not None or end is not None or on_error != "stop":
            raise click.UsageError("--skip, --until and --on-error are for files, not for trees")
        suffix = f".{(ending or 'wav').lower().lstrip('.')}"
        _format_of(f"*{suffix}")
        return work_on(batch, "decode", only(files), output, format=suffix, force=force)
    if ending:
        raise click.UsageError("--format is for trees: -r; else the name of the output says it")
    jobs = plan(files, output, ".wav", lambda name: not name.lower().endswith(".vx"))
    for job in jobs:
        _format_of(job.target)  # wrong usage is found before anything is done
    work = partial(_decode, force=force, begin=begin, end=end, on_error=on_error)
    return for_each(jobs, work)


def _decode(job: Job, force: bool, begin: float | None, end: float | None, on_error: str) -> None:
    source, target = job
    with opened(source) as file, blame(source), VauxFile(file, on_error=on_error) as f:
        frames, count = _go_to(f, source, begin, end, on_error)
        seconds = None if frames is None else frames / f.samplerate
        form = _format_of(target)
        with writing(target, force) as output, Progress(source, seconds) as progress:
            with blame(target), _sink(output.file, f, frames, form) as write:
                dtype = "int16" if form is None else form.dtype
                blocks = f.blocks(_PIECE, frames=count, dtype=dtype, always_2d=True)
                for block in blaming(source, blocks):
                    write(block)
                    progress.add(len(block) / f.samplerate)
            if form is not None and output.temporary is not None and (f.tags or f.pictures):
                with blame(target):
                    output.file.flush()
                    for note in write_tags(output.temporary, form.major, f.tags, f.pictures):
                        complain(f"{target}: {note}")
        for damage in f.damage if on_error == "conceal" else []:
            span = [_clock(frame / f.samplerate) for frame in (damage.start, damage.stop)]
            where = f"concealed {span[0]} to {span[1]}: " if damage.start < damage.stop else ""
            complain(f"{source}: {where}{damage.reason}")


def _go_to(
    f: VauxFile, source: str, begin: float | None, end: float | None, on_error: str
) -> tuple[int | None, int]:
    """Go to where decoding begins; how many frames there will be, and how many to ask for."""
    start = 0 if begin is None else round(begin * f.samplerate)
    stop = None if end is None else round(end * f.samplerate)
    known = f.frames
    if known is None:
        if start:
            raise Failure(source, "--skip needs a file, not a pipe")
        return None, -1 if stop is None else stop
    if not f.complete and on_error == "stop" and (stop is None or stop > known):
        raise Failure(
            source,
            f"cut off: only its first {known / f.samplerate:.1f} s are there; "
            "--on-error conceal decodes them",
        )
    if start > known:
        raise Failure(source, f"--skip: it has only {known / f.samplerate:.3f} s")
    if start:
        f.seek(start)
    count = (known if stop is None else min(stop, known)) - start
    return count, count


def _seconds(option: str, time: str | None) -> float | None:
    """Seconds of ``12.5``, ``1:30`` or ``1:02:03.5``."""
    if time is None:
        return None
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", time):
        raise click.UsageError(f"{option} {time}: must be seconds, m:s or h:m:s")
    seconds = 0.0
    for part in time.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:06.3f}"


def _format_of(target: str) -> Format | None:
    """The format that the name asks for; None for a WAV stream, written front to back."""
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
def _sink(
    file: BinaryIO, f: VauxFile, frames: int | None, form: Format | None
) -> Iterator[Callable[[np.ndarray], None]]:
    """What takes the samples of `f`, of the type that the format asks for.

    Parameters
    ----------
    file : binary file object
        Where they go; not closed.
    f : VauxFile
    frames : int or None
        How many there will be, if that is known.
    form : Format or None
        None for a WAV stream.
    """
    if form is None:
        file.write(_wav_header(f, frames))
        yield lambda block: _write_all(file, block.astype("<i2", copy=False).tobytes())
        return
    import soundfile

    limit = MAX_CHUNK // (2 * f.channels)
    if form.major == "WAV" and frames is not None and frames > limit:
        form = FORMATS[".rf64"]  # which is WAV, with longer counts
    guard, done = _Guard(file), 0
    try:
        with postponed():
            sound = soundfile.SoundFile(
                guard, "w", f.samplerate, f.channels, form.subtype, format=form.major
            )
    except soundfile.SoundFileError as e:
        guard.check()
        raise AudioError(
            f"{f.channels} channels at {f.samplerate} Hz do not go into this format; "
            ".wav and .flac take them"
        ) from e

    def write(block: np.ndarray) -> None:
        nonlocal done
        done += len(block)
        if done > limit and form.major in ("WAV", "AIFF"):
            raise AudioError("too long for this format; .flac, .w64 and .rf64 take any length")
        try:
            with postponed():
                sound.write(block)
        except (soundfile.SoundFileError, AssertionError):  # its ways to say: not all of it
            guard.check()
            raise
        guard.check()

    try:
        yield write
    except BaseException:
        with contextlib.suppress(soundfile.SoundFileError), postponed():
            sound.close()  # before its file is: it writes once more
        raise
    try:
        with postponed():
            sound.close()
    finally:
        guard.check()
    if not done and not NEVER_EMPTY.isdisjoint(form):
        raise AudioError("this format cannot hold a recording without samples; .wav can")


def _wav_header(f: VauxFile, frames: int | None) -> bytes:
    """Of 16-bit WAV. A length that is not known, or too long, is 2^32 - 1: up to the end."""
    align = 2 * f.channels
    data = 0xFFFFFFFF if frames is None else frames * align
    if data > MAX_CHUNK:
        riff = data = 0xFFFFFFFF
    else:
        riff = data + 36
    form = struct.pack("<HHIIHH", 1, f.channels, f.samplerate, f.samplerate * align, align, 16)
    return struct.pack("<4sI8sI16s4sI", b"RIFF", riff, b"WAVEfmt ", 16, form, b"data", data)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


class _Guard:
    """A file for libsndfile, which calls it from C, where an exception could not be raised."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise what has gone wrong."""
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
