"""The report of a run as a page: histograms, the worst files, what failed. No scripts, no links.

This module chooses what the page shows. Jinja fills ``page.html`` with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from ..results import Result
from .plans import Plan, count

__all__ = ["page"]

_WORST = 20
_BINS = 24
_LISTED = 1000
_NEVER = 99  # a column that no table has


def page(plan: Plan, summary: Sequence[tuple[str, str]], results: Sequence[Result]) -> str:
    """HTML, complete: `summary` are the lines above all tables."""
    import jinja2

    done = [result for result in results if result.ok]
    failed = [result for result in results if not result.ok]
    timed = [r for r in done if r.seconds > 0]
    speeds = [r.seconds / r.elapsed for r in timed if r.elapsed > 0]
    charts = [
        _histogram("length of the files, seconds", [r.seconds for r in timed]),
        _histogram("speed of one worker, x real time", speeds),
    ]
    noted = "Bytes after the end" if plan.verb == "verify" else "What could not be kept"
    tables = [
        _table("Failed", ["file", "reason"], [[r.source, r.error or ""] for r in failed]),
        _table("Damage that was concealed", ["file", "where"],
               [[r.source, d] for r in results for d in r.damage]),
        _table(noted, ["file", "why"],
               [[r.source, n] for r in results for n in r.notes]),
    ]  # fmt: skip
    if plan.verb == "encode":
        rates = [r.bytes_out * 8e-3 / r.seconds for r in timed]
        charts.insert(0, _histogram("bitrate of the file, kbps", rates))
        worst = sorted(timed, key=lambda r: r.bytes_out / r.seconds, reverse=True)[:_WORST]
        tables.append(_files("Most bits per second", worst, "bytes_out"))
    slowest = sorted(timed, key=lambda r: r.elapsed / r.seconds, reverse=True)[:_WORST]
    coded = "bytes_out" if plan.verb == "encode" else "bytes_in"
    tables += [
        _files("Slowest", slowest, coded),
        _files("All files", sorted(done, key=lambda r: r.source), coded),
        _table("Left alone", ["file"], [[name] for name in plan.left]),
        _table("Source gone, file kept", ["file"], [[name] for name in plan.gone]),
    ]
    text = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(text)
    return template.render(
        title=f"vaux {plan.verb}: {plan.source}", summary=summary, listed=_LISTED, bins=_BINS,
        charts=[chart for chart in charts if chart], tables=tables,
    )  # fmt: skip


def _histogram(title: str, values: Sequence[float]) -> dict[str, Any] | None:
    """Bars, up to 95 high; None without values."""
    if not values:
        return None
    low, high = min(values), max(values)
    width = (high - low) / _BINS or 1.0
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int((value - low) / width))] += 1
    bars = [
        {
            "x": 10 * i + 1,
            "height": 95 * n / max(counts),
            "text": f"{low + i * width:.3g} to {low + (i + 1) * width:.3g}: {count(n)}",
        }
        for i, n in enumerate(counts)
        if n
    ]
    return {"title": title, "bars": bars, "low": f"{low:.3g}", "high": f"{high:.3g}",
            "highest": count(max(counts))}  # fmt: skip


def _files(title: str, results: Sequence[Result], coded: str) -> dict[str, Any]:
    """`coded`: which bytes are those of the ``.vx`` file."""
    rows = [
        [r.source, f"{r.seconds:.1f}", f"{size:,}",
         f"{size * 8e-3 / r.seconds:.2f}" if r.seconds else "",
         f"{r.seconds / r.elapsed:.0f}" if r.elapsed else ""]
        for r in results for size in [getattr(r, coded)]
    ]  # fmt: skip
    return _table(title, ["file", "seconds", "bytes", "kbps", "x real time"], rows, numbers=1)


def _table(
    title: str, head: list[str], rows: list[list[str]], numbers: int = _NEVER
) -> dict[str, Any]:
    """Columns from `numbers` on are numbers. A table without rows is not shown."""
    return {"title": title, "head": head, "rows": rows, "numbers": numbers}
