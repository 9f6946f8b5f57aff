"""Verify ``.vx`` files: one file, and the files of a tree."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..errors import ChecksumError, FormatError, ModelError
from ..file.block_reader import TokenReader
from ..file.transform import TransformFrames
from ..file.vauxfile import VauxFile
from ..fileio import Input, naming
from ..results import Result
from .coding import PIECE, bounds, decode_stretch
from .jobs import Context, Join, Part, Parts, divided
from .plans import Task
from .store import known_store

__all__ = ["Verified", "check_blocks", "join_verified", "read_back", "tokens_of", "verify",
           "verify_part", "verify_task"]  # fmt: skip


class Verified(NamedTuple):
    """A file that is whole: seconds of audio, and what is odd about it all the same."""

    seconds: float
    notes: tuple[str, ...] = ()


def verify(file: Any, deep: bool = False) -> Verified:
    """Check that a file is whole: its structure, and the checksums of all that it holds.

    Nothing is decoded, so that it takes hardly longer than reading, and no model.

    Parameters
    ----------
    file : path or binary file object that can seek
    deep : bool, optional
        Decode the codes and check their checksums, and the audio, too. This proves that the model
        that is installed decodes the file.

    Returns
    -------
    Verified
        Seconds of audio, and a note if bytes follow the file's end.

    Raises
    ------
    FormatError
        If it is damaged, cut off, or no ``.vx`` file; it says how many blocks are.
    ModelError
        With `deep`, if the model that it needs is not installed.
    OSError
        If it cannot be read.
    """
    with contextlib.closing(Input(file)) as source, naming(file):
        return _verify(TokenReader(source.file), deep)


def check_blocks(reader: TokenReader, deep: bool) -> int:
    """Check all checksums of a seekable file. Returns its number of frames.

    `deep` decodes the codes of each block and checks those, too: it counts what is damaged.
    """
    _raise(reader, [_faults(reader, 0, reader.blocks, deep)])
    frames = _frames(reader)
    if not reader.complete:
        raise reader.shortage()
    return frames


def read_back(file: Any) -> int:
    """Decode a whole file. Returns its number of frames."""
    with VauxFile(file) as f:
        return sum(len(block) for block in f.blocks(PIECE))


def verify_task(context: Context, task: Task, divide: bool) -> Result | Parts:
    """Verify a file of a tree, or divide it into parts."""
    with tokens_of(context, task) as reader:
        if divide and reader.complete:
            if parts := divided(context, task, _frames(reader), reader.blocks):
                return parts
        return _result(task, _verify(reader, context.settings.deep))


def verify_part(job: Part) -> _Faults:
    """Verify some blocks of a file."""
    with tokens_of(job.context, job.task) as reader:
        if _frames(reader) != job.frames:
            raise FormatError("it changed while it was verified; run again")
        faults = _faults(reader, job.first, job.stop, deep=False)
        if not job.context.settings.deep:
            return faults
        try:
            _decode(reader, *bounds(reader, job.first, job.stop))
        except FormatError as e:  # perhaps damage of the block before, which another part finds
            faults = _faults(reader, job.first, job.stop, deep=True)
            return faults._replace(decoding=e.reason)
        return faults


def join_verified(job: Join) -> Result:
    """Combine the findings of all parts."""
    with tokens_of(job.context, job.task) as reader:
        _raise(reader, job.contents)
        if wrong := [faults.decoding for faults in job.contents if faults.decoding]:
            raise FormatError(wrong[0])
        return _result(job.task, _verified(reader, job.frames), job.elapsed)


class _Faults(NamedTuple):
    """Number of damaged blocks, the first error, and the error of decoding."""

    blocks: int
    first: str
    decoding: str = ""


def _verify(reader: TokenReader, deep: bool) -> Verified:
    frames = check_blocks(reader, deep=False)
    if deep:
        try:
            _decode(reader, 0, frames)
        except FormatError:
            check_blocks(reader, deep=True)  # says how many blocks
            raise
    return _verified(reader, frames)


def _verified(reader: TokenReader, frames: int) -> Verified:
    after = f"bytes after its end, which are no part of it and never read: {reader.ignored:,}"
    return Verified(frames / reader.header.samplerate, (after,) if reader.ignored else ())


def _decode(reader: TokenReader, start: int, stop: int) -> None:
    if sum(len(block) for block in decode_stretch(reader, start, stop)) != stop - start:
        raise FormatError("decodes to another length than it should have")


def _frames(reader: TokenReader) -> int:
    """Number of frames; as the file states it, if its model is not installed."""
    try:
        return reader.frames or 0
    except ModelError:
        return reader.stored_frames or 0


def _faults(reader: TokenReader, begin: int, end: int, deep: bool) -> _Faults:
    damaged, first = 0, ""
    for block in range(begin, end):
        try:
            if not deep:
                reader.check(block)
            elif reader.header.rate:
                TransformFrames(reader).check(block)
            else:
                reader.get(block * reader.header.block_tokens, 1)
        except FormatError as e:
            damaged, first = damaged + 1, first or e.reason
    return _Faults(damaged, first)


def _raise(reader: TokenReader, found: Sequence[_Faults]) -> None:
    damaged = sum(faults.blocks for faults in found)
    if damaged:
        first = next(faults.first for faults in found if faults.blocks)
        raise ChecksumError(f"{damaged} of {reader.blocks} blocks are damaged; {first}")


def _result(task: Task, found: Verified, elapsed: float = 0.0) -> Result:
    return Result(task.source, "", seconds=found.seconds, bytes_in=task.entry.size or 0,
                  elapsed=elapsed, notes=found.notes)  # fmt: skip


@contextlib.contextmanager
def tokens_of(context: Context, task: Task) -> Iterator[TokenReader]:
    """The codes of a file of the source tree."""
    with known_store(context.source).reading(task.source) as file:
        with contextlib.closing(Input(file)) as source:
            yield TokenReader(source.file)
