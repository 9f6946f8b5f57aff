"""What may be replaced in the target tree: what earlier runs made, but no first generation.

A recording, its ``.vx`` file and what is decoded from that have the same time of modification, and
the two recordings often the same size. So times and sizes do not say which is which; identities do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath

from . import manifest
from .plans import Task
from .store import Entry, Store

__all__ = ["Guard"]


class Guard:
    """Says what is done already, and what stands in the way of the rest.

    Parameters
    ----------
    verb : {'encode', 'decode', 'tokens'}
    sources, targets : Store
    existing : mapping of str to Entry
        What is in the target tree.
    """

    def __init__(
        self, verb: str, sources: Store, targets: Store, existing: Mapping[str, Entry]
    ) -> None:
        self._verb, self._sources, self._targets = verb, sources, targets
        self._existing = existing
        local = os.path.isabs(sources.url) and os.path.isabs(targets.url)
        self._timed = local and verb != "tokens"  # targets have the times of their sources
        self._decoded: dict[str, manifest.Row] = {}
        if verb == "encode" and os.path.isabs(sources.url):
            rows = manifest.reading(sources, "decode", targets.url)
            self._decoded = {row.target: row for row in rows}

    def is_done(self, task: Task, row: manifest.Row | None, fingerprint: str) -> bool:
        """Whether a target is there that was made of this very source in this way."""
        if row is None or task.target not in self._existing:
            return False
        if row[1:6] != (task.target, *task.entry, fingerprint, True):
            return False
        # A .vx file that was made anew has the time of its recording again.
        alike = row.deleted or PurePosixPath(task.source).suffix.lower() == ".vx"
        return not alike or self._is_origin(task, row)

    def objection(self, task: Task, row: manifest.Row | None) -> str:
        """Why a target must not be replaced; empty if it may be, or is not there.

        It may be if it is as an earlier run left it; a ``.vx`` file only if the recording that it
        was made of is still there, or was changed. A recording with its time that is another one
        may have been decoded from it.
        """
        name, there = task.target, self._existing.get(task.target)
        if there is None:
            return ""
        if row is not None and row.target == name:
            intact = self._is_intact(row, there)
            if not intact and (row.done or self._timed and there.mark != row.mark):
                return f"{name} was changed since it was made; -f replaces it"
            same = self._is_origin(task, row) if intact else row[2:4] == task.entry
            if self._verb != "encode" or same:
                return ""
            if row.deleted:
                return f"{name} is what is left of another recording; -f replaces it"
        decoded = self._decoded.get(task.source)
        if decoded is not None and decoded[0] == name and decoded[2:4] == there:
            return f"was decoded from {name}; -f replaces that"
        if row is None or row.target != name:
            return f"{name} exists; -f replaces it"
        if there.mark and there.mark == task.entry.mark:
            return f"has the time of {name}, may be decoded from it; -f replaces that"
        return ""

    def _is_intact(self, row: manifest.Row, there: Entry) -> bool:
        """Whether a target is what a run that came to its end made."""
        return row.made != "" and row.made == self._targets.identity(row.target, there)

    def _is_origin(self, task: Task, row: manifest.Row) -> bool:
        """Whether a source is the one that the last complete target was made of."""
        return row.origin == self._sources.identity(task.source, task.entry)
