"""Files of many recordings: which goes into which, and which of them stand as they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import PurePosixPath

from . import manifest
from .plans import Settings, Task
from .store import Entry

__all__ = ["SHARDED", "fill_shards", "shards_of"]

SHARDED = ".parquet", ".tar"
"""Those that hold many recordings."""

_SHARD_BYTES = 4 << 30  # of the sources of one


def shards_of(tasks: Iterable[Task]) -> list[tuple[Task, ...]]:
    """Tasks with the same target together, in the order of their names; the largest first."""
    by_target: dict[str, list[Task]] = {}
    for task in tasks:
        by_target.setdefault(task.target, []).append(task)
    shards = [tuple(sorted(each, key=lambda task: task.source)) for each in by_target.values()]
    return sorted(shards, key=lambda shard: -sum(task.entry.size or 0 for task in shard))


def fill_shards(
    found: dict[str, Entry],
    rows: dict[str, manifest.Row],
    existing: dict[str, Entry],
    settings: Settings,
    fingerprint: str,
) -> tuple[list[Task], list[Task]]:
    """Tasks to do and tasks done, with the shard of each recording.

    A shard that is there stays as long as nothing that it was made of has changed; else what is
    left of that is made anew, all of it. What is new goes into new ones.
    """
    made: dict[str, list[manifest.Row]] = {}
    for row in rows.values():
        if row.done and PurePosixPath(row.target).suffix == settings.format:
            made.setdefault(row.target, []).append(row)
    placed: dict[str, str] = {}
    skipped: list[Task] = []
    for target, members in made.items():
        still = [row.source for row in members if row.source in found]
        same = target in existing and all(
            rows[name][2:6] == (*found[name], fingerprint, True) for name in still
        )
        if same:
            skipped += [Task(name, target, found[name]) for name in still]
        else:
            placed |= dict.fromkeys(still, target)
    done = {task.source for task in skipped}
    ours = {row.target for row in rows.values()}
    free = (
        name
        for name in (f"tokens-{number:05}{settings.format}" for number in itertools.count())
        if name not in made and (name not in existing or name in ours)
    )
    target, count, size = "", settings.shard, 0
    for name in found:
        if name in done or name in placed:
            continue
        if count >= settings.shard or size >= _SHARD_BYTES:
            target, count, size = next(free), 0, 0
        placed[name] = target
        count, size = count + 1, size + (found[name].size or 0)
    tasks = [Task(name, target, found[name]) for name, target in placed.items()]
    return [task for shard in shards_of(tasks) for task in shard], skipped
