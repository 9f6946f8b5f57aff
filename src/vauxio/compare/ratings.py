"""Means of what listeners said, with intervals.

    python -m vauxio.compare.ratings ratings-*.json

Files are those that the page of `blind` saves. Listeners who rate the hidden reference below 90
in more than 15 % of what they heard are left out, as ITU-R BS.1534-3 (section 4.1.2) has it.
Intervals of 95 % come from 5,000 draws of listeners with replacement: two people who agree with
themselves are still only two.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..text import printable
from .blind import REFERENCE

__all__ = ["Mean", "means", "screened"]

_DRAWS = 5000
_LOW, _SHARE = 90, 0.15


class Mean(NamedTuple):
    """Mean of one system, its confidence interval, and the number of ratings and listeners."""

    name: str
    mean: float
    low: float
    high: float
    ratings: int
    listeners: int


def screened(results: Iterable[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Results of listeners who recognise the hidden reference, and the names of the others."""
    heard = defaultdict(list)
    for result in results:
        heard[result["listener"]].append(result)
    out = []
    for listener, theirs in heard.items():
        missed = sum(result["ratings"][REFERENCE] < _LOW for result in theirs)
        if missed > _SHARE * len(theirs):
            out.append(listener)
    return [r for name, theirs in heard.items() if name not in out for r in theirs], out


def means(results: Sequence[Mapping[str, Any]], seed: int = 0) -> list[Mean]:
    """The best first. A system need not have been heard by everybody."""
    rng = np.random.default_rng(seed)
    by_system: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for name, rating in result["ratings"].items():
            by_system[name][result["listener"]].append(float(rating))
    found = []
    for name, by_listener in by_system.items():
        sums = np.array([sum(ratings) for ratings in by_listener.values()])
        counts = np.array([len(ratings) for ratings in by_listener.values()])
        drawn = rng.integers(0, len(sums), (_DRAWS, len(sums)))
        low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), [2.5, 97.5])
        mean = float(sums.sum() / counts.sum())
        found.append(Mean(name, mean, float(low), float(high), int(counts.sum()), len(sums)))
    return sorted(found, key=lambda one: (-one.mean, one.name))


def main(files: Sequence[str]) -> int:
    if not files or files[0] in ("-h", "--help"):
        print("usage: python -m vauxio.compare.ratings ratings-*.json", file=sys.stderr)
        return 2
    results = []
    for file in files:
        try:
            result = json.loads(Path(file).read_text("utf-8"))
            float(result["ratings"][REFERENCE]), str(result["listener"])
        except (OSError, ValueError, KeyError, TypeError) as e:
            print(printable(f"{file}: no ratings: {e}"), file=sys.stderr)
            return 1
        results.append(result)
    kept, out = screened(results)
    if out:
        print(f"left out, for they did not find the reference: {', '.join(map(repr, out))}")
    rows = means(kept)
    names = [printable(row.name) for row in rows]
    width = max(map(len, names), default=0)
    for name, row in zip(names, rows, strict=True):
        print(f"{name.ljust(width)}  {row.mean:5.1f}  [{row.low:5.1f}, {row.high:5.1f}]  "
              f"{row.ratings} ratings of {row.listeners} listeners")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
