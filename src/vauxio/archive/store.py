"""Trees of files: on this machine, or wherever fsspec reaches.

This module knows names and sizes, and makes files appear complete or not at all. Names are relative
to the root, with ``/`` between their parts. It knows nothing of audio. fsspec is imported for URLs
only.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, unquote

from .. import temporary
from ..errors import VauxError
from ..fileio import Output, naming

__all__ = ["SPECIAL", "Entry", "Store", "is_safe", "known_store", "open_store"]

SPECIAL = "special"
"""Mark of what is no file but a device or a pipe."""

_SAMPLE = 1 << 14  # bytes; three of them tell one content from another


class Entry(NamedTuple):
    """A file of a tree.

    Attributes
    ----------
    size : int or None
        In bytes; None if the store does not say.
    mark : str
        Another one when the content has changed: time of modification, or the store's own tag.
    """

    size: int | None
    mark: str


class Store(Protocol):
    """A tree of files.

    Attributes
    ----------
    url : str
        The root, so that any process on this machine (of a URL, on any machine) finds it.
    private : bool
        Whether only this process can see it.
    writable : bool
        Whether files can be put there, by several processes at once.
    """

    url: str
    private: bool
    writable: bool

    def find(self, unreadable: dict[str, str] | None = None) -> dict[str, Entry]:
        """All files, by name; links to folders are not followed.

        Folders below the root that cannot be read go into `unreadable`, with the reason; without
        it, they are an error.
        """

    def state(self, name: str) -> Entry:
        """As `find` would give it now; `OSError` if it is gone."""

    def identity(self, name: str, entry: Entry) -> str:
        """What tells a file from any other that was or will be of that name.

        In a folder, several have the same time: the recording, its ``.vx`` file and what is decoded
        from it. There, samples of the content are a part of it. Empty if it cannot be read.
        """

    def reading(self, name: str) -> contextlib.AbstractContextManager[Any]:
        """The path of a file, or a binary file object that can seek in it."""

    def creating(self, name: str, draft: bool = False) -> contextlib.AbstractContextManager[Output]:
        """Create a file. It appears when the block ends, and not at all after an exception.

        Until then its data is in a local file, `Output.temporary`. A `draft`, of a folder only,
        stays there for others to take up.
        """

    def remove(self, name: str) -> None:
        """Remove a file."""

    def sweep(self, names: set[str]) -> None:
        """Remove what a process that was killed left of its work on those names."""


def open_store(place: str | os.PathLike[str]) -> Store:
    """The tree below a folder or a URL; it need not be there yet.

    Raises
    ------
    VauxError
        If nothing on this machine knows such URLs.
    """
    text = os.fsdecode(place)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:(//|:)", text):
        with naming(text):
            return _Remote(text)
    return _Local(Path(text))


@functools.lru_cache(maxsize=8)
def known_store(url: str) -> Store:
    """As `open_store`, opened once."""
    return open_store(url)


def is_safe(name: str, windows: bool = os.name == "nt") -> bool:
    """Whether a name stays within its tree; an archive, say, may hold others.

    Parameters
    ----------
    name : str
    windows : bool, optional
        Whether it is to be a file there, where names have drives and backslashes.
    """
    if windows and (PureWindowsPath(name).drive or ":" in name or "\\" in name):
        return False
    return not any(part in ("", ".", "..") for part in name.split("/")) and "\0" not in name


class _Local:
    """A tree in a local folder."""

    private = False
    writable = True
    _LEFT = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part")  # as `fileio.Output` names them

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.url = str(self._root)

    def find(self, unreadable: dict[str, str] | None = None) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                entries = list(os.scandir(self._root / folder))
            except OSError as e:
                if not folder and isinstance(e, FileNotFoundError):
                    return {}
                if not folder or unreadable is None:
                    raise
                unreadable[folder] = e.strerror or str(e)
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    found[name] = Entry(None, "")  # a broken link: opening it gives the error
                    continue
                if stat.S_ISREG(status.st_mode):
                    found[name] = _entry(status)
                elif not stat.S_ISDIR(status.st_mode):
                    found[name] = Entry(None, SPECIAL)
        return found

    def state(self, name: str) -> Entry:
        return _entry(os.stat(self._root / name))

    def identity(self, name: str, entry: Entry) -> str:
        if entry.size is None:
            return ""
        content = hashlib.blake2b(digest_size=8)
        try:
            with open(self._root / name, "rb") as file:
                for at in (0, (entry.size - _SAMPLE) // 2, entry.size - _SAMPLE):
                    file.seek(max(0, at))
                    content.update(file.read(_SAMPLE))
        except OSError:
            return ""
        return f"{entry.size} {entry.mark} {content.hexdigest()}"

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[str]:
        yield str(self._root / name)

    @contextlib.contextmanager
    def creating(self, name: str, draft: bool = False) -> Iterator[Output]:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _output(path, draft) as output:
            yield output

    def remove(self, name: str) -> None:
        os.unlink(self._root / name)

    def sweep(self, names: set[str]) -> None:
        begun = {(os.path.dirname(name), os.path.basename(name)[:60]) for name in names}
        for folder in {folder for folder, _ in begun}:
            try:
                entries = list(os.scandir(self._root / folder))
            except FileNotFoundError:
                continue
            for entry in entries:
                left = self._LEFT.fullmatch(entry.name)
                if left and (folder, left[1]) in begun:
                    Path(entry.path).unlink(missing_ok=True)  # a dying process removes its own


class _Remote:
    """A tree that fsspec opens."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError as e:
            raise VauxError("needs fsspec: pip install 'vauxio[remote]'") from e
        try:
            self._files, root = url_to_fs(url)
        except (ImportError, ValueError) as e:
            raise VauxError(str(e)) from e
        self.url = url
        self._root = root.rstrip("/")
        protocols = _protocols(self._files)
        self.private = "memory" in protocols
        self.writable = protocols.isdisjoint({"zip", "tar", "http", "https"})
        self._quoted = not protocols.isdisjoint({"http", "https"})  # names are as in URLs

    def find(self, unreadable: dict[str, str] | None = None) -> dict[str, Entry]:
        self._files.invalidate_cache()
        try:
            found = self._files.find(self._root, detail=True)
        except FileNotFoundError:
            return {}
        prefix = self._root.lstrip("/")
        begin = len(prefix)
        names = {path.lstrip("/")[begin:].lstrip("/"): about for path, about in found.items()}
        return {
            unquote(name) if self._quoted else name: _remote_entry(about)
            for name, about in names.items()
            if name
        }

    def state(self, name: str) -> Entry:
        self._files.invalidate_cache()
        return _remote_entry(self._files.info(self._path(name)))

    def identity(self, name: str, entry: Entry) -> str:
        return f"{entry.size} {entry.mark}" if entry.mark else ""

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[Any]:
        with self._files.open(self._path(name), "rb") as file:
            yield file

    @contextlib.contextmanager
    def creating(self, name: str, draft: bool = False) -> Iterator[Output]:
        assert not draft
        with temporary.folder() as folder:
            path = Path(folder, f"file{Path(name).suffix}")
            with _output(path) as output:
                yield output
            target = self._path(name)
            self._files.makedirs(self._files._parent(target), exist_ok=True)
            self._files.put_file(str(path), target)

    def remove(self, name: str) -> None:
        self._files.rm_file(self._path(name))

    def sweep(self, names: set[str]) -> None:
        pass  # an object is there whole or not at all

    def _path(self, name: str) -> str:
        name = quote(name) if self._quoted else name
        return f"{self._root}/{name}" if self._root else name


@contextlib.contextmanager
def _output(path: Path, draft: bool = False) -> Iterator[Output]:
    output = Output(path)
    try:
        yield output
        if draft:
            output.keep()
        else:
            output.commit()
    except BaseException:
        output.discard()
        raise


def _entry(status: os.stat_result) -> Entry:
    return Entry(status.st_size, str(status.st_mtime_ns))


def _remote_entry(about: dict[str, Any]) -> Entry:
    keys = ("ETag", "etag", "md5Hash", "LastModified", "mtime", "updated", "created", "date_time")
    mark = next((about[key] for key in keys if about.get(key)), "")
    if isinstance(mark, datetime.datetime):  # fsspec's memory gives a number or that
        mark = mark.timestamp()
    return Entry(about.get("size"), str(mark))


def _protocols(files: Any) -> set[str]:
    protocol = files.protocol
    return {protocol} if isinstance(protocol, str) else set(protocol)
