"""Files of many recordings: which goes into which, and which of them stand as they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import PurePosixPath

from ..results import Result
from . import manifest
from .plans import Settings, Task
from .replacing import Guard
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
    guard: Guard,
    force: bool,
) -> tuple[list[Task], list[Task], list[Result]]:
    """Tasks to do, tasks done, and what is refused, with the shard of each recording.

    A shard that is there stays as long as nothing that it was made of has changed; else what is
    left of that is made anew, all of it, unless somebody else has changed the shard and `force` is
    not given. What is new goes into new ones.
    """
    made: dict[str, list[manifest.Row]] = {}
    for row in rows.values():
        if row.done and PurePosixPath(row.target).suffix == settings.format:
            made.setdefault(row.target, []).append(row)
    placed: dict[str, str] = {}
    skipped: list[Task] = []
    refused: list[Result] = []
    for target, members in made.items():
        still = [Task(row.source, target, found[row.source])
                 for row in members if row.source in found]  # fmt: skip
        # Of two runs: whose source was gone in the second has no part in what that has made.
        runs = {rows[task.source].made: task for task in still}
        objections = [guard.objection(task, rows[task.source]) for task in runs.values()]
        if len(runs) == 1 and all(
            guard.is_done(task, rows[task.source], fingerprint) for task in still
        ):
            skipped += still
        elif still and all(objections) and not force:
            refused += [Result(task.source, target, objections[0]) for task in still]
        else:
            placed |= {task.source: target for task in still}
    done = {task.source for task in skipped} | {result.source for result in refused}
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
    return [task for shard in shards_of(tasks) for task in shard], skipped, refused
