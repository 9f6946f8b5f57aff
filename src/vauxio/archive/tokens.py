"""Recordings, and ``.vx`` files, to tokens for machine learning.

One ``.npz`` for each, or many in a Parquet file or a tar of the WebDataset layout: a *shard*, which
is made whole by one job and appears when it is complete.
"""

from __future__ import annotations

import functools
import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from ..audio import pcm
from ..audio.recording import Recording
from ..audio.tags import read_tags
from ..codec.codec import Codec
from ..codec.signal import SignalEncoder
from ..entropy.allocation import Allocation
from ..errors import AudioError, VauxError
from ..file.vauxfile import VauxFile
from ..fileio import name_of
from ..model.bundles import Model
from ..model.installed import choose_model, find_model
from .coding import PIECE
from .jobs import Context, guarded
from .planning import tokens_bitrate
from .plans import Result, Settings, Task
from .store import known_store

__all__ = ["Tokens", "count_for", "keys_of", "make", "sink_for", "tokens_of_file", "write_one"]

_GROUP = 1 << 22  # codes of a row group


@dataclass(frozen=True)
class Tokens:
    """What is kept of one recording.

    Attributes
    ----------
    source : str
        Its name in the tree.
    codes : ndarray
        ``int16[channels, codebooks, tokens]``, int32 where that does not do; -1 where there is no
        code.
    samplerate, frames : int
        Of the recording.
    model : Model
    tags : dict of str to str
    notes : tuple of str
    """

    source: str
    codes: np.ndarray
    samplerate: int
    frames: int
    model: Model
    tags: dict[str, str]
    notes: tuple[str, ...] = ()

    def about(self) -> dict[str, Any]:
        """All but the codes, as JSON has it."""
        channels, codebooks, tokens = self.codes.shape
        return {
            "source": self.source,
            "samplerate": self.samplerate,
            "frames": self.frames,
            "seconds": self.frames / self.samplerate,
            "channels": channels,
            "codebooks": codebooks,
            "tokens": tokens,
            "token_rate": self.model.token_rate,
            "codebook_size": self.model.codebook_size,
            "model": self.model.name,
            "encoder": self.model.encoder.sha256,
            "code_space": self.model.code_space.hex(),
            "tags": self.tags,
        }


class Sink(Protocol):
    """A file of tokens, being written."""

    def add(self, key: str, tokens: Tokens) -> None:
        """One recording more."""

    def close(self) -> None:
        """The end of the file."""


def make(context: Context, tasks: Sequence[Task]) -> Iterator[Result]:
    """Tokens of files of a tree: those with one target in one file, all of them."""
    suffix = context.settings.format
    if suffix == ".npz":
        for task in tasks:
            yield guarded(task, functools.partial(_alone, context, task))
        return
    done: list[Result] = []
    target = tasks[0].target
    begin = time.perf_counter()
    try:
        with known_store(context.target).creating(target) as output:
            sink = sink_for(suffix, output.file)
            keys = keys_of([task.source for task in tasks])
            for task in tasks:
                at = time.perf_counter()
                found = guarded(task, functools.partial(_tokens, context, task))
                if isinstance(found, Tokens):  # what fails from here on, fails for all of them
                    sink.add(keys[task.source], found)
                    found = _result(task, found, time.perf_counter() - at)
                done.append(found)
            if not any(result.ok for result in done):
                raise _Nothing
            sink.close()
            output.file.flush()
            size = os.path.getsize(output.temporary) if output.temporary is not None else 0
    except _Nothing:
        yield from done
        return
    except (VauxError, OSError) as e:  # the file could not be written: nothing is in it
        reason = (isinstance(e, OSError) and e.strerror) or str(e)
        spent = (time.perf_counter() - begin) / len(tasks)
        yield from (Result(task.source, target, reason, elapsed=spent) for task in tasks)
        return
    frames = sum(result.seconds for result in done if result.ok) or 1.0
    for result in done:
        share = round(size * result.seconds / frames) if result.ok else 0
        yield replace(result, bytes_out=share)


class _Nothing(Exception):
    """No recording could be read: there is no file to be made."""


def _alone(context: Context, task: Task) -> Result:
    tokens = _tokens(context, task)
    with known_store(context.target).creating(task.target) as output:
        sink = sink_for(".npz", output.file)
        sink.add(task.source, tokens)
        sink.close()
        output.file.flush()
        size = os.path.getsize(output.temporary) if output.temporary is not None else 0
    return replace(_result(task, tokens), bytes_out=size)


