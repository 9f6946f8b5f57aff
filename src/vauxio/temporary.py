"""Temporary files and folders, and how none is left behind, however the process ends.

They are known here from the moment in which they are there. Whoever makes one removes it. Where a
process ends at once, without unwinding, `abandon` removes all that there are.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO

from .locks import process_lock

__all__ = ["abandon", "create", "folder", "forget"]

_known: set[Path] = set()
_making = process_lock()  # held while one is made, so that `abandon` knows of all
_PATIENCE = 1  # second; a file system may take forever


def create(path: Path) -> BinaryIO:
    """Create a file, which must not be there, until `forget` is called."""
    with _making:
        _known.add(path)
        try:
            return open(path, "xb")
        except OSError:  # it is another's, or there is none
            _known.discard(path)
            raise


def forget(path: Path) -> None:
    """A file is removed, or stays."""
    _known.discard(path)


def folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder: a context manager, which removes it at its end."""
    with _making:
        made = tempfile.TemporaryDirectory(prefix="vauxio-", ignore_cleanup_errors=True)
        _known.add(Path(made.name))
    weakref.finalize(made, _known.discard, Path(made.name))
    return made


def abandon() -> None:
    """Remove everything before the process ends at once: nothing can be made from here on.

    Not to be called by what interrupts a thread that may be making something.
    """
    _making.acquire(timeout=_PATIENCE)
    for path in list(_known):
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
