"""The manifest: which files are done, in an SQLite file in the target tree.

This module knows rows and their states, and allows one run at a time in a tree. A row is written
before its file, so that the next run recognises what a killed run left half done.
"""

from __future__ import annotations

import contextlib
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

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    verb TEXT, root TEXT, source BLOB, target BLOB, size INTEGER, mark TEXT, settings TEXT,
    done INTEGER, PRIMARY KEY (verb, root, source)
) WITHOUT ROWID
"""
_PUSH_EVERY = 60.0  # seconds; a remote manifest is at most that far behind


class Row(NamedTuple):
    """A row: one file. A run may replace its target, `done` or not.

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
    deleted : bool
        Whether the source was deleted then: the target is all that there is of it.
    """

    source: str
    target: str
    size: int | None
    mark: str
    settings: str
    done: bool
    deleted: bool = False


class Manifest:
    """The manifest of a tree, open for a run.

    Parameters
    ----------
    store : Store
        The target tree.
    verb, root : str
        What is done, and the tree that it is done to: rows of others are left alone.

    Raises
    ------
    VauxError
        If another run has it open, or it is damaged.
    """

    def __init__(self, store: Store, verb: str, root: str) -> None:
        self._store, self._key = store, _key(verb, root)
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
                self._db.execute(_SCHEMA)
                self._db.execute("BEGIN IMMEDIATE")
                self._db.execute("COMMIT")
            except sqlite3.Error as e:
                raise _error(store, e) from e
            self._open = stack.pop_all()

    def rows(self) -> dict[str, Row]:
        """All rows, by the name of the source."""
        return _rows(self._db, self._key)

    def begin(self, rows: Iterable[Row]) -> None:
        """Record that targets are about to be written."""
        self._put(rows)

    def finish(self, *rows: Row) -> None:
        """Record that targets are complete."""
        self._put([row._replace(done=True) for row in rows])
        if self._is_copy and time.monotonic() - self._pushed > _PUSH_EVERY:
            self._push()

    def delete(self, row: Row) -> None:
        """Record that a source was deleted."""
        self._put([row._replace(done=True, deleted=True)])

    def close(self) -> None:
        with self._open:
            if self._is_copy:
                self._push()

    def _put(self, rows: Iterable[Row]) -> None:
        values = [
            (*self._key, _bytes(row.source), _bytes(row.target), *row[2:5],
             2 if row.deleted else int(row.done))
            for row in rows
        ]  # fmt: skip
        try:
            self._db.execute("BEGIN")
            self._db.executemany(f"REPLACE INTO files VALUES ({', '.join('?' * 8)})", values)
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


def reading(store: Store, verb: str, root: str) -> dict[str, Row]:
    """The rows of a tree, read only."""
    with _local(store) as (path, _):
        if not path.exists():
            return {}
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as db:
                return _rows(db, _key(verb, root))
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


def _rows(db: sqlite3.Connection, key: tuple[str, str | bytes]) -> dict[str, Row]:
    found: Iterator[tuple[Any, ...]] = db.execute(
        "SELECT source, target, size, mark, settings, done FROM files WHERE verb = ? AND root = ?",
        key,
    )
    rows = (
        Row(_text(source), _text(target), size, mark, settings, bool(done), done == 2)
        for source, target, size, mark, settings, done in found
    )
    return {row.source: row for row in rows}


def _key(verb: str, root: str) -> tuple[str, str | bytes]:
    """The key of a root's rows; a root that is not valid text is stored as bytes."""
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
    said, place = str(error), store.url
    if "locked" in said:
        reason = "another run is at work there; wait for it to end"
    elif "full" in said:
        reason = "the disk is full; make room and run again"
    elif "unable to open" in said or "readonly" in said:
        reason = "files cannot be put there; name a folder with -o"
    else:
        reason, place = f"{said}; remove it to begin anew", f"{place}/{NAME}"
    found = VauxError(reason)
    found.filename = place
    return found
