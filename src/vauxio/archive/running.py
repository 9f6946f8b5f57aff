"""Running a plan: the order of jobs, what the manifest records, what is tried again.

It touches no audio, no neural network and no computer network.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..arguments import to_integer
from ..errors import VauxError
from ..results import Result
from .engine import Engine, Inline, Lost, Processes
from .jobs import Context, Done, Join, Made, Many, Part, Parts
from .manifest import Manifest, Row
from .plans import Plan, Task
from .shards import SHARDED, shards_of
from .store import Store, open_store

__all__ = ["run"]

_SMALL = {"encode": 384_000, "decode": 16_000, "verify": 16_000, "tokens": 384_000}
"""Bytes of a source that is one of several in a job: two seconds of uncompressed stereo, ..."""

_TOGETHER = 8  # of those


def run(
    plan: Plan,
    jobs: int | None = None,
    *,
    engine: str = "processes",
    scheduler: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Iterator[Result]:
    """Carry out a plan.

    Work begins with the first step of the iteration, goes on while results are used, and ends with
    `close` of the iterator; what is not done by then is done by the next run. One file's failure
    does not concern the others.

    Parameters
    ----------
    plan : Plan
    jobs : int, optional
        Worker processes, each of one thread; one for each core if not given.
    engine : {'processes', 'inline', 'dask'}, optional
        Processes on this machine, the calling process, or the workers of a Dask cluster.
    scheduler : str, optional
        Address of the cluster's scheduler.
    progress : callable, optional
        Called for each part of a long file that is done: name of the source, and the share of the
        file that the part is.

    Yields
    ------
    Result
        One for each task, in the order in which they end, and first those that were refused.

    Raises
    ------
    VauxError
        If the target tree cannot be worked in, or the engine is not there.

    Examples
    --------
    >>> from vauxio import archive
    >>> plan = archive.plan('encode', 'recordings', 'archive')
    >>> failed = [result for result in archive.run(plan, jobs=2) if not result.ok]
    """
    if engine not in ("processes", "inline", "dask"):
        raise ValueError(f"engine must be 'processes', 'inline' or 'dask' and not {engine!r}")
    if jobs is not None and to_integer("jobs", jobs) < 1:
        raise ValueError(f"{jobs} jobs: must be at least 1")
    return _run(plan, jobs, engine, scheduler, progress or (lambda source, share: None))


def _run(
    plan: Plan,
    jobs: int | None,
    engine: str,
    scheduler: str | None,
    progress: Callable[[str, float], None],
) -> Iterator[Result]:
    yield from plan.refused
    if not plan.tasks:
        return
    sources = open_store(plan.source)
    targets = open_store(plan.target) if plan.target else None
    private = sources.private or (targets is not None and targets.private)
    with contextlib.ExitStack() as stack:
        manifest = None
        if targets is not None:
            manifest = Manifest(targets, plan.verb, plan.source, plan.suffix)
            stack.callback(manifest.close)
            manifest.begin(_row(plan, task) for task in plan.tasks)
            names = {task.target for task in plan.tasks}
            targets.sweep(names)
            stack.callback(targets.sweep, names)
        workers = _engine(engine, jobs, scheduler, private)
        stack.callback(workers.close)
        # Parts of a decoded file are handed on as files beside the target.
        divide = plan.verb != "decode" or (engine == "processes" and os.path.isabs(plan.target))

        def finish(ended: list[tuple[Task, Done]]) -> None:
            if manifest is not None:
                manifest.finish(*(_row(plan, *each) for each in ended if each[1].result.ok))

        for task, done in _Work(plan, workers, divide, progress, finish).results():
            finish([(task, done)])
            result = done.result
            if result.ok and plan.delete_input and manifest is not None:
                deleting = functools.partial(manifest.delete, _row(plan, task, done))
                result = _delete(plan, sources, task, result, deleting)
            yield result


def _engine(name: str, jobs: int | None, scheduler: str | None, private: bool) -> Engine:
    if private and (name == "dask" or jobs not in (None, 1)):
        raise VauxError("memory:// is seen by one process only: use one job")
    if private or name == "inline":
        return Inline()
    if name == "dask":
        from .cluster import Cluster

        return Cluster(scheduler)
    return Processes(jobs or os.cpu_count() or 1)


def _row(plan: Plan, task: Task, done: Done | None = None) -> Row:
    row = Row(task.source, task.target, *task.entry, plan.fingerprint)
    return row._replace(origin=done.origin, made=done.made) if done else row


def _delete(
    plan: Plan, sources: Store, task: Task, result: Result, deleting: Callable[[], None]
) -> Result:
    """Remove a source that has been made into something that was read back.

    That it is `deleting` is recorded first: a run that is killed may not forget it.
    """
    if result.notes and not plan.delete_lossy:
        return replace(result, error=f"encoded, but kept: {result.notes[0]}; --delete-lossy")
    try:
        if sources.state(task.source) != task.entry:
            return replace(result, error="kept: it changed while it was encoded; run again")
        deleting()
        sources.remove(task.source)
    except OSError as e:
        return replace(result, error=f"encoded, but not deleted: {e.strerror or e}")
    return result


@dataclass
class _Divided:
    """A file on its way through several workers."""

    missing: int
    blocks: int
    contents: dict[int, Any] = field(default_factory=dict)
    elapsed: float = 0.0
    failed: bool = False


class _Work:
    """The jobs that wait, and those in progress."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        divide: bool,
        progress: Callable[[str, float], None],
        finish: Callable[[list[tuple[Task, Done]]], None],
    ) -> None:
        self._engine, self._divide, self._progress = engine, divide, progress
        self._finish = finish
        self._context = Context(
            plan.verb, plan.source, plan.target, plan.settings, plan.delete_input
        )
        self._tasks = list(plan.tasks)[::-1]  # the largest is taken from the end
        self._shards: list[tuple[Task, ...]] = []  # the same: files with one target are one job
        self._sharded = plan.verb == "tokens" and plan.settings.format in SHARDED
        if self._sharded:
            self._shards, self._tasks = shards_of(plan.tasks)[::-1], []
        self._bytes = plan.bytes  # of those
        self._number = itertools.count()
        self._ready: list[tuple[int, int, Any]] = []  # a heap: joins, parts, parts of later files
        self._active = 0
        self._divided: dict[Task, _Divided] = {}
        self._tried: set[tuple[Task, int]] = set()

    def results(self) -> Iterator[tuple[Task, Done]]:
        """Do all jobs. Yields each task with its outcome."""
        while True:
            workers = self._engine.workers
            while self._active < 2 * workers and (job := self._next(workers)) is not None:
                self._engine.submit(job)
                self._active += 1
            if not self._active:
                return
            job, outcome = self._engine.next()
            self._active -= 1
            if isinstance(outcome, Lost):
                yield from self._lost(job, outcome)
            elif isinstance(job, Part):
                yield from self._part(job, outcome)
            elif isinstance(job, Many):
                tasks = {task.source: task for task in job.tasks}
                if self._sharded:  # all that one file holds at once, or none
                    self._finish([(tasks[one.result.source], one) for one in outcome])
                for one in outcome:
                    if isinstance(one, Parts):
                        self._divided[one.task] = _Divided(len(one.parts), one.parts[-1].stop)
                        for part in one.parts:
                            self._put(1, part)
                    else:
                        yield tasks[one.result.source], one
            else:
                del self._divided[job.task]
                job.clear()
                yield job.task, outcome[0]

    def _next(self, workers: int) -> Any:
        """The job to be given out next; None if there is none at the moment."""
        if self._ready:
            return heapq.heappop(self._ready)[-1]
        if self._shards:
            return Many(self._context, self._shards.pop())
        if not self._tasks:
            return None
        task = self._tasks.pop()
        size, left = task.entry.size, self._bytes
        self._bytes -= size or 0
        if size is None or size > _SMALL[self._context.verb]:
            # More than one worker's share of what is left: divide it.
            large = workers > 1 if size is None else size * workers > left
            return Many(self._context, (task,), large and self._divide)
        tasks = [task]
        # Small enough that all workers are busy to the end.
        share = len(self._tasks) // (2 * workers) + 1
        while len(tasks) < min(_TOGETHER, share) and self._tasks and self._tasks[-1].entry.size:
            tasks.append(self._tasks.pop())
            self._bytes -= tasks[-1].entry.size or 0
        return Many(self._context, tuple(tasks))

    def _part(self, job: Part, outcome: Made | Result) -> Iterator[tuple[Task, Done]]:
        divided = self._divided[job.task]
        divided.missing -= 1
        if isinstance(outcome, Result):
            if not divided.failed:
                divided.failed = True
                yield job.task, Done(outcome)
        else:
            divided.contents[job.first] = outcome.content
            divided.elapsed += outcome.elapsed
            self._progress(job.task.source, (job.stop - job.first) / divided.blocks)
        if divided.failed:
            self._join(job, divided).clear()
        if divided.missing:
            return
        if divided.failed:
            del self._divided[job.task]
            return
        self._put(0, self._join(job, divided))

    def _join(self, job: Part, divided: _Divided) -> Join:
        """What is to be done with the parts of a file that there are; they are in it alone then."""
        contents = tuple(divided.contents[first] for first in sorted(divided.contents))
        divided.contents.clear()
        return Join(self._context, job.task, job.frames, contents, divided.elapsed)

    def _lost(self, job: Any, lost: Lost) -> Iterator[tuple[Task, Done]]:
        """Repeat a lost job alone, once; if it is lost again, it has failed."""
        if isinstance(job, Many) and self._sharded:  # they become one file and stay together
            key = job.tasks[0], -1
            if lost.again and key not in self._tried:
                self._tried.add(key)
                self._put(0, job)
            else:
                for task in job.tasks:
                    yield task, Done(Result(task.source, task.target, lost.reason))
            return
        for task in job.tasks if isinstance(job, Many) else (job.task,):
            alone = replace(job, tasks=(task,)) if isinstance(job, Many) else job
            key = task, job.first if isinstance(job, Part) else -1
            failure = Result(task.source, task.target, lost.reason)
            if lost.again and key not in self._tried:
                self._tried.add(key)
                self._put(0, alone)
            elif isinstance(job, Part):
                yield from self._part(job, failure)
            else:
                self._divided.pop(task, None)
                if isinstance(job, Join):
                    job.clear()
                yield task, Done(failure)

    def _put(self, rank: int, job: Any) -> None:
        heapq.heappush(self._ready, (rank, next(self._number), job))
