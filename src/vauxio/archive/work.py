"""What a worker does with a job. Jobs are independent of each other.

Doing a job twice does no harm: it replaces its files by the same ones. This module knows which
function does which job. It knows nothing of the order of jobs.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..results import Result
from . import decoding, encoding, tokens, verify
from .jobs import Context, Done, Join, Made, Many, Part, Parts, guarded
from .plans import Task
from .store import known_store

__all__ = ["perform"]


def perform(job: Many | Part | Join) -> Any:
    """The outcome of a job."""
    verb = job.context.verb
    if isinstance(job, Part):
        part: Callable[[Part], Any] = {
            "encode": encoding.encode_part,
            "decode": decoding.decode_part,
            "verify": verify.verify_part,
        }[verb]
        begin = time.perf_counter()
        return guarded(job.task, lambda: Made(part(job), time.perf_counter() - begin))
    tasks = job.tasks if isinstance(job, Many) else (job.task,)
    return _identified(job.context, tasks, _performed(job))


def _performed(job: Many | Join) -> Iterable[Result | Parts]:
    verb, context = job.context.verb, job.context
    if isinstance(job, Join):
        join = {
            "encode": encoding.join_encoded,
            "decode": decoding.join_decoded,
            "verify": verify.join_verified,
        }[verb]
        return [guarded(job.task, lambda: join(job))]
    if verb == "encode":
        return encoding.encode(context, job.tasks, job.divide)
    if verb == "decode":
        return decoding.decode(context, job.tasks, job.divide)
    if verb == "tokens":
        return tokens.make(context, job.tasks)
    verified = functools.partial(verify.verify_task, context)
    return [
        guarded(task, functools.partial(verified, task, job.divide))
        for task in job.tasks
    ]  # fmt: skip


def _identified(
    context: Context, tasks: Iterable[Task], outcomes: Iterable[Result | Parts]
) -> list[Done | Parts]:
    """Outcomes, with identities of what was made and of what it was made of."""
    entries = {task.source: task.entry for task in tasks}
    made: dict[str, str] = {}
    found: list[Done | Parts] = []
    for outcome in outcomes:
        if isinstance(outcome, Parts) or not outcome.ok or not outcome.target:
            found.append(outcome if isinstance(outcome, Parts) else Done(outcome))
            continue
        if outcome.target not in made:
            made[outcome.target] = _identity(context.target, outcome.target)
        source = known_store(context.source)
        origin = source.identity(outcome.source, entries[outcome.source])
        found.append(Done(outcome, origin, made[outcome.target]))
    return found


def _identity(tree: str, name: str) -> str:
    store = known_store(tree)
    try:
        return store.identity(name, store.state(name))
    except OSError:  # it is gone already
        return ""
