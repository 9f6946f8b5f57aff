"""What the verbs share: names of outputs, error messages, progress.

This module knows file names, standard streams and terminals. It knows nothing of audio.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, TypeVar

import click

from ..container.metadata import printable
from ..errors import VauxError
from ..fileio import Output, same_name
from .signals import postponed, wakeup
from .terminal import complain, fitted

__all__ = [
    "STREAM",
    "Failure",
    "Job",
    "Outcome",
    "Progress",
    "blame",
    "blaming",
    "complain",
    "event",
    "for_each",
    "is_device",
    "opened",
    "plan",
    "writing",
]

STREAM = "-"
"""Standard input or output in place of a file's name."""

_AT_ONCE = 1 << 20  # bytes

T = TypeVar("T")


class Failure(Exception):
    """One file has failed.

    Parameters
    ----------
    name : str
        The file.
    reason : str
        What is wrong with it and what to do.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")


class Outcome(NamedTuple):
    """How it went with one file; the fields are those of `archive.Result`."""

    source: str
    target: str
    error: str | None = None
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    elapsed: float = 0.0
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()


class Job(NamedTuple):
    """One file to make of another; `STREAM` for standard input or output."""

    source: str
    target: str


def for_each(items: Iterable[T], work: Callable[[T], Outcome | None], as_json: bool = False) -> int:
    """Do the work on each; one line for each that fails. The exit code.

    Parameters
    ----------
    items : iterable
    work : callable
        Takes one, and returns what there is to say of it.
    as_json : bool, optional
        Say that, and what failed, as an event on standard output: the same as of a tree.
    """
    code = 0
    for item in items:
        begin = time.perf_counter()
        try:
            outcome = work(item)
        except Failure as e:
            code = 1
            if not as_json:
                complain(str(e))
                continue
            source, target = item if isinstance(item, Job) else (str(item), "")
            outcome = Outcome(source, target, str(e).removeprefix(f"{source}: "))
        if as_json and outcome is not None:
            elapsed = round(time.perf_counter() - begin, 3)
            event("file", **{**outcome._asdict(), "elapsed": elapsed})
    return code


def event(kind: str, **fields: Any) -> None:
    """One line of JSON on standard output."""
    click.echo(json.dumps({"event": kind, **fields}))
    sys.stdout.flush()


@contextlib.contextmanager
def blame(name: str) -> Iterator[None]:
    """Say of which file it is that something within fails."""
    try:
        yield
    except BrokenPipeError:
        raise  # nobody listens any more: nobody is to blame
    except VauxError as e:
        raise Failure(name, str(e).removeprefix(f"{name}: ")) from e
    except OSError as e:
        raise Failure(name, _reason(e)) from e


def blaming(name: str, items: Iterable[T], undisturbed: bool = True) -> Iterator[T]:
    """The same items; of an error in making one, `name` is to blame.

    Undisturbed, no signal raises before it is made: C code may call back meanwhile. What only
    Python and networks make can take long, and must be left at once.
    """
    iterator = iter(items)
    while True:
        with blame(name), postponed() if undisturbed else contextlib.nullcontext():
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def plan(
    files: tuple[str, ...],
    output: str | None,
    suffix: str,
    is_target: Callable[[str], bool],
) -> list[Job]:
    """What is to be made of what.

    Parameters
    ----------
    files : tuple of str
        As on the command line: one input and its output, or any number of inputs.
    output : str or None
        A file, or a folder that there is.
    suffix : str
        Of outputs that are not named: ``'.vx'``.
    is_target : callable
        Whether the last name on the command line reads as that of an output.

    Raises
    ------
    click.UsageError
        If that is not possible without harm.
    """
    if output is None and len(files) > 1 and is_target(files[-1]):
        if len(files) > 2:
            raise click.UsageError(f"{files[-1]}: several files cannot become one")
        output, files = files[1], files[:1]
        named = True  # the file itself, never a folder to put it in
    else:
        named = False
    if output is not None and output.endswith(os.sep) and not os.path.isdir(output):
        raise click.UsageError(f"{output}: no such folder")
    jobs = [Job(file, _target(file, output, named, suffix)) for file in files]
    if output is not None and len(jobs) > 1 and not os.path.isdir(output):
        raise click.UsageError(f"{output}: for several files, -o must name a folder that exists")
    _check_collisions(jobs)
    return jobs


@contextlib.contextmanager
def opened(name: str) -> Iterator[Any]:
    """What to read: the path itself, or a stream."""
    if name != STREAM and not is_device(name):
        yield name
        return
    if name == STREAM and sys.stdin is None:
        raise Failure(name, "standard input is closed")
    with blame(name):
        stream = _Stream(name)
    with stream:
        yield stream


def is_device(name: str) -> bool:
    """Whether it is there and is neither a file nor a folder: nothing that could be lost."""
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextlib.contextmanager
def writing(name: str, force: bool) -> Iterator[Output]:
    """An output that gets its name when all went well, and else leaves no trace.

    Parameters
    ----------
    name : str
    force : bool
        Whether a file of that name may be replaced.
    """
    with blame(name):
        if name == STREAM:
            output = Output(_standard_output())
        else:
            could_be_lost = not is_device(name) and not os.path.isdir(name)
            output = Output(name, exclusive=could_be_lost and not force)
    try:
        yield output
    except BaseException:
        output.discard()
        raise
    with blame(name):
        output.commit()


class Progress:
    """How far a file is, on standard error, if that is a terminal.

    Parameters
    ----------
    name : str
        The file.
    seconds : float or None
        Of audio in all, if that is known.
    quiet : bool, optional
        Show nothing.

    Attributes
    ----------
    done : float
        Seconds of audio up to now.
    """

    _EVERY = 0.1  # seconds

    def __init__(self, name: str, seconds: float | None, quiet: bool = False) -> None:
        self._name, self._seconds = name, seconds
        self._begin = self._last = time.monotonic()
        self.done = 0.0
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._shown:
            click.echo("\r\x1b[K" if kind else f"{self._line()}\n", err=True, nl=False)

    def add(self, seconds: float) -> None:
        """So much more audio is done."""
        self.done += seconds
        if self._shown and time.monotonic() - self._last >= self._EVERY:
            self._last = time.monotonic()
            click.echo(self._line(), err=True, nl=False)

    def _line(self) -> str:
        speed = self.done / max(time.monotonic() - self._begin, 1e-3)
        part = f"{self.done:.0f} s"
        if self._seconds:
            part = f"{min(100, 100 * self.done / self._seconds):3.0f} % of {self._seconds:.0f} s"
        rest = f": {part}, {speed:.0f} x real time"
        return f"\r\x1b[K{fitted(printable(self._name), rest)}"


def _target(file: str, output: str | None, named: bool, suffix: str) -> str:
    if not Path(file).name:
        raise click.UsageError(f"{file!r} is not the name of a file")
    if output is None:
        return STREAM if file == STREAM else _renamed(Path(file), suffix)
    if named or not os.path.isdir(output):
        return output
    if file == STREAM:
        raise click.UsageError(f"{output}: name the file that is to be made of standard input")
    return _renamed(Path(output, Path(file).name), suffix)


def _renamed(path: Path, suffix: str) -> str:
    """With another ending: ``a.wav.vx`` becomes ``a.wav`` again."""
    stem = path.with_suffix("")
    if path.suffix.lower() == ".vx" and stem.suffix.lower() == suffix:
        return str(stem)
    return str(path.with_suffix(suffix))


def _check_collisions(jobs: list[Job]) -> None:
    """No file may be written twice, and none that is also read."""
    if [job.source for job in jobs].count(STREAM) > 1:
        raise click.UsageError("standard input can be read only once")
    if len(jobs) > 1 and any(job.target == STREAM for job in jobs):
        raise click.UsageError("only one file can go to standard output")
    sources = {_identity(job.source): job.source for job in jobs if job.source != STREAM}
    made: dict[str | tuple[int, int], str] = {}
    for source, target in jobs:
        if target == STREAM:
            continue
        key = _identity(target)
        if key in sources and not is_device(target):
            raise click.UsageError(f"{target}: would be written over an input")
        if key in made:
            raise click.UsageError(f"{target}: would be made of both {made[key]} and {source}")
        made[key] = source


def _identity(name: str) -> str | tuple[int, int]:
    """The same for all names of one file, whether or not it exists.

    Names of files that do not exist count as one if some file systems do not tell them apart.
    """
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return same_name(os.path.realpath(name))
    return status.st_dev, status.st_ino


class _Stream(io.FileIO):
    """A pipe or device to read, standard input for one; ready to be left at any time.

    It has no lock that a thread which still reads could hold when the process ends, and it ends
    when a signal arrives: C code that waits for data at the other end of a pipe would wait on.
    """

    def __init__(self, name: str) -> None:
        if name == STREAM:
            super().__init__(sys.stdin.fileno(), closefd=False)
        else:
            super().__init__(name)
        self.name = name
        self._woken = wakeup() if os.name == "posix" else None

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as asked for, unless the end comes first."""
        parts = []
        left = sys.maxsize if size is None or size < 0 else size
        while left > 0 and not self._is_woken():
            part = super().read(min(left, _AT_ONCE))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _is_woken(self) -> bool:
        """Wait for data or a signal; whether it is a signal."""
        if self._woken is None:
            return False
        ready, _, _ = select.select([self.fileno(), self._woken], [], [])
        return self._woken in ready


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise Failure(STREAM, "standard output is closed")
    if sys.stdout.isatty():
        raise click.UsageError("the output is not for a terminal: name a file, or use a pipe")
    return sys.stdout.buffer


_HINTS = {
    errno.EEXIST: "exists; -f replaces it",
    errno.EISDIR: "is a folder; name a file, or the folder with -o",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "part of the path is not a folder",
    errno.ENOSPC: "the disk is full; nothing was kept",
}


def _reason(error: OSError) -> str:
    return _HINTS.get(error.errno or 0, error.strerror or str(error))
