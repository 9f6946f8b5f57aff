"""Trees of recordings for tests: made, worked on, looked at."""

from __future__ import annotations

from pathlib import Path

import soundfile

from vauxio import archive
from vauxio.archive import manifest

from .paths import tree
from .signals import voice

RATE = 16000


def save(path: Path, seconds: float = 0.5, rate: int = RATE, channels: int = 1, seed: int = 0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(round(seconds * rate), rate, channels, seed), rate)


def run(plan: archive.Plan, jobs: int | None = None) -> dict[str, archive.Result]:
    """Have it done: in this process, which is fast for little, or by so many others."""
    results = list(archive.run(plan, jobs, engine="processes" if jobs else "inline"))
    assert len({r.source for r in results}) == len(results)
    return {r.source: r for r in results}


def files(folder: Path) -> dict[str, bytes]:
    """What is in a tree, but for folders and the manifest."""
    return {
        name: content
        for name, content in tree(folder).items()
        if content is not None and not name.startswith(manifest.NAME)
    }