def _result(task: Task, tokens: Tokens, elapsed: float = 0.0) -> Result:
    return Result(task.source, task.target, seconds=tokens.frames / tokens.samplerate,
                  bytes_in=task.entry.size or 0, elapsed=elapsed, notes=tokens.notes)  # fmt: skip


def _tokens(context: Context, task: Task) -> Tokens:
    with known_store(context.source).reading(task.source) as file:
        return tokens_of_file(file, task.source, context.settings)


def tokens_of_file(file: Any, source: str, settings: Settings) -> Tokens:
    """The tokens of a recording; of a ``.vx`` file, those that it holds.

    Parameters
    ----------
    file : path or binary file object
    source : str
        The name that it goes by.
    settings : Settings

    Raises
    ------
    AudioError, FormatError, ModelError, ValueError, OSError
        If it cannot be read or encoded so.
    """
    if PurePosixPath(source).suffix.lower() == ".vx":
        return _tokens_of_vx(file, source, settings)
    tags = read_tags(file)
    try:
        with Recording(file) as recording:
            rate, channels = recording.samplerate, 1 if settings.mono else recording.channels
            model = choose_model(settings.model, rate, channels, tokens_bitrate(settings, channels))
            allocation = Allocation.constant(count_for(model, settings, channels))
            encoder = SignalEncoder(model, rate, channels, allocation, settings.denoise)
            parts = [
                encoder.push(pcm.mix_down(block) if settings.mono else block)
                for block in recording.blocks(PIECE)
            ]
            codes = np.concatenate([*parts, encoder.finish()], axis=2)
    except AudioError as e:  # without the file's name, which the result has anyway
        raise AudioError(str(e).removeprefix(f"{name_of(file)}: ")) from None
    return Tokens(source, _small(codes, model), rate, encoder.frames, model, dict(tags.tags),
                  (*tags.notes, *recording.notes))  # fmt: skip


def _tokens_of_vx(file: Any, source: str, settings: Settings) -> Tokens:
    with VauxFile(file) as f:
        found = f.codes()
    model = find_model(found.model, bytes.fromhex(found.code_space))
    codes = found.codes
    if settings.codebooks is not None or settings.bitrate is not None:
        wanted = count_for(model, settings, codes.shape[0])
        if wanted > codes.shape[1]:
            raise AudioError(f"{wanted} codebooks are wanted, it has {codes.shape[1]}")
        codes = codes[:, :wanted]
    return Tokens(source, _small(codes, model), found.samplerate, found.frames, model,
                  dict(found.tags))  # fmt: skip


def count_for(model: Model, settings: Settings, channels: int) -> int:
    """Codes of every token; `ValueError` if the model does not have just so many."""
    return Codec(model)._count(settings.bitrate, settings.codebooks, channels)


def _small(codes: np.ndarray, model: Model) -> np.ndarray:
    return codes.astype(np.int16 if model.codebook_size <= 1 << 15 else np.int32)


def keys_of(sources: Sequence[str]) -> dict[str, str]:
    """What samples of a WebDataset are called: the name up to its ending, without other dots.

    Where two would be called the same, the ending stays, as ``_wav``.
    """
    keys, used = {}, set()
    stems = [PurePosixPath(source).with_suffix("").as_posix() for source in sources]
    for source, stem in zip(sources, stems, strict=True):
        folder, _, name = (stem if stems.count(stem) == 1 else source).rpartition("/")
        key = f"{folder}/{name}".lstrip("/").replace(".", "_")
        number = 1
        while key in used:
            number += 1
            key = f"{key.rpartition('-')[0] if number > 2 else key}-{number}"
        used.add(key)
        keys[source] = key
    return keys


def sink_for(suffix: str, file: Any) -> Sink:
    """What writes such a file.

    Parameters
    ----------
    suffix : {'.npz', '.parquet', '.tar'}
    file : binary file object
        Not closed.

    Raises
    ------
    VauxError
        If pyarrow is needed and not installed.
    """
    sinks: dict[str, Callable[[Any], Sink]] = {".npz": _Npz, ".parquet": _Parquet, ".tar": _Tar}
    return sinks[suffix](file)


