"""Rate-quality plots as SVG, drawn from numbers alone."""

from __future__ import annotations

import html
from math import ceil, floor, log, log10
from typing import NamedTuple

WIDTH, HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 190, 40, 48
_TICKS = 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32
_COLOURS = {
    "vauxio": "#0b6bcb",
    "Opus": "#c2410c",
    "AMR-WB": "#15803d",
    "Codec2": "#7c3aed",
    "MP3": "#64748b",
    "AAC": "#a16207",
}


class Point(NamedTuple):
    """A setting of a codec: its bitrate, and a metric with its interval."""

    kbps: float
    mean: float
    low: float
    high: float


def plot(title: str, lines: dict[str, list[Point]], original: float | None) -> str:
    """One metric over the bitrate, on a logarithmic scale.

    Parameters
    ----------
    title : str
        Names the metric.
    lines : dict
        The settings of each codec.
    original : float or None
        What the metric gives to the recording itself: a line across.
    """
    points = [p for line in lines.values() for p in line]
    low = min(p.low for p in points)
    high = max([p.high for p in points] + ([] if original is None else [original]))
    margin = 0.05 * (high - low) or 1.0
    low, high = low - margin, high + margin
    ticks = [t for t in _TICKS if t <= max(p.kbps for p in points) * 1.35]
    ticks = [t for t in ticks if t >= min(p.kbps for p in points) / 1.35] or ticks[:1]
    left = min(ticks[0], min(p.kbps for p in points)) / 1.1
    right = max(ticks[-1], max(p.kbps for p in points)) * 1.1

    def x(kbps: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * _log_part(kbps, left, right)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    out = [_HEAD.format(w=WIDTH, h=HEIGHT, title=html.escape(title),
                        middle=(_LEFT + WIDTH - _RIGHT) / 2, bottom=HEIGHT - 10)]  # fmt: skip
    for tick in ticks:
        out.append(f'<path class="grid" d="M{x(tick):.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        out.append(
            f'<text x="{x(tick):.1f}" y="{HEIGHT - _BOTTOM + 18}" class="mid">{tick:g}</text>'
        )
    for value in _even(low, high):
        out.append(f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{WIDTH - _RIGHT}"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" class="end">{value:g}</text>')
    if original is not None:
        out.append(f'<path class="original" d="M{_LEFT} {y(original):.1f}H{WIDTH - _RIGHT}"/>')
        out.append(f'<text x="{WIDTH - _RIGHT + 10}" y="{y(original) + 4:.1f}">original</text>')
    for i, (name, line) in enumerate(lines.items()):
        colour = _COLOURS.get(name, "#334155")
        width = 3.5 if name == "vauxio" else 1.8
        line = sorted(line)
        path = "L".join(f"{x(p.kbps):.1f} {y(p.mean):.1f}" for p in line)
        out.append(f'<g stroke="{colour}" fill="{colour}">')
        for p in line:
            out.append(f'<path class="bar" d="M{x(p.kbps):.1f} {y(p.low):.1f}V{y(p.high):.1f}"/>')
        out.append(f'<path fill="none" stroke-width="{width}" d="M{path}"/>')
        for p in line:
            out.append(
                f'<circle cx="{x(p.kbps):.1f}" cy="{y(p.mean):.1f}" r="4">'
                f"<title>{html.escape(name)}, {p.kbps:.2f} kbps: {p.mean:.3f} "
                f"({p.low:.3f} to {p.high:.3f})</title></circle>"
            )
        at = _TOP + 40 + 22 * i
        out.append(
            f'<circle cx="{WIDTH - _RIGHT + 22}" cy="{at}" r="5"/></g>'
            f'<text x="{WIDTH - _RIGHT + 36}" y="{at + 5}">{html.escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>\n"])


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #333; }}
.mid {{ text-anchor: middle; }} .end {{ text-anchor: end; }}
.head {{ font-size: 16px; font-weight: 600; }}
.grid {{ stroke: #e2e4ea; fill: none; }} .bar {{ stroke-opacity: .4; stroke-width: 2; }}
.original {{ stroke: #111; stroke-dasharray: 5 4; fill: none; }}
</style>
<rect width="{w}" height="{h}" fill="#fff"/>
<text x="16" y="24" class="head">{title}</text>
<text x="{middle}" y="{bottom}" class="mid">kbps</text>"""


def _log_part(value: float, low: float, high: float) -> float:
    return log(value / low) / log(high / low)


def _even(low: float, high: float) -> list[float]:
    """Round numbers between the two, about five."""
    step = 10 ** floor(log10((high - low) / 5))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    return [round(i * step, 9) for i in range(ceil(low / step), floor(high / step) + 1)]
