"""The progress of one file, on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click

from .terminal import fitted

__all__ = ["Progress"]


class Progress:
    """Progress of one file, on standard error if that is a terminal.

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
        """Count more seconds of audio as done."""
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
        return f"\r\x1b[K{fitted(self._name, rest)}"
