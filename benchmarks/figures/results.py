"""What the benchmarks wrote, and how old it is.

Figures age: a result is stale when weights or coder have changed since (`benchmarks.provenance`).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from ..paths import RESULTS
from ..provenance import changed
from ..tables import listed, table

TITLES = {
    "archive": "cost of a library",
    "denoise": "denoising",
    "high_qualities": "qualities above 10",
    "latency": "latency",
    "lm": "entropy coding",
    "loss": "lost packets",
    "memory": "memory",
    "quality": "sound quality and bitrates",
    "seek": "seeking",
    "speed": "speed",
    "streaming": "speed of live streams",
    "vbr": "variable bitrate",
    "web": "speed in a browser",
}
"""Of results whose age pages tell."""
used: dict[str, None] = {}
"""Results that the page in hand shows, in their order."""


def results(name: str) -> dict[str, Any]:
    """What a benchmark wrote."""
    used[name] = None
    return loaded(name)


@cache
def since(name: str) -> list[str]:
    """What has changed since a result was measured."""
    return changed(loaded(name)["measured"])


@cache
def loaded(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def age(*names: str) -> str:
    """Which figures of a page, or of those results, are older than weights or coder."""
    names = tuple(name for name in names or used if name in TITLES)
    lines = []
    for name in names:
        if since(name):
            when = listed(_when(loaded(name)["measured"]))
            lines.append(f"> - {TITLES[name]}: measured {when}. Since then {listed(since(name))}.")
    if not lines:
        return ""
    return "\n".join(["> Figures on this page that are older than the installed weights:", ">",
                      *lines])  # fmt: skip


def ages() -> str:
    """Every result: when it was measured, and what has changed since."""
    rows = []
    for path in sorted(RESULTS.glob("*.json")):
        record = loaded(path.stem)["measured"]
        news = listed(since(path.stem)) or "nothing"
        rows.append([f"`{path.name}`", record["date"], f"`{record['commit']}`", news])
    return table(["result", "measured", "commit", "changed since then"], rows)


def _when(record: dict[str, Any]) -> list[str]:
    """When and with what the models were measured that have changed since; they may differ."""
    moments = {}
    for name, about in record["models"].items():
        if changed({"models": {name: about}}):
            of = record | about
            moments[f"on {of['date']} at commit `{of['commit']}`"] = None
    return list(moments)
