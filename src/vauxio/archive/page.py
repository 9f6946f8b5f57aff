"""The report of a run as a page: histograms, the worst files, what failed. No scripts, no links."""

from __future__ import annotations

import html
from collections.abc import Sequence

from .plans import Plan, Result, count

__all__ = ["page"]

_WORST = 20
_BINS = 24
_LISTED = 1000
_STYLE = """
:root { color-scheme: light dark; --bar: #3b7dd8; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
         overflow-wrap: anywhere; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
table.sum { width: auto; font-size: 1rem; margin-bottom: 1.5rem; }
.sum td { border: 0; padding: .1rem 1.5rem .1rem 0; }
.sum td:first-child { opacity: .7; white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-size: .9rem; } svg { width: 100%; height: auto; }
rect { fill: var(--bar); } text { font-size: 9px; fill: currentColor; }
@media (max-width: 34rem) {
  table { font-size: .8rem; }
  td, th { padding: .3rem .25rem; } td:first-child, th:first-child { padding-left: 0; }
}
"""


def page(plan: Plan, summary: Sequence[tuple[str, str]], results: Sequence[Result]) -> str:
    """HTML, whole: `summary` are the lines above all tables."""
    title = html.escape(f"vaux {plan.verb}: {plan.source}")
    done = [result for result in results if result.ok]
    failed = [result for result in results if not result.ok]
    timed = [r for r in done if r.seconds > 0]
    speeds = [r.seconds / r.elapsed for r in timed if r.elapsed > 0]
    charts = [
        _histogram("length of the files, seconds", [r.seconds for r in timed]),
        _histogram("speed of one worker, x real time", speeds),
    ]
    if plan.verb == "encode":
        rates = [r.bytes_out * 8e-3 / r.seconds for r in timed]
        charts.insert(0, _histogram("bitrate of the file, kbps", rates))
    rows = "".join(f"<tr><td>{name}<td>{html.escape(text)}" for name, text in summary)
    parts = [
        f'<h1>{title}</h1><table class="sum">{rows}</table>',
        f'<div class="charts">{"".join(charts)}</div>',
        _table("Failed", ["file", "reason"], [[r.source, r.error or ""] for r in failed]),
        _table("Damage that was concealed", ["file", "where"],
               [[r.source, d] for r in results for d in r.damage]),
        _table("What could not be kept", ["file", "why"],
               [[r.source, n] for r in results for n in r.notes]),
    ]  # fmt: skip
    if plan.verb == "encode":
        worst = sorted(timed, key=lambda r: r.bytes_out / r.seconds, reverse=True)[:_WORST]
        parts.append(_files("Most bits per second", worst, "bytes_out"))
    slowest = sorted(timed, key=lambda r: r.elapsed / r.seconds, reverse=True)[:_WORST]
    coded = "bytes_out" if plan.verb == "encode" else "bytes_in"
    parts.append(_files("Slowest", slowest, coded))
    parts += [
        _files("All files", sorted(done, key=lambda r: r.source), coded),
        _table("Left alone", ["file"], [[name] for name in plan.left]),
        _table("Source gone, file kept", ["file"], [[name] for name in plan.gone]),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _histogram(title: str, values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    width = (high - low) / _BINS or 1.0
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int((value - low) / width))] += 1
    bars = "".join(
        f'<rect x="{10 * i + 1}" y="{100 - 95 * n / max(counts):.1f}" width="8" '
        f'height="{95 * n / max(counts):.1f}"><title>{low + i * width:.3g} to '
        f"{low + (i + 1) * width:.3g}: {count(n)}</title></rect>"
        for i, n in enumerate(counts)
        if n
    )
    end = 10 * _BINS
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<svg viewBox="0 -12 {end} 130" role="img">{bars}'
        f'<text x="{end}" y="-4" text-anchor="end">highest: {count(max(counts))}</text>'
        f'<line x1="0" x2="{end}" y1="100.5" y2="100.5" stroke="currentColor"/>'
        f'<text x="0" y="114">{low:.3g}</text>'
        f'<text x="{end}" y="114" text-anchor="end">{high:.3g}</text></svg></figure>'
    )


def _files(title: str, results: Sequence[Result], coded: str) -> str:
    """`coded`: which bytes are those of the ``.vx`` file."""
    rows = [
        [r.source, f"{r.seconds:.1f}", f"{size:,}",
         f"{size * 8e-3 / r.seconds:.2f}" if r.seconds else "",
         f"{r.seconds / r.elapsed:.0f}" if r.elapsed else ""]
        for r in results for size in [getattr(r, coded)]
    ]  # fmt: skip
    return _table(title, ["file", "seconds", "bytes", "kbps", "x real time"], rows, numbers=1)


def _table(title: str, head: list[str], rows: list[list[str]], numbers: int | None = None) -> str:
    """Nothing, if there are no rows. Columns from `numbers` on are numbers."""
    if not rows:
        return ""

    def cells(tag: str, texts: list[str]) -> str:
        right = len(texts) if numbers is None else numbers
        return "".join(
            f"<{tag}{' class=n' if i >= right else ''}>{html.escape(text)}</{tag}>"
            for i, text in enumerate(texts)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows[:_LISTED])
    more = f"<p>and {len(rows) - _LISTED:,} more; --json names all</p>" * (len(rows) > _LISTED)
    return f"<h2>{title}</h2><table><tr>{cells('th', head)}</tr>{body}</table>{more}"
