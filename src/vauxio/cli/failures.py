"""Errors of one file: what is wrong with which, in a line."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ..errors import VauxError
from .signals import postponed

__all__ = ["Failure", "blame", "blaming"]

T = TypeVar("T")

_HINTS = {
    errno.EEXIST: "exists; -f replaces it",
    errno.EISDIR: "is a folder; name a file, or the folder with -o",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "part of the path is not a folder",
    errno.ENOSPC: "the disk is full; nothing was kept",
}


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


@contextlib.contextmanager
def blame(name: str) -> Iterator[None]:
    """Turn errors within into a `Failure` of the named file."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of the output is gone: no file is to blame
    except VauxError as e:
        raise Failure(name, e.reason) from e
    except OSError as e:
        raise Failure(name, _reason(e)) from e


def blaming(name: str, items: Iterable[T], undisturbed: bool = True) -> Iterator[T]:
    """The same items. An error in making one becomes a `Failure` of the named file.

    If `undisturbed`, a signal waits until an item is made, because C code may call back. Items that
    take long, and are made without callbacks, must be left at once.
    """
    iterator = iter(items)
    while True:
        with blame(name), postponed() if undisturbed else contextlib.nullcontext():
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _reason(error: OSError) -> str:
    return _HINTS.get(error.errno or 0, error.strerror or str(error))
