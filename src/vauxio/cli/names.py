"""Names on the command line: which file is to be made of which, without harm to any."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from ..fileio import same_name

__all__ = ["STREAM", "Job", "is_device", "plan"]

STREAM = "-"
"""Standard input or output in place of a file's name."""


class Job(NamedTuple):
    """One file to make of another; `STREAM` for standard input or output."""

    source: str
    target: str


def plan(
    files: tuple[str, ...],
    output: str | None,
    suffix: str,
    is_target: Callable[[str], bool],
) -> list[Job]:
    """Pair sources with targets.

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


def is_device(name: str) -> bool:
    """Whether it exists and is neither file nor folder, so that nothing can be overwritten."""
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


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
    """Replace the ending. ``a.wav.vx`` becomes ``a.wav`` again."""
    stem = path.with_suffix("")
    if path.suffix.lower() == ".vx" and stem.suffix.lower() == suffix:
        return str(stem)
    return str(path.with_suffix(suffix))


def _check_collisions(jobs: list[Job]) -> None:
    """`click.UsageError` if a file would be written twice, or read and written."""
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
    """A key that is equal for all names of one file, whether or not it exists.

    Names of files that do not exist count as one if some file systems do not tell them apart.
    """
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return same_name(os.path.realpath(name))
    return status.st_dev, status.st_ino
