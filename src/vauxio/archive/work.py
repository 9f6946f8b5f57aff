"""What a worker does with a job. Jobs are independent of each other.

Doing a job twice does no harm: it replaces its files by the same ones. This module knows which
function does which job. It knows nothing of the order of jobs.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from . import decoding, encoding, tokens, verify
from .jobs import Join, Made, Many, Part, guarded

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
    if isinstance(job, Join):
        join = {
            "encode": encoding.join_encoded,
            "decode": decoding.join_decoded,
            "verify": verify.join_verified,
        }[verb]
        return [guarded(job.task, lambda: join(job))]
    if verb == "encode":
        return list(encoding.encode(job.context, job.tasks, job.divide))
    if verb == "decode":
        return list(decoding.decode(job.context, job.tasks, job.divide))
    if verb == "tokens":
        return list(tokens.make(job.context, job.tasks))
    verified = functools.partial(verify.verify_task, job.context)
    return [
        guarded(task, functools.partial(verified, task, job.divide))
        for task in job.tasks
    ]  # fmt: skip
