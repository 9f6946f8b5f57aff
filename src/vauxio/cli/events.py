"""What is said of each file: a line for each that fails, or JSON for all."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, TypeVar

import click

from ..results import Result
from .failures import Failure
from .names import Job
from .terminal import complain

__all__ = ["event", "for_each"]

T = TypeVar("T")


def for_each(items: Iterable[T], work: Callable[[T], Result | None], as_json: bool = False) -> int:
    """Work on each item; report failures in one line each. Returns the exit code.

    Parameters
    ----------
    items : iterable
    work : callable
        Takes an item, and returns its result.
    as_json : bool, optional
        Report results and failures as events on standard output, as of a tree.
    """
    code = 0
    for item in items:
        begin = time.perf_counter()
        try:
            result = work(item)
        except Failure as e:
            code = 1
            if not as_json:
                complain(str(e))
                continue
            source, target = item if isinstance(item, Job) else (str(item), "")
            result = Result(source, target, str(e).removeprefix(f"{source}: "))
        if as_json and result is not None:
            elapsed = round(time.perf_counter() - begin, 3)
            event("file", **{**asdict(result), "elapsed": elapsed})
    return code


def event(kind: str, **fields: Any) -> None:
    """Write an event to standard output, as one line of JSON."""
    click.echo(json.dumps({"event": kind, **fields}))
    sys.stdout.flush()
