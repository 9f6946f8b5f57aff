"""The manifest: which files are done, in an SQLite file in the target tree.

This module knows rows and their states, and allows one run at a time in a tree. A row is written
before its file, so that the next run recognises what a killed run left half done; what it says of
the file that is there already stays until that is replaced.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .. import temporary
from ..errors import VauxError
from .store import Store

__all__ = ["NAME", "Manifest", "Row", "reading"]

NAME = ".vaux-archive.sqlite"
"""Of the manifest, in the root of the target tree."""

_VERSION = 2  # of the schema
_SCHEMA = """
CREATE TABLE files (
    verb TEXT, root TEXT, format TEXT, source BLOB, target BLOB, size INTEGER, mark TEXT,
    settings TEXT, done INTEGER DEFAULT 0, deleted INTEGER DEFAULT 0, origin TEXT DEFAULT '',
    made TEXT DEFAULT '', PRIMARY KEY (verb, root, format, source)
) WITHOUT ROWID
"""
_BEGIN = """
INSERT INTO files (verb, root, format, source, target, size, mark, settings)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (verb, root, format, source) DO UPDATE
SET target = excluded.target, size = excluded.size, mark = excluded.mark,
    settings = excluded.settings, done = 0
"""
_PUSH_EVERY = 60.0  # seconds; a remote manifest is at most that far behind


class Row(NamedTuple):
    """A row: one file.

    Attributes
    ----------
    source, target : str
        Names in their trees.
    size : int or None
    mark : str
        Of the source, see `store.Entry`.
    settings : str
        What the target depends on besides.
    done : bool
        Whether the target is complete. The rest is of the last one that was, done or not.
    deleted : bool
        Whether its source was to be deleted: the target is all that there is of it.
    origin, made : str
        Identities of its source and of itself, see `store.Store`.
    """

    source: str
    target: str
    size: int | None
    mark: str
    settings: str
    done: bool = False
    deleted: bool = False
    origin: str = ""
    made: str = ""


class Manifest:
    """The manifest of a tree, open for a run.

    Parameters
    ----------
    store : Store
        The target tree.
    verb, root, suffix : str
        What is done, the tree that it is done to, and the ending of what is made: rows of others
        are left alone.

    Raises
    ------
    VauxError
        If another run has it open, it is damaged, or of another version.
    """

    def __init__(self, store: Store, verb: str, root: str, suffix: str) -> None:
        self._store, self._key = store, (*_key(verb, root), suffix)
        with contextlib.ExitStack() as stack:
            path, self._is_copy = stack.enter_context(_local(store))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._pushed = time.monotonic()
            try:
                # run() is a generator: its caller may go on with it in another thread.
                self._db = sqlite3.connect(
                    path, timeout=1, isolation_level=None, check_same_thread=False
                )
                stack.callback(self._db.close)
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute("BEGIN IMMEDIATE")
                if _is_new(self._db, store):
                    self._db.execute(_SCHEMA)
                    self._db.execute(f"PRAGMA user_version = {_VERSION}")
                self._db.execute("COMMIT")
            except sqlite3.Error as e:
                raise _error(store, e) from e
            self._open = stack.pop_all()

    def begin(self, rows: Iterable[Row]) -> None:
        """Record that targets are about to be written."""
        self._write(_BEGIN, (
            (*self._key, _bytes(row.source), _bytes(row.target), *row[2:5]) for row in rows
        ))  # fmt: skip
        if self._is_copy:  # what a killed run has put there is recognised by it
            self._push()

    def finish(self, *rows: Row) -> None:
        """Record that targets are complete."""
        self._put(row._replace(done=True) for row in rows)
        if self._is_copy and time.monotonic() - self._pushed > _PUSH_EVERY:
            self._push()

    def delete(self, row: Row) -> None:
        """Record that a source is about to be deleted."""
        self._put([row._replace(done=True, deleted=True)])

    def close(self) -> None:
        with self._open:
            if self._is_copy:
                self._push()

    def _put(self, rows: Iterable[Row]) -> None:
        self._write(f"REPLACE INTO files VALUES ({', '.join('?' * 12)})", (
            (*self._key, _bytes(row.source), _bytes(row.target), *row[2:]) for row in rows
        ))  # fmt: skip

    def _write(self, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
        try:
            self._db.execute("BEGIN")
            self._db.executemany(statement, values)
            self._db.execute("COMMIT")
        except sqlite3.Error as e:
            raise _error(self._store, e) from e

    def _push(self) -> None:
        """Copy the manifest to a remote tree."""
        with self._store.creating(NAME) as output:
            assert output.temporary is not None
            copy = sqlite3.connect(output.temporary)
            with contextlib.closing(copy):
                self._db.backup(copy)
        self._pushed = time.monotonic()


def reading(store: Store, verb: str, root: str, suffix: str = "") -> list[Row]:
    """The rows of a tree, read only; those of all targets, if no suffix is given."""
    with _local(store) as (path, _):
        if not path.exists():
            return []
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as db:
                return [] if _is_new(db, store) else _rows(db, _key(verb, root), suffix)
        except sqlite3.Error as e:
            raise _error(store, e) from e


@contextlib.contextmanager
def _local(store: Store) -> Iterator[tuple[Path, bool]]:
    """The path of the manifest of a tree, or of a copy of it, if the tree is elsewhere."""
    if Path(store.url).is_absolute():
        yield Path(store.url, NAME), False
        return
    with temporary.folder() as folder:
        path = Path(folder, NAME)
        with contextlib.suppress(FileNotFoundError), store.reading(NAME) as file:
            with open(path, "wb") as copy:
                shutil.copyfileobj(file, copy)
        yield path, True


def _is_new(db: sqlite3.Connection, store: Store) -> bool:
    """Whether nothing is in it yet; an error if it is of another version."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and version != _VERSION:
        raise _damaged(store, "of another version of vauxio")
    return not tables


def _rows(db: sqlite3.Connection, key: tuple[str, str | bytes], suffix: str) -> list[Row]:
    found: Iterator[tuple[Any, ...]] = db.execute(
        "SELECT source, target, size, mark, settings, done, deleted, origin, made FROM files "
        "WHERE verb = ? AND root = ? AND ? IN ('', format)",
        (*key, suffix),
    )
    return [
        Row(_text(source), _text(target), size, mark, settings, bool(done), bool(deleted), *rest)
        for source, target, size, mark, settings, done, deleted, *rest in found
    ]


def _key(verb: str, root: str) -> tuple[str, str | bytes]:
    """The key of a root's rows: however it is called; as bytes if it is not valid text."""
    if os.path.isabs(root):
        root = os.path.realpath(root)
    try:
        root.encode()
    except UnicodeEncodeError:
        return verb, _bytes(root)
    return verb, root


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _error(store: Store, error: sqlite3.Error) -> VauxError:
    said = str(error)
    if "locked" in said:
        reason = "another run is at work there; wait for it to end"
    elif "full" in said:
        reason = "the disk is full; make room and run again"
    elif "unable to open" in said or "readonly" in said:
        reason = "files cannot be put there; name a folder with -o"
    else:
        return _damaged(store, said)
    found = VauxError(reason)
    found.filename = store.url
    return found


def _damaged(store: Store, reason: str) -> VauxError:
    found = VauxError(f"{reason}; remove it to begin anew")
    found.filename = f"{store.url}/{NAME}"
    return found