class _Npz:
    """One recording as arrays, that ``numpy.load`` reads without pickles."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def add(self, key: str, tokens: Tokens) -> None:
        about = {name: np.array(json.dumps(value) if name == "tags" else value)
                 for name, value in tokens.about().items()}  # fmt: skip
        np.savez(self._file, allow_pickle=False, codes=tokens.codes, **about)

    def close(self) -> None:
        pass


class _Tar:
    """``KEY.npy`` and ``KEY.json`` of each, next to each other."""

    def __init__(self, file: Any) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w")

    def add(self, key: str, tokens: Tokens) -> None:
        array = io.BytesIO()
        np.save(array, tokens.codes, allow_pickle=False)
        about = json.dumps(tokens.about()).encode()
        for suffix, content in ((".json", about), (".npy", array.getvalue())):
            member = tarfile.TarInfo(key + suffix)
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))

    def close(self) -> None:
        self._tar.close()


class _Parquet:
    """A row of each: codes as lists in lists, ``[channels][codebooks][tokens]``; tags as JSON."""

    def __init__(self, file: Any) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as e:
            raise VauxError("Parquet needs pyarrow: pip install 'vauxio[parquet]'") from e
        self._arrow, self._parquet, self._file = pyarrow, pyarrow.parquet, file
        self._rows: list[Tokens] = []
        self._codes = 0
        self._writer: Any = None
        whole, text = pyarrow.int64(), pyarrow.string()
        codes: Any = pyarrow.int16()
        for _ in range(3):
            codes = pyarrow.list_(codes)
        self._types = {
            "source": text, "samplerate": whole, "frames": whole, "seconds": pyarrow.float64(),
            "channels": whole, "codebooks": whole, "tokens": whole,
            "token_rate": pyarrow.float64(), "codebook_size": whole, "model": text,
            "encoder": text, "code_space": text, "tags": text,
        }  # fmt: skip
        self._schema = pyarrow.schema([*self._types.items(), ("codes", codes)])

    def add(self, key: str, tokens: Tokens) -> None:
        if tokens.codes.dtype != np.int16:
            raise AudioError(f"codes of {tokens.model.name} do not go into 16 bits")
        self._rows.append(tokens)
        self._codes += tokens.codes.size
        if self._codes >= _GROUP:
            self._write()

    def close(self) -> None:
        self._write()
        self._writer.close()

    def _write(self) -> None:
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        abouts = [row.about() for row in self._rows]
        arrow = self._arrow
        columns = []
        for name, kind in self._types.items():
            values = [about[name] for about in abouts]
            if name == "tags":
                values = [json.dumps(tags) for tags in values]
            elif name == "source":
                values = [_text(value) for value in values]
            columns.append(arrow.array(values, kind))
        flat = np.concatenate([np.empty(0, np.int16), *(r.codes.ravel() for r in self._rows)])
        lists = arrow.array(flat)
        rows = [row.codes.shape for row in self._rows]
        for lengths in (
            [tokens for channels, books, tokens in rows for _ in range(channels * books)],
            [books for channels, books, _ in rows for _ in range(channels)],
            [channels for channels, _, _ in rows],
        ):
            offsets = arrow.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
            lists = arrow.ListArray.from_arrays(offsets, lists)
        columns.append(lists)
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._codes = [], 0


def _text(value: str) -> str:
    """Names that are no text, as text."""
    return value.encode("utf-8", "backslashreplace").decode()


def write_one(sources: Sequence[str], names: Sequence[str], output: Any, suffix: str,
              settings: Settings) -> Iterator[tuple[str, Tokens | Exception]]:  # fmt: skip
    """Tokens of files, all in one that is open; each source, and what became of it.

    Parameters
    ----------
    sources, names : sequence of str
        Paths, and what they go by in the file.
    output : binary file object
    suffix : str
    settings : Settings
    """
    sink, keys, done = sink_for(suffix, output), keys_of(names), 0
    for source, name in zip(sources, names, strict=True):
        try:
            tokens = tokens_of_file(source, name, settings)
        except (VauxError, OSError, ValueError) as e:
            yield source, e
            continue
        sink.add(keys[name], tokens)
        done += 1
        yield source, tokens
    if not done:
        raise VauxError("nothing could be read: there is no file to be made")
    sink.close()
