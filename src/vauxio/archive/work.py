"""What a worker does: jobs, each whole in itself, so that any process on any machine can do it.

A job names its trees, its files and its settings. Doing one twice does no harm: files appear whole
and in place of themselves. This room knows nothing of who does what when.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import container, pcm
from ..codec import Codec
from ..errors import AudioError, FormatError, TruncatedError, VauxError
from ..fileio import name_of
from ..formats import FORMATS, MAX_CHUNK, NEVER_EMPTY
from ..models import Model, find_model
from ..tagging import Tags, read_tags, write_tags
from ..tokens import TokenReader, TokenWriter, block_tokens
from ..vauxfile import VauxFile
from .coding import PIECE, encode_stretch, encode_together, is_divisible
from .planning import Result, Settings, Task
from .store import Store, open_store
from .verify import check_blocks, read_back, verify

__all__ = ["Context", "Join", "Made", "Many", "Part", "divide", "perform"]

_SHORT = 2.0  # seconds; the network is not faster for several longer ones at once
_PART_BLOCKS = 30  # five minutes


@dataclass(frozen=True)
class Context:
    """What jobs of one run have in common; `check`: read back what was written."""

    verb: str
    source: str
    target: str
    settings: Settings
    check: bool


@dataclass(frozen=True)
class Many:
    """Do whole files. Outcome: a list of `Result`."""

    context: Context
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Part:
    """Encode some blocks of a long file. Outcome: `Made`, or the `Result` of the whole file."""

    context: Context
    task: Task
    frames: int
    first: int
    stop: int


class Made(NamedTuple):
    """A part: a ``.vx`` file of its blocks, and the seconds that it took."""

    content: bytes
    elapsed: float


@dataclass(frozen=True)
class Join:
    """Make a file of all its parts. Outcome: as of `Many`."""

    context: Context
    task: Task
    frames: int
    parts: tuple[bytes, ...]
    elapsed: float


def perform(job: Many | Part | Join) -> Any:
    """The outcome of a job."""
    if isinstance(job, Part):
        return _guarded(job.task, lambda: _encode_part(job))
    if isinstance(job, Join):
        return [_guarded(job.task, lambda: _join(job))]
    context = job.context
    if context.verb == "encode":
        return list(_encode_many(context, job.tasks))
    work = _decode if context.verb == "decode" else _verify
    return [_guarded(task, functools.partial(work, context, task)) for task in job.tasks]


def divide(context: Context, task: Task) -> list[Part]:
    """The parts of a recording that is worth dividing among workers; else none."""
    try:
        with _store(context.source).reading(task.source) as file, pcm.Recording(file) as recording:
            if not is_divisible(recording):
                return []
            frames, rate = recording.frames or 0, recording.samplerate
    except Exception:  # whoever is to encode it will say what is wrong
        return []
    model = find_model(context.settings.model)
    blocks = -(-model.tokens_for(frames, rate) // block_tokens(model))
    if blocks <= 2 * _PART_BLOCKS:
        return []
    firsts = range(0, blocks, _PART_BLOCKS)
    return [Part(context, task, frames, first, min(first + _PART_BLOCKS, blocks))
            for first in firsts]  # fmt: skip


def _encode_many(context: Context, tasks: tuple[Task, ...]) -> Iterator[Result]:
    """The short ones together, the others one after the other."""
    short: list[_Short] = []
    for task in tasks:
        outcome = _guarded(task, lambda task=task: _load_short(context, task))  # type: ignore[misc]
        if isinstance(outcome, _Short):
            short.append(outcome)
        elif outcome is not None:
            yield outcome
        else:
            yield _guarded(task, functools.partial(_encode, context, task))
    if not short:
        return
    begin = time.perf_counter()
    settings = context.settings
    codec = _codec(settings)
    codebooks = codec.model.codebooks_for(settings.bitrate)
    all_codes = encode_together([(s.frames, s.samplerate) for s in short], codec, codebooks)
    share = (time.perf_counter() - begin) / len(short)
    for one, codes in zip(short, all_codes, strict=True):
        write = functools.partial(_write_short, context, one, codes)
        result = _guarded(one.task, write)
        yield replace(result, elapsed=result.elapsed + share)


@dataclass
class _Short:
    """A recording that is short enough to be held as a whole."""

    task: Task
    frames: np.ndarray
    samplerate: int
    tags: Tags


def _load_short(context: Context, task: Task) -> _Short | None:
    """None if it is not short."""
    if (task.entry.size or 0) > _SHORT * 192_000 * 8 * 8:
        return None
    with _recording(context, task) as (recording, tags):
        if recording.frames is None or recording.frames > _SHORT * recording.samplerate:
            return None
        blocks = [pcm.mix_down(block) if context.settings.mono else block
                  for block in recording.blocks(PIECE)]  # fmt: skip
        channels = 1 if context.settings.mono else recording.channels
        empty = np.empty((0, channels), np.float32)
        return _Short(task, np.concatenate([empty, *blocks]), recording.samplerate, tags)


def _write_short(context: Context, short: _Short, codes: np.ndarray) -> Result:
    with _store(context.target).creating(short.task.target) as output:
        writer = TokenWriter(
            output.file, _codec(context.settings).model, short.samplerate,
            short.frames.shape[1], codes.shape[1], short.tags.tags, short.tags.pictures,
            context.settings.lm,
        )  # fmt: skip
        writer.push(codes)
        writer.finish(len(short.frames))
        seconds = len(short.frames) / short.samplerate
        return _written(context, short.task, output, len(short.frames), seconds, short.tags.notes)


def _encode(context: Context, task: Task) -> Result:
    settings = context.settings
    with _recording(context, task) as (recording, tags):
        channels = 1 if settings.mono else recording.channels
        with _store(context.target).creating(task.target) as output:
            with VauxFile(
                output.file, "w", recording.samplerate, channels, model=settings.model,
                bitrate=settings.bitrate, tags=tags.tags, pictures=tags.pictures, lm=settings.lm,
            ) as f:  # fmt: skip
                for block in recording.blocks(PIECE):
                    f.write(pcm.mix_down(block) if settings.mono else block)
            frames = f.frames or 0
            return _written(context, task, output, frames, frames / f.samplerate, tags.notes)


def _encode_part(job: Part) -> Made:
    begin = time.perf_counter()
    settings = job.context.settings
    codec = _codec(settings)
    model = codec.model
    codebooks, size = model.codebooks_for(settings.bitrate), block_tokens(model)
    with _recording(job.context, job.task) as (recording, _):
        if recording.frames != job.frames:
            raise AudioError("it changed while it was encoded; run again")
        tokens = model.tokens_for(job.frames, recording.samplerate)
        first, stop = job.first * size, min(job.stop * size, tokens)
        codes = encode_stretch(recording, codec, codebooks, settings.mono, first, stop)
        channels = 1 if settings.mono else recording.channels
        out = io.BytesIO()
        writer = TokenWriter(
            out, model, recording.samplerate, channels, codebooks, {}, (), settings.lm
        )
    writer.push(codes)
    writer.finish(model.frames_in(stop - first, recording.samplerate))
    if job.context.check:
        out.seek(0)
        read_back(out)
    return Made(out.getvalue(), time.perf_counter() - begin)


def _join(job: Join) -> Result:
    context, task = job.context, job.task
    with _store(context.source).reading(task.source) as file:
        tags = read_tags(file)
    with _store(context.target).creating(task.target) as output:
        header = container.Reader(io.BytesIO(job.parts[0])).header
        header = replace(header, tags=tags.tags, pictures=tuple(tags.pictures))
        writer = container.Writer(output.file, header)
        for part in job.parts:
            for block in container.Reader(io.BytesIO(part)):
                writer.write(block)
        writer.close(job.frames)
        seconds = job.frames / header.samplerate
        # Each part was read back where it was made.
        unchecked = replace(context, check=False)
        result = _written(unchecked, task, output, job.frames, seconds, tags.notes)
        if context.check:
            assert output.temporary is not None
            with open(output.temporary, "rb") as written:
                check_blocks(TokenReader(written))
        return replace(result, elapsed=job.elapsed)


def _written(
    context: Context, task: Task, output: Any, frames: int, seconds: float, notes: list[str]
) -> Result:
    output.file.flush()
    if context.check and read_back(output.temporary) != frames:
        raise FormatError("what was written reads back as something else")
    size = os.path.getsize(output.temporary)
    return Result(task.source, task.target, seconds=seconds, bytes_in=task.entry.size or 0,
                  bytes_out=size, notes=tuple(notes))  # fmt: skip


def _decode(context: Context, task: Task) -> Result:
    import soundfile

    form = FORMATS[context.settings.format]
    with _store(context.source).reading(task.source) as file, VauxFile(file) as f:
        frames = f.frames or 0
        if not f.complete:
            raise TruncatedError(
                f"cut off: only its first {frames / f.samplerate:.1f} s are there; "
                f"vauxio.read(file, frames={frames}) in Python reads them"
            )
        if frames * f.channels * 2 > MAX_CHUNK and form.major in ("WAV", "AIFF"):
            raise AudioError("too long for this format; .flac, .w64 and .rf64 take any length")
        if not frames and not NEVER_EMPTY.isdisjoint(form):
            raise AudioError("this format cannot hold a recording without samples; .wav can")
        with _store(context.target).creating(task.target) as output:
            assert output.temporary is not None
            path = os.fspath(output.temporary)
            try:
                sound = soundfile.SoundFile(
                    pcm.native(path), "w", f.samplerate, f.channels, form.subtype, format=form.major
                )
            except soundfile.SoundFileError as e:
                raise AudioError(
                    f"{f.channels} channels at {f.samplerate} Hz do not go into this format; "
                    ".wav and .flac take them"
                ) from e
            try:
                with sound:
                    for block in f.blocks(PIECE, dtype=form.dtype, always_2d=True):
                        sound.write(block)
            except (soundfile.SoundFileError, AssertionError) as e:  # soundfile's short write
                raise OSError(28, "not all of it could be written: is the disk full?") from e
            notes = write_tags(path, form.major, f.tags, f.pictures)
            size = os.path.getsize(path)
        return Result(
            task.source, task.target, seconds=frames / f.samplerate,
            bytes_in=task.entry.size or 0, bytes_out=size, notes=tuple(notes),
        )  # fmt: skip


def _verify(context: Context, task: Task) -> Result:
    with _store(context.source).reading(task.source) as file:
        seconds = verify(file, context.settings.deep)
    return Result(task.source, "", seconds=seconds, bytes_in=task.entry.size or 0)


def _guarded(task: Task, work: Callable[[], Any]) -> Any:
    """The outcome of `work`, or the `Result` that says why it failed."""
    begin = time.perf_counter()
    try:
        outcome = work()
    except Exception as e:  # one file must not end the work on the others
        outcome = Result(task.source, task.target, _reason(e))
    if isinstance(outcome, Result):
        spent = time.perf_counter() - begin
        outcome = replace(outcome, elapsed=outcome.elapsed + spent)
    return outcome


def _reason(error: Exception) -> str:
    if isinstance(error, VauxError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"internal error: {type(error).__name__}: {error} ({where})"


@contextlib.contextmanager
def _recording(context: Context, task: Task) -> Iterator[tuple[pcm.Recording, Tags]]:
    """A recording of the source tree, and its tags."""
    with _store(context.source).reading(task.source) as file:
        tags = read_tags(file)
        try:
            with pcm.Recording(file) as recording:
                yield recording, tags
        except AudioError as e:  # without the file's name, which the result has anyway
            raise AudioError(str(e).removeprefix(f"{name_of(file)}: ")) from None


@functools.lru_cache(maxsize=8)
def _store(url: str) -> Store:
    return open_store(url)


def _codec(settings: Settings) -> Codec:
    return Codec(_model(settings.model))


@functools.lru_cache(maxsize=8)
def _model(name: str) -> Model:
    return find_model(name)
