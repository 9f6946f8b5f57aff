"""Single keys of a terminal, and one line of text that is written over and over."""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import sys
import time
from types import TracebackType
from typing import Any

import click

from .terminal import fitted

termios: Any
tty: Any
try:
    import termios
    import tty
except ImportError:  # Windows
    termios = tty = None

__all__ = ["Keys"]

_POSIX = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", " ": "space",
          "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left"}  # fmt: skip
_WINDOWS = {"H": "up", "P": "down", "M": "right", "K": "left"}  # after a character of their own


class Keys:
    """Keys as they are pressed, while the terminal does not show them; a context manager.

    Parameters
    ----------
    wanted : bool
        Whether standard input is free for them. Where it is not, or no terminal, there are none.
    """

    def __init__(self, wanted: bool) -> None:
        self._there = wanted and sys.stdin is not None and sys.stdin.isatty()
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._before: list[Any] | None = None
        self._last = ""

    def __enter__(self) -> Keys:
        if self._there and termios:
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
        if self._shown and self._last:
            click.echo("", err=True)

    def next(self, wait: bool = False) -> str | None:
        """The key that has been pressed, if one has; with `wait`, the one that is pressed next.

        A character, or ``'left'``, ``'right'``, ``'up'``, ``'down'`` or ``'space'``.
        """
        if not self._there:
            return None
        if not termios:
            return _next_on_windows(wait)
        if not select.select([sys.stdin], [], [], None if wait else 0)[0]:
            return None
        text = os.read(sys.stdin.fileno(), 16).decode(errors="replace")
        return _POSIX.get(text[:3]) or _POSIX.get(text[:1]) or text[:1].lower() or "q"

    def show(self, name: str, seconds: float, whole: float | None, paused: bool) -> None:
        """Show the position."""
        rest = f": {_clock(seconds)}"
        rest += f" of {_clock(whole)}" if whole else ""
        rest += " (paused)" if paused else ""
        line = fitted(name, rest)
        if self._shown and line != self._last:
            self._last = line
            with contextlib.suppress(OSError):
                click.echo(f"\r\x1b[K{line}", err=True, nl=False)


def _next_on_windows(wait: bool) -> str | None:
    msvcrt: Any = importlib.import_module("msvcrt")
    while not msvcrt.kbhit():
        if not wait:
            return None
        time.sleep(0.05)
    key: str = msvcrt.getwch()
    if key in "\x00\xe0":
        return _WINDOWS.get(msvcrt.getwch())
    return "space" if key == " " else key.lower()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
