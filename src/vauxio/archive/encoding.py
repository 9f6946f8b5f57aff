"""Recordings of one tree to ``.vx`` files of another: whole, several together, or in parts."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .. import container
from ..audio import pcm
from ..audio.recording import Recording
from ..audio.tags import Tags, read_tags
from ..codec.music import hear
from ..codec.stereo.rates import Plan, plan
from ..entropy.allocation import Allocation
from ..errors import AudioError, FormatError
from ..file.block_reader import TokenReader
from ..file.block_writer import TokenWriter, block_tokens
from ..file.vauxfile import VauxFile
from ..model.installed import choose_codec, choose_model
from ..model.models import Model, Transform
from ..results import Result
from .coding import (
    PIECE,
    encode_joint_stretch,
    encode_stretch,
    encode_together,
    is_divisible,
    measure_stretch,
    measure_whole,
)
from .jobs import Context, Join, Part, Parts, divided, guarded
from .planning import raw_of
from .plans import Settings, Task
from .store import known_store
from .verify import check_blocks, read_back

__all__ = ["encode", "encode_part", "join_encoded"]

_SHORT = 2.0  # seconds; the network is not faster for several longer ones at once


def encode(context: Context, tasks: tuple[Task, ...], divide: bool) -> Iterator[Result | Parts]:
    """Encode short recordings together, the others one by one."""
    together: dict[tuple[Model, Allocation], list[_Short]] = {}
    for task in tasks:
        outcome = guarded(task, functools.partial(_encode, context, task, divide))
        if isinstance(outcome, _Short):
            key = outcome.model, outcome.planned.allocation
            together.setdefault(key, []).append(outcome)
        else:
            yield outcome
    denoise = context.settings.denoise
    for (model, allocation), short in together.items():
        begin = time.perf_counter()
        signals = [(one.frames, one.samplerate) for one in short]
        all_codes = encode_together(signals, model, allocation, denoise)
        share = (time.perf_counter() - begin) / len(short)
        for one, codes in zip(short, all_codes, strict=True):
            write = functools.partial(_write_short, context, one, codes)
            result = guarded(one.task, write)
            yield replace(result, elapsed=result.elapsed + share)


@dataclass
class _Short:
    """A recording that is short enough to be held as a whole."""

    task: Task
    frames: np.ndarray
    samplerate: int
    model: Model
    planned: Plan
    tags: Tags


def _encode(context: Context, task: Task, divide: bool) -> _Short | Parts | Result:
    settings = context.settings
    with _recording(context, task) as (recording, tags):
        channels = 1 if settings.mono else recording.channels
        blocks: Iterator[np.ndarray] = (
            pcm.mix_down(block) if settings.mono else block for block in recording.blocks(PIECE)
        )
        frames, rate = recording.frames, recording.samplerate
        choice = choose_codec(settings.model, rate, channels, settings.bitrate, settings.quality,
                              lm=settings.lm, denoise=settings.denoise)  # fmt: skip
        model = choice.codec
        if choice.for_music is not None:
            music, blocks = hear(blocks, rate, channels)
            model = choice.for_music if music else model
        if isinstance(model, Transform):
            return _write(context, task, model.name, recording, channels, blocks, tags)
        planned = _plan(settings, model, rate, channels)
        if frames is not None and frames <= _SHORT * rate and not planned.stereo:
            whole = np.concatenate([np.empty((0, channels), np.float32), *blocks])
            tags.notes += recording.notes
            return _Short(task, whole, rate, model, planned, tags)
        if divide and frames is not None and is_divisible(recording):
            count = -(-model.tokens_for(frames, rate) // block_tokens(model))
            if parts := divided(context, task, frames, count):
                return parts
        return _write(context, task, model.name, recording, channels, blocks, tags)


def _write(
    context: Context,
    task: Task,
    model: str,
    recording: Recording,
    channels: int,
    blocks: Iterator[np.ndarray],
    tags: Tags,
) -> Result:
    """Encode a whole recording as it is read."""
    settings, rate = context.settings, recording.samplerate
    with known_store(context.target).creating(task.target) as output:
        with VauxFile(
            output.file, "w", rate, channels, model=model, bitrate=settings.bitrate,
            quality=settings.quality, tags=tags.tags, pictures=tags.pictures, lm=settings.lm,
            denoise=settings.denoise, foreign=tags.foreign,
            frames=recording.frames, exact=recording.exact,
        ) as f:  # fmt: skip
            for block in blocks:
                f.write(block)
        notes = tags.notes + recording.notes
        return _written(context, task, output, f.frames or 0, rate, notes)


def _plan(settings: Settings, model: Model, samplerate: int, channels: int) -> Plan:
    return plan(model, samplerate, channels, settings.bitrate, settings.quality, settings.denoise)


def _write_short(context: Context, short: _Short, codes: np.ndarray) -> Result:
    model, rate, bands, levels = short.model, short.samplerate, short.planned.bands, None
    if bands.count:
        levels = measure_whole(short.frames, model, rate, bands)
    with known_store(context.target).creating(short.task.target) as output:
        writer = _writer(
            output.file, model, rate, context.settings, short.planned, codes.shape[0], short.tags,
            len(short.frames),
        )  # fmt: skip
        writer.push(codes, levels)
        writer.finish(len(short.frames))
        return _written(context, short.task, output, len(short.frames), short.samplerate,
                        short.tags.notes)  # fmt: skip


def _writer(
    file: Any,
    model: Model,
    samplerate: int,
    settings: Settings,
    planned: Plan,
    channels: int,
    tags: Tags,
    frames: int | None = None,
) -> TokenWriter:
    """A file that codes are to be given to."""
    return TokenWriter(
        file, model, samplerate, channels, planned.codebooks, tags.tags, tags.pictures,
        settings.lm, variable=planned.variable, bands=planned.bands, frames=frames,
        foreign=tags.foreign, stereo=planned.stereo,
    )  # fmt: skip


class _Encoded(NamedTuple):
    """Some blocks, as a ``.vx`` file of their own; and what there is to say of the recording."""

    content: bytes
    notes: list[str]
    peak: float


def encode_part(job: Part) -> _Encoded:
    """Some blocks of a recording."""
    settings = job.context.settings
    with _recording(job.context, job.task, tags=False) as (recording, _):
        if recording.frames != job.frames:
            raise AudioError("it changed while it was encoded; run again")
        channels = 1 if settings.mono else recording.channels
        model = choose_model(settings.model, recording.samplerate, channels, settings.bitrate)
        planned = _plan(settings, model, recording.samplerate, channels)
        size = block_tokens(model)
        tokens = model.tokens_for(job.frames, recording.samplerate)
        first, stop = job.first * size, min(job.stop * size, tokens)
        out = io.BytesIO()
        writer = _writer(out, model, recording.samplerate, settings, planned, channels, Tags())
        if planned.stereo:
            stretch = encode_joint_stretch(recording, model, planned, first, stop, settings.denoise)
            writer.push(*stretch)
        else:
            codes = encode_stretch(
                recording, model, planned.allocation, settings.mono, first, stop, settings.denoise
            )
            levels = None
            if planned.bands.count:
                levels = measure_stretch(
                    recording, model, settings.mono, planned.bands, first, stop
                )
            writer.push(codes, levels)
    writer.finish(model.frames_in(stop - first, recording.samplerate))
    if job.context.check:
        out.seek(0)
        read_back(out)
    return _Encoded(out.getvalue(), recording.notes, recording.peak)


def join_encoded(job: Join) -> Result:
    """The blocks of all parts in one file."""
    context, task = job.context, job.task
    with known_store(context.source).reading(task.source) as file:
        tags = read_tags(file)
    with known_store(context.target).creating(task.target) as output:
        parts: tuple[_Encoded, ...] = job.contents
        header = container.Reader(io.BytesIO(parts[0].content)).header
        header = replace(
            header, tags=tags.tags, pictures=tuple(tags.pictures), foreign=tuple(tags.foreign),
            frames=job.frames,
        )  # fmt: skip
        writer = container.Writer(output.file, header)
        for part in parts:
            for block in container.Reader(io.BytesIO(part.content)):
                writer.write(block)
        peak = max(part.peak for part in parts)
        about = [note for note in parts[0].notes if not peak or note != pcm.clipped(parts[0].peak)]
        notes = tags.notes + about + ([pcm.clipped(peak)] if peak else [])
        if context.check:
            notes += [note for note in _wrong_as_a_whole(context, task) if note not in notes]
        writer.close(job.frames)
        # Each part was read back where it was made.
        unchecked = replace(context, check=False)
        result = _written(unchecked, task, output, job.frames, header.samplerate, notes)
        if context.check:
            assert output.temporary is not None
            with open(output.temporary, "rb") as written:
                check_blocks(TokenReader(written), deep=False)
        return replace(result, elapsed=job.elapsed)


def _wrong_as_a_whole(context: Context, task: Task) -> list[str]:
    """Notes that only reading a whole recording gives."""
    with _recording(context, task, tags=False) as (recording, _):
        if recording.has_checksum:
            for _ in recording.blocks(PIECE):
                pass
            return recording.notes
    return []


def _written(
    context: Context, task: Task, output: Any, frames: int, samplerate: int, notes: list[str]
) -> Result:
    output.file.flush()
    if os.path.isabs(context.source):
        output.like = os.path.join(context.source, task.source)
    if context.check and read_back(output.temporary) != frames:
        raise FormatError("what was written reads back as something else")
    size = os.path.getsize(output.temporary)
    return Result(task.source, task.target, seconds=frames / samplerate,
                  bytes_in=task.entry.size or 0, bytes_out=size, notes=tuple(notes))  # fmt: skip


@contextlib.contextmanager
def _recording(context: Context, task: Task, tags: bool = True) -> Iterator[tuple[Recording, Tags]]:
    """A recording of the source tree, and its tags if they are wanted."""
    with known_store(context.source).reading(task.source) as file:
        raw = raw_of(task.source, context.settings)
        found = read_tags(file) if tags and raw is None else Tags()
        with Recording(file, raw) as recording:
            yield recording, found
