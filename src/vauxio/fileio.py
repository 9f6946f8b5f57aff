"""Opening paths, descriptors and file objects; files that appear only when they are complete.

This module knows temporary names, fsync and rename. It does not know what is read or written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Union

from . import temporary
from .errors import VauxError

__all__ = ["File", "Input", "Output", "is_seekable", "name_of", "naming", "same_name"]

File = Union[str, bytes, "os.PathLike[str]", int, BinaryIO]
"""What can be opened: a path, a file descriptor, a binary file object."""


def name_of(file: Any) -> str:
    """A name for reports."""
    name = _name_of(file)
    return f"<{type(file).__name__}>" if name is None else name


@contextlib.contextmanager
def naming(file: Any) -> Iterator[None]:
    """Within, a file is read: errors say which, if it has a name."""
    try:
        yield
    except VauxError as e:
        if e.filename is None:
            e.filename = _name_of(file)
        raise


def _name_of(file: Any) -> str | None:
    if isinstance(file, (str, bytes, os.PathLike)):
        return os.fsdecode(file)
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else None


def same_name(name: str) -> str:
    """Equal for names that some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def is_seekable(stream: Any) -> bool:
    """Whether one can go back in a binary file object; not, if it does not say so."""
    return hasattr(stream, "seekable") and bool(stream.seekable())


class Input:
    """A file to read.

    Parameters
    ----------
    file : File
        A file object stays open in `close`.
    closefd : bool, optional
        Whether `close` closes a descriptor.

    Attributes
    ----------
    file : BinaryIO
    """

    def __init__(self, file: File, closefd: bool = True) -> None:
        self._ours = isinstance(file, (str, bytes, int, os.PathLike))
        if isinstance(file, int):
            self.file: Any = open(file, "rb", closefd=closefd)
        elif isinstance(file, (str, bytes, os.PathLike)):
            self.file = open(file, "rb")
        elif hasattr(file, "read"):
            self.file = file
        else:
            raise TypeError(f"file must be a path, descriptor or binary file and not {file!r}")

    def close(self) -> None:
        if self._ours:
            self.file.close()


class Output:
    """A file to write. Of a path, nothing is seen until it is committed.

    Data for a path goes to a temporary name in the same folder. With `commit` it takes its final
    name, in one step; with `discard`, or if the process dies, the target stays what it was. An
    object that is given up, as when its making is interrupted, discards its data; a copy of it in a
    child of ``fork()`` leaves it to the parent.
    Descriptors, file objects, and targets that are no regular files (devices, named pipes) are
    written to directly.

    Parameters
    ----------
    file : File
        Of a path that is a symbolic link, the file that it leads to is replaced. A file object
        stays open.
    exclusive : bool, optional
        Fail if the path is there, now or when it is committed.
    closefd : bool, optional
        Whether a descriptor is closed in the end.

    Attributes
    ----------
    file : BinaryIO
        Where to write.
    temporary : Path or None
        Where the data lies until then; None if it is written directly.
    like : path or None
        A file whose time of modification and permissions it gets in the end; its owner can always
        write it.

    Raises
    ------
    FileExistsError
        If `exclusive` and the path is there.
    IsADirectoryError
        If it is a folder.
    OSError
        If nothing can be written there.
    """

    _pending = False  # whether there is a temporary file to be removed

    def __init__(self, file: File, exclusive: bool = False, closefd: bool = True) -> None:
        self.temporary: Path | None = None
        self.like: str | os.PathLike[str] | None = None
        self._ours = True
        self.file: Any = None
        if isinstance(file, (str, bytes, os.PathLike)):
            path = Path(os.fsdecode(file))
            # A pipe that /dev/stdout leads to has no other path.
            self._open(path if path.is_fifo() else Path(os.path.realpath(path)), exclusive)
        elif isinstance(file, int):
            self.file = open(file, "wb", closefd=closefd)
        elif hasattr(file, "write"):
            self.file, self._ours = file, False
        else:
            raise TypeError(f"file must be a path, descriptor or binary file and not {file!r}")

    def commit(self) -> None:
        """Everything to the disk, then the final name. On an error, as `discard`."""
        try:
            if hasattr(self.file, "flush"):
                self.file.flush()
            if self.temporary is not None:
                os.fsync(self.file.fileno())
            if self._ours:
                self.file.close()
            if self.temporary is not None:
                if self.like is not None:
                    _liken(self.temporary, self.like)
                if self._exclusive:
                    _rename_to_new(self.temporary, self._target)
                else:
                    os.replace(self.temporary, self._target)
                self._release()
                _sync_folder(self._target.parent)
        except BaseException:
            self.discard()
            raise

    def keep(self) -> None:
        """Leave the data where it is, under its temporary name, for others to take up."""
        self.file.close()
        self._release()

    def discard(self) -> None:
        """Leave nothing behind, where that is possible."""
        if self._pending and self._process != os.getpid():
            self._pending = False
            if self.file is not None:
                self.file.raw.close()  # the parent writes what is buffered
            return
        if self._ours and self.file is not None:
            with contextlib.suppress(OSError):  # what could not be flushed was not to be kept
                self.file.close()
        if self._pending and self.temporary is not None:
            self.temporary.unlink(missing_ok=True)
            self._release()

    def __del__(self) -> None:
        if self._pending:
            self.discard()

    def _release(self) -> None:
        if self.temporary is not None:
            temporary.forget(self.temporary)
        self._pending = False

    def _open(self, target: Path, exclusive: bool) -> None:
        self._target, self._exclusive, self._process = target, exclusive, os.getpid()
        try:
            mode = target.stat().st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None:
            if exclusive:
                raise self._error(errno.EEXIST)
            if stat.S_ISDIR(mode):
                raise self._error(errno.EISDIR)
            if not stat.S_ISREG(mode):
                self.file = open(target, "wb")
                return
            if not os.access(target, os.W_OK):  # a rename would not ask
                raise self._error(errno.EACCES)
        path = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.part")
        self.temporary, self._pending = path, True  # before it is there, as this may be interrupted
        try:
            self.file = temporary.create(path)
        except OSError as e:
            self.temporary, self._pending = None, False
            raise self._error(e.errno or errno.EIO) from e
        if mode is not None:
            with contextlib.suppress(OSError):  # not every file system has permissions
                os.chmod(path, stat.S_IMODE(mode))

    def _error(self, number: int) -> OSError:
        """Of the subclass that the number stands for, with the target's name, not the temporary."""
        return OSError(number, os.strerror(number), str(self._target))


def _liken(path: Path, other: str | os.PathLike[str]) -> None:
    """Give a file the time and permissions of another, as far as that is possible."""
    with contextlib.suppress(OSError):
        status = os.stat(other)
        if stat.S_ISREG(status.st_mode):
            os.chmod(path, stat.S_IMODE(status.st_mode) & 0o777 | stat.S_IWUSR)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _rename_to_new(old: Path, new: Path) -> None:
    """Rename a file, but not over one that is there."""
    try:
        os.link(old, new)  # fails if it is there, unlike a rename
    except FileExistsError:
        raise
    except OSError:  # without hard links, as on FAT: an empty file of our own holds the name
        new.touch(exist_ok=False)
        try:
            os.replace(old, new)
        except BaseException:
            new.unlink()
            raise
    else:
        os.unlink(old)


def _sync_folder(folder: Path) -> None:
    """Make a new name durable, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
