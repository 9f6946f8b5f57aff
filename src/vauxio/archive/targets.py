"""Names of the files that are made: no two become one, and one that was given before stays."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import PurePosixPath

from ..fileio import same_name as same
from . import manifest

__all__ = ["name_targets", "renamed"]


def name_targets(names: list[str], suffix: str, rows: dict[str, manifest.Row]) -> dict[str, str]:
    """Name each target: with another ending, or with one more ending where two would clash.

    A name that was given before stays, whatever has come to the tree since. No two become one.
    """
    plain = {name: renamed(name, suffix) for name in names}
    count = Counter(map(same, plain.values()))
    given = {source: row.target for source, row in rows.items()
             if PurePosixPath(row.target).suffix == suffix}  # fmt: skip
    taken = Counter(map(same, given.values()))
    made = {name: given[name] for name in names if name in given and taken[same(given[name])] == 1}
    new = [name for name in names if name not in made]
    alone = {name for name in new
             if count[same(plain[name])] == 1 and not taken[same(plain[name])]}  # fmt: skip
    made |= {name: plain[name] for name in alone}
    used = taken.keys() | set(map(same, made.values()))
    for name in sorted(set(new) - alone):
        # The name with one more ending may be that of yet another, without its last.
        numbered = (f"{name}.{number}{suffix}" for number in itertools.count(2))
        made[name] = next(target for target in itertools.chain([name + suffix], numbered)
                          if same(target) not in used)  # fmt: skip
        used.add(same(made[name]))
    return made


def renamed(name: str, suffix: str) -> str:
    """The name with another ending: ``a.wav.vx`` becomes ``a.wav`` again."""
    path = PurePosixPath(name)
    stem = path.with_suffix("")
    if path.suffix.lower() == ".vx" and stem.suffix.lower() == suffix:
        return str(stem)
    return str(path.with_suffix(suffix))
