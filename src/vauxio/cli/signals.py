"""Signals that end the process: they unwind it, so that nothing is left half done.

This module knows how Python and C code share a signal: a handler of Python's runs between two steps
of Python. If those steps lie in a callback from C, what it raises is lost; if C code waits for
data, it does not run at all. A module in C that is being imported makes an `ImportError` of it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["postponed", "unwinding", "wakeup"]

_MOMENT = 0.02  # seconds

_busy = False
_pending: list[int] = []


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Within, signals that kill the process raise `KeyboardInterrupt` or `SystemExit`."""
    replaced = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the last is not on every system
        number = getattr(signal, name, None)
        if number is None:
            continue
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            replaced[number] = signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Hold signals back within: for calls into C that call back. They are raised afterwards."""
    global _busy
    _busy = True
    try:
        yield
    finally:
        _busy = False
        if _pending:
            signal.raise_signal(_pending.pop())


@functools.cache
def wakeup() -> int:
    """A file descriptor that can be read from as soon as there was a signal."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    return ours


def _unwind(number: int, frame: FrameType | None) -> None:
    if _busy:
        _pending.append(number)
    elif _is_importing(frame):
        _repeat(number)
    elif number == signal.SIGINT:
        raise KeyboardInterrupt
    else:
        sys.exit(128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether the command is in the middle of an import."""
    while frame is not None and (name := frame.f_globals.get("__name__")) != __package__:
        if name == "importlib._bootstrap":
            return True
        frame = frame.f_back
    return False


def _repeat(number: int) -> None:
    """Raise a signal again after a moment, in the main thread, even if that waits then."""
    if hasattr(signal, "pthread_kill"):
        arguments = threading.main_thread().ident, number
        timer = threading.Timer(_MOMENT, signal.pthread_kill, arguments)
    else:
        timer = threading.Timer(_MOMENT, signal.raise_signal, (number,))
    timer.daemon = True
    timer.start()
