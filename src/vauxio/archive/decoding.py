"""``.vx`` files of one tree to recordings of another: whole, or in parts.

The codes of short files are decoded together. But unlike in `encoding`, they do not go through the
network together: the last bit of a sample would depend on the others in the batch, and files would
differ from run to run.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..audio import pcm
from ..audio.channels import MASK, mask_of, to_vorbis
from ..audio.formats import FORMATS, MAX_CHUNK, NEVER_EMPTY
from ..audio.resample import resampled
from ..audio.tags import write_tags
from ..container import Block, Header
from ..errors import AudioError, FormatError
from ..file.block_decoder import Contents
from ..file.together import decode_together
from ..file.vauxfile import VauxFile
from ..results import Result
from .coding import PIECE, bounds, decode_stretch
from .jobs import Context, Join, Part, Parts, divided, guarded
from .plans import Task
from .store import known_store
from .verify import tokens_of

__all__ = ["decode", "decode_part", "join_decoded"]


_Held = tuple[Block, Contents]


def decode(context: Context, tasks: tuple[Task, ...], divide: bool) -> Iterator[Result | Parts]:
    """Decode whole files, or divide them into parts."""
    begin = time.perf_counter()
    known = _codes_of(context, tasks) if len(tasks) > 1 else {}
    share = (time.perf_counter() - begin) / len(tasks)
    for task in tasks:
        outcome = guarded(task, functools.partial(_decode, context, task, divide, known.get(task)))
        if isinstance(outcome, Result):
            outcome = replace(outcome, elapsed=outcome.elapsed + share)
        yield outcome


def _codes_of(context: Context, tasks: Sequence[Task]) -> dict[Task, _Held | None]:
    """The contents of files that are best decoded together."""
    with contextlib.ExitStack() as stack:
        readers = {}
        for task in tasks:
            with contextlib.suppress(Exception):  # raised when it is that file's turn
                readers[task] = stack.enter_context(tokens_of(context, task))
        return dict(zip(readers, decode_together(list(readers.values())), strict=True))


def _decode(context: Context, task: Task, divide: bool, known: _Held | None) -> Result | Parts:
    """Decode a whole file, or divide it into parts."""
    form = FORMATS[context.settings.format]
    on_error = context.settings.on_error
    with (
        known_store(context.source).reading(task.source) as file,
        VauxFile(file, on_error=on_error) as f,
    ):
        if known:
            f._reader.hold(*known)
        frames = f.frames or 0
        if not f.complete and on_error == "stop":
            raise f._reader.shortage("; --on-error conceal decodes them")
        if frames * f.channels * 2 > MAX_CHUNK and form.major in ("WAV", "AIFF"):
            raise AudioError("too long for this format; .flac, .w64 and .rf64 take any length")
        if not frames and not NEVER_EMPTY.isdisjoint(form):
            raise AudioError("this format cannot hold a recording without samples; .wav can")
        if divide and on_error == "stop":  # concealment depends on everything before it
            with tokens_of(context, task) as reader:
                if parts := divided(context, task, frames, reader.blocks):
                    return parts
        blocks = f.blocks(PIECE, dtype=form.dtype, always_2d=True)
        result = _write(context, task, frames, f, blocks)
        if on_error == "stop":
            return result
        return replace(result, damage=tuple(d.describe(f.samplerate) for d in f.damage))


def decode_part(job: Part) -> str:
    """Some frames, as bare samples in a file beside the target: its name."""
    dtype = np.dtype(FORMATS[job.context.settings.format].dtype)
    with tokens_of(job.context, job.task) as reader:
        if reader.frames != job.frames:
            raise FormatError("it changed while it was decoded; run again")
        start, stop = bounds(reader, job.first, job.stop)
        with known_store(job.context.target).creating(job.task.target, draft=True) as output:
            for block in decode_stretch(reader, start, stop):
                pcm.from_float(block, dtype).tofile(output.file)
            return os.fspath(output.temporary or "")


def join_decoded(job: Join) -> Result:
    """The samples of all parts in one recording."""
    context, task = job.context, job.task
    with tokens_of(context, task) as reader:
        header = reader.header
    dtype = np.dtype(FORMATS[context.settings.format].dtype)
    blocks = _samples(job.contents, dtype, header.channels)
    result = _write(context, task, job.frames, header, blocks)
    return replace(result, elapsed=job.elapsed)


def _write(
    context: Context,
    task: Task,
    frames: int,
    about: VauxFile | Header,
    blocks: Iterable[np.ndarray],
) -> Result:
    import soundfile

    form = FORMATS[context.settings.format]
    samplerate, channels, done = about.samplerate, about.channels, 0
    rate = form.samplerate_for(samplerate)
    if rate != samplerate:
        blocks = resampled(blocks, samplerate, rate, channels)
        frames = round(frames * rate / samplerate)
    masked = form.major == "WAV" and mask_of(about.tags.get(MASK), channels)
    with known_store(context.target).creating(task.target) as output:
        assert output.temporary is not None
        path = os.fspath(output.temporary)
        try:
            sound = soundfile.SoundFile(
                pcm.native(path), "w", rate, channels, form.subtype,
                format="WAVEX" if masked else form.major,
            )  # fmt: skip
        except soundfile.SoundFileError as e:
            raise AudioError(
                f"{channels} channels at {samplerate} Hz do not go into this format; "
                ".wav takes them"
            ) from e
        try:
            with sound:
                for block in blocks:
                    sound.write(to_vorbis(block) if form.major == "OGG" else block)
                    done += len(block)
        except (soundfile.SoundFileError, AssertionError) as e:  # soundfile's short write
            raise OSError(28, "not all of it could be written: is the disk full?") from e
        if done != frames:
            raise FormatError(f"decodes to {done} frames and not to {frames}")
        notes = write_tags(path, form.major, about.tags, about.pictures, about.foreign)
        size = os.path.getsize(path)
        if os.path.isabs(context.source):
            output.like = os.path.join(context.source, task.source)
    return Result(
        task.source, task.target, seconds=frames / rate,
        bytes_in=task.entry.size or 0, bytes_out=size, notes=tuple(notes),
    )  # fmt: skip


def _samples(paths: Sequence[str], dtype: np.dtype, channels: int) -> Iterator[np.ndarray]:
    """The contents of files of bare samples, one after the other."""
    for path in paths:
        with open(path, "rb") as file:
            while data := file.read(PIECE * channels * dtype.itemsize):
                yield np.frombuffer(data, dtype).reshape(-1, channels)
