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
import time
from collections.abc import Iterator
from types import FrameType

__all__ = ["arrive", "postponed", "unwinding", "wakeup"]

_MOMENT = 0.02  # seconds

_busy = False
_pending: list[int] = []
_repeated = False  # whether a signal comes once more in a moment


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Within, signals that kill the process raise `KeyboardInterrupt` or `SystemExit`."""
    global _repeated
    _repeated = False
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
        if wakeup.cache_info().currsize:  # what woke streams is no news to those of the next call
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup(), 1 << 16)


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Hold signals back within: for calls into C that call back. They are raised afterwards."""
    global _busy
    before, _busy = _busy, True
    try:
        yield
    finally:
        _busy = before
        if _pending and not _busy:
            number = _pending[0]
            _pending.clear()
            signal.raise_signal(number)


def arrive() -> None:
    """Wait for a signal that is on its way: what streams gave since then may not be all."""
    while _repeated:
        time.sleep(_MOMENT)


@functools.cache
def wakeup() -> int:
    """A file descriptor that can be read from as soon as there was a signal."""
    ours, theirs = os.pipe()
    for end in (ours, theirs):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    return ours


def _unwind(number: int, frame: FrameType | None) -> None:
    global _repeated
    if _busy:
        _pending.append(number)
    elif _is_importing(frame):
        _repeated = True
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
