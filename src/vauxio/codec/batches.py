"""Several signals at once, each on a thread of its own.

In a batch, a network rounds differently, which changes a code now and then. Here each signal goes
through the network alone, on all cores, so that its codes do not depend on the other signals.
Nothing is computed for padding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from ..arguments import to_integer
from ..audio.arrays import is_array

__all__ = ["in_parallel", "is_batch", "pad"]

T = TypeVar("T")


def is_batch(data: Any) -> bool:
    """Whether it is a list of signals, not a list of numbers."""
    return isinstance(data, (list, tuple)) and len(data) > 0 and is_array(data[0])


def in_parallel(
    work: Callable[[int], T], lengths: Sequence[int], threads: int, workers: int | None
) -> list[T]:
    """``work(i)`` for each i, in order; the longest are begun first.

    Parameters
    ----------
    work : callable
    lengths : sequence of int
        How long each will take, in any unit.
    threads : int
        That each of them uses.
    workers : int or None
        How many are worked on at once; None for one to each so many cores of this process.
    """
    if workers is None:
        workers = max(1, _cores() // threads)
    elif to_integer("workers", workers) < 1:
        raise ValueError(f"{workers} workers: must be at least 1")
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    if workers == 1 or len(order) == 1:
        return [work(i) for i in range(len(lengths))]
    with ThreadPoolExecutor(min(workers, len(order))) as pool:
        futures = {i: pool.submit(work, i) for i in order}
        return [futures[i].result() for i in range(len(lengths))]


def pad(signals: Sequence[np.ndarray]) -> np.ndarray:
    """Signals ``[frames, ...]`` in one array, with silence after the shorter ones."""
    longest = max(map(len, signals))
    out = np.zeros((len(signals), longest, *signals[0].shape[1:]), np.float32)
    for row, signal in zip(out, signals, strict=True):
        row[: len(signal)] = signal
    return out


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
