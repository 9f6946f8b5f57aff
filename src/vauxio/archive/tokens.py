"""Recordings, and ``.vx`` files, to tokens for machine learning.

One ``.npz`` file for each, or many in a Parquet or tar file: a *shard*, which one job makes whole
and which appears when it is complete.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..errors import VauxError, reason_of
from ..results import Result
from .jobs import Context, guarded
from .plans import Settings, Task
from .store import known_store
from .token_files import Tokens, keys_of, sink_for
from .tokenizing import tokens_of_file

__all__ = ["make", "write_one"]


def make(context: Context, tasks: Sequence[Task]) -> Iterator[Result]:
    """Make the tokens of files of a tree. Those with the same target go into one file."""
    if context.settings.format == ".npz":
        for task in tasks:
            yield guarded(task, functools.partial(_alone, context, task))
    else:
        yield from _shard(context, tasks)


def _shard(context: Context, tasks: Sequence[Task]) -> Iterator[Result]:
    """Write several recordings into one file. Each result gets its share of the bytes."""
    done: list[Result] = []
    target = tasks[0].target
    begin = time.perf_counter()
    try:
        with known_store(context.target).creating(target) as output:
            sink = sink_for(context.settings.format, output.file)
            keys = keys_of([task.source for task in tasks])
            for task in tasks:
                at = time.perf_counter()
                found = guarded(task, functools.partial(_tokens, context, task))
                if isinstance(found, Tokens):  # a failure from here on is one of the whole file
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
        reason = reason_of(e)
        spent = (time.perf_counter() - begin) / len(tasks)
        yield from (Result(task.source, target, reason, elapsed=spent) for task in tasks)
        return
    frames = sum(result.seconds for result in done if result.ok) or 1.0
    for result in done:
        share = round(size * result.seconds / frames) if result.ok else 0
        yield replace(result, bytes_out=share)


class _Nothing(Exception):
    """No recording could be read, so no file is made."""


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


def write_one(sources: Sequence[str], names: Sequence[str], output: Any, suffix: str,
              settings: Settings) -> Iterator[tuple[str, Tokens | Exception]]:  # fmt: skip
    """Write the tokens of files into one open file. Yields each source with its outcome.

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
