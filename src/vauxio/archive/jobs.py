"""Jobs for workers, and their outcomes.

A job names its trees, its files and its settings, so that any process on any machine can do it.
This module knows what jobs are, how a long file is divided into several, and what an error becomes.
It touches no audio: `work` does the jobs and `running` distributes them.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import VauxError, reason_of
from ..results import Result
from .plans import Settings, Task

__all__ = ["Context", "Done", "Join", "Made", "Many", "Part", "Parts", "divided", "guarded"]

_LEAST, _MOST = 6, 30  # blocks of a part: one minute, five minutes


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
    """Do whole files. Outcome: `Done` for each, or `Parts` of one that is long.

    Parameters
    ----------
    context : Context
    tasks : tuple of Task
    divide : bool
        Whether parts are wanted.
    """

    context: Context
    tasks: tuple[Task, ...]
    divide: bool = False


@dataclass(frozen=True)
class Part:
    """Work on the blocks `first` to `stop` of a long file.

    Outcome: `Made`, or the `Result` of the whole file if that has failed.
    """

    context: Context
    task: Task
    frames: int
    first: int
    stop: int


@dataclass(frozen=True)
class Parts:
    """A long file, to be worked on in parts."""

    task: Task
    parts: tuple[Part, ...]


class Done(NamedTuple):
    """How it went with a file, and if well, identities of its source and of what was made."""

    result: Result
    origin: str = ""
    made: str = ""


class Made(NamedTuple):
    """The outcome of a part, for its `Join`, with the seconds that it took."""

    content: Any
    elapsed: float


@dataclass(frozen=True)
class Join:
    """Make a file of what all its parts gave, in their order. Outcome: a list of one `Done`."""

    context: Context
    task: Task
    frames: int
    contents: tuple[Any, ...]
    elapsed: float

    def clear(self) -> None:
        """Remove the drafts that are left of the parts.

        To be called once there is an outcome: who joins them may die before it can tell, and then
        another one needs them.
        """
        for draft in self.contents if self.context.verb == "decode" else ():
            with contextlib.suppress(OSError):
                os.unlink(draft)


def divided(context: Context, task: Task, frames: int, blocks: int) -> Parts | None:
    """The parts of a file that is long enough for several; else None.

    They get shorter towards the end, so that workers that share them end at nearly the same time.
    Each costs five seconds of audio more for the network to settle, and two for a denoiser.
    """
    if blocks < 2 * _LEAST:
        return None
    parts, first = [], 0
    while first < blocks:
        size = max(_LEAST, min(_MOST, -(-(blocks - first) // 8)))
        parts.append(Part(context, task, frames, first, min(first + size, blocks)))
        first += size
    return Parts(task, tuple(parts))


def guarded(task: Task, work: Callable[[], Any]) -> Any:
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
    if isinstance(error, (VauxError, OSError)):
        return reason_of(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"internal error: {type(error).__name__}: {error} ({where})"
