"""Plots over a logarithmic scale as SVG, drawn from numbers alone."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from math import ceil, floor, log, log10
from typing import NamedTuple

WIDTH, HEIGHT = 725, 420  # small, so that its text can be read on a phone
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 250, 40, 50
VARIABLE = " variable"  # ends the name of a line that is dashed, in the colour of the one without
BITRATES = 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32
_COLOURS = {
    "vauxio": "#0b6bcb",
    "vauxio speech-24k": "#06b6d4",
    "Opus": "#c2410c",
    "Opus NoLACE": "#e879a0",
    "AMR-WB": "#15803d",
    "Codec2": "#7c3aed",
    "MP3": "#64748b",
    "AAC": "#a16207",
}
_OTHERS = "#0b6bcb", "#c2410c", "#15803d", "#7c3aed"


class Point(NamedTuple):
    """A mean and its interval, at a place on the logarithmic scale."""

    x: float
    mean: float
    low: float
    high: float


def plot(
    title: str,
    lines: Mapping[str, Sequence[Point]],
    original: float | None = None,
    *,
    unit: str = "kbps",
    ticks: Sequence[float] = BITRATES,
    labels: Mapping[float, str] | None = None,
    from_zero: bool = False,
) -> str:
    """Lines of points with their intervals.

    Parameters
    ----------
    title : str
    lines : mapping
        By name, which stands in the legend.
    original : float, optional
        What the metric gives to the recording itself: a line across.
    unit : str, optional
        Of the scale.
    ticks : sequence of float, optional
        On the scale; those far from all points are left out.
    labels : mapping, optional
        What to write below ticks, where it is not the number.
    from_zero : bool, optional
        Whether the other axis begins with 0.
    """
    points = [p for line in lines.values() for p in line]
    low = min(p.low for p in points)
    high = max([p.high for p in points] + ([] if original is None else [original]))
    margin = 0.05 * (high - low) or 1.0
    low, high = 0.0 if from_zero else low - margin, high + margin
    least, most = min(p.x for p in points), max(p.x for p in points)
    ticks = [t for t in ticks if least / 1.35 <= t <= most * 1.35] or ticks[:1]
    left, right = min(ticks[0], least) / 1.1, max(ticks[-1], most) * 1.1

    def x(value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * log(value / left) / log(right / left)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    out = [_HEAD.format(w=WIDTH, h=HEIGHT, title=html.escape(title),
                        unit=html.escape(unit), middle=(_LEFT + WIDTH - _RIGHT) / 2,
                        bottom=HEIGHT - 10)]  # fmt: skip
    for tick in ticks:
        out.append(f'<path class="grid" d="M{x(tick):.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        label = html.escape((labels or {}).get(tick, f"{tick:g}"))
        out.append(
            f'<text x="{x(tick):.1f}" y="{HEIGHT - _BOTTOM + 18}" class="mid">{label}</text>'
        )
    for value in _even(low, high):
        out.append(f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{WIDTH - _RIGHT}"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" class="end">{value:g}</text>')
    if original is not None:
        out.append(f'<path class="original" d="M{_LEFT} {y(original):.1f}H{WIDTH - _RIGHT}"/>')
        out.append(f'<text x="{WIDTH - _RIGHT + 10}" y="{y(original) + 4:.1f}">original</text>')
    for i, (name, line) in enumerate(lines.items()):
        colour = _COLOURS.get(name.removesuffix(VARIABLE), _OTHERS[i % len(_OTHERS)])
        dashes, hollow = (
            mark * name.endswith(VARIABLE)
            for mark in (' stroke-dasharray="9 6"', ' fill="#fff" stroke-width="2"')
        )
        width = 3.5 if name.startswith("vauxio") else 1.8
        line = sorted(line)
        path = "L".join(f"{x(p.x):.1f} {y(p.mean):.1f}" for p in line)
        out.append(f'<g stroke="{colour}" fill="{colour}">')
        for p in line:
            out.append(f'<path class="bar" d="M{x(p.x):.1f} {y(p.low):.1f}V{y(p.high):.1f}"/>')
        out.append(f'<path fill="none" stroke-width="{width}"{dashes} d="M{path}"/>')
        for p in line:
            out.append(
                f'<circle cx="{x(p.x):.1f}" cy="{y(p.mean):.1f}" r="4"{hollow}>'
                f"<title>{html.escape(name)}, {p.x:.2f} {html.escape(unit)}: {p.mean:.3f} "
                f"({p.low:.3f} to {p.high:.3f})</title></circle>"
            )
        at = _TOP + 40 + 22 * i
        out.append(
            f'<circle cx="{WIDTH - _RIGHT + 22}" cy="{at}" r="5"{hollow}/></g>'
            f'<text x="{WIDTH - _RIGHT + 36}" y="{at + 5}">{html.escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>\n"])


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}">
<style>
text {{ font: 15px system-ui, sans-serif; fill: #333; }}
.mid {{ text-anchor: middle; }} .end {{ text-anchor: end; }}
.head {{ font-size: 17px; font-weight: 600; }}
.grid {{ stroke: #e2e4ea; fill: none; }} .bar {{ stroke-opacity: .4; stroke-width: 2; }}
.original {{ stroke: #111; stroke-dasharray: 5 4; fill: none; }}
</style>
<rect width="{w}" height="{h}" fill="#fff"/>
<text x="16" y="24" class="head">{title}</text>
<text x="{middle}" y="{bottom}" class="mid">{unit}</text>"""


def _even(low: float, high: float) -> list[float]:
    """Round numbers between the two, about five."""
    step = 10 ** floor(log10((high - low) / 5))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    return [round(i * step, 9) for i in range(ceil(low / step), floor(high / step) + 1)]
