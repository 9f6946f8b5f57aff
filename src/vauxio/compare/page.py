"""A comparison as one HTML page: pictures, sound and script in a single file.

This module draws: SVG from numbers, and fills ``page.html`` with them. It measures
nothing.
"""

from __future__ import annotations

import base64
import html
import math
import os
from collections.abc import Sequence
from importlib import resources

import numpy as np

from ..audio.pictures import flac, spectrogram, spectrum
from .comparison import Comparison, Part

__all__ = ["render"]

_COLUMNS = 900  # of a picture of waves
_LINES = "#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0e7490", "#a16207", "#be185d"


def render(comparison: Comparison) -> str:
    """The whole page."""
    original = comparison.original
    signals = [(original, original.data), *((v.part, v.data) for v in comparison.versions)]
    seconds = len(original.data) / original.samplerate
    loudest = spectrum(original.data, original.samplerate).max()
    peak = max(float(np.abs(data).max()) for _, data in signals) or 1.0
    cards, sounds = [], []
    for i, (part, data) in enumerate(signals):
        picture = base64.b64encode(spectrogram(data, original.samplerate, loudest)).decode()
        cards.append(
            _CARD.format(
                i=i,
                name=html.escape(os.path.basename(part.name)),
                kbps=f"{part.kbps:.2f} kbps",
                wave=_waveform(data, peak),
                picture=picture,
                top=f"{original.samplerate / 2000:g}",
                start=_clock(comparison.start),
                stop=_clock(comparison.start + seconds),
            )
        )
        sounds.append(_SOUND.format(i=i, data=flac(data, original.samplerate)))
    page = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    fill = {
        "TITLE": html.escape(os.path.basename(original.name)),
        "SECONDS": f"{seconds:.3f}",
        "START": f"{comparison.start:.3f}",
        "PART": f"{_clock(comparison.start)} to {_clock(comparison.start + seconds)}",
        "TABLE": _table(comparison),
        "CARDS": "\n".join(cards),
        "RATES": _rates([v.part for v in comparison.versions], comparison.start, seconds),
        "SOUNDS": "\n".join(sounds),
    }
    parts = page.split("%%")  # text, key, text, key, ..., text
    return "".join(fill[part] if i % 2 else part for i, part in enumerate(parts))


_CARD = """<section class="card" id="card-{i}">
<header><button type="button" data-listen="{i}"><kbd>{i}</kbd> {name}</button>
<span>{kbps}</span></header>
<div class="view" data-seek><svg viewBox="0 0 900 100" preserveAspectRatio="none" role="img"
aria-label="waveform of {name}"><path d="{wave}"/></svg>
<img alt="spectrogram of {name}" src="data:image/png;base64,{picture}"><i class="cursor"></i>
<b class="top">{top} kHz</b></div>
<footer><span>{start}</span><span>{stop}</span></footer></section>"""

_SOUND = '<script type="text/plain" id="sound-{i}">{data}</script>'


def _table(comparison: Comparison) -> str:
    def row(cells: Sequence[str], kind: str) -> str:
        inner = "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells)
        return f"<tr>{inner}</tr>"

    rows = [(os.path.basename(name), *cells) for name, *cells in comparison.rows()]
    body = "".join(row(cells, "td") for cells in rows)
    return f"<thead>{row(comparison.HEADINGS, 'th')}</thead><tbody>{body}</tbody>"


def _waveform(data: np.ndarray, peak: float) -> str:
    """The path around the loudest samples of each column, 900 by 100."""
    columns = min(_COLUMNS, len(data))
    edges = np.linspace(0, len(data), columns, endpoint=False).astype(int)
    high = np.maximum.reduceat(data.max(axis=1), edges) / peak
    low = np.minimum.reduceat(data.min(axis=1), edges) / peak
    x = np.linspace(0, 900, columns)
    outline = [*zip(x, high, strict=True), *zip(x[::-1], low[::-1], strict=True)]
    return "M" + "L".join(f"{a:.0f} {50 - 48 * b:.1f}" for a, b in outline) + "Z"


def _rates(parts: Sequence[Part], start: float, seconds: float) -> str:
    """The bitrate of each file over the part, as an SVG."""
    stretches = [
        [(max(r.start, start), min(r.stop, start + seconds), r.kbps) for r in part.rates
         if r.start < start + seconds and r.stop > start]
        for part in parts
    ]  # fmt: skip
    top = max((kbps for steps in stretches for *_, kbps in steps), default=0) * 1.1 or 1.0
    step = 10 ** math.floor(math.log10(top))
    step *= next(m for m in (0.2, 0.5, 1, 2) if top / (m * step) <= 6)
    width, height, left, below = 900, 220, 46, 30

    def x(second: float) -> float:
        return left + (width - left) * (second - start) / seconds

    def y(kbps: float) -> float:
        return height - below - (height - below - 10) * kbps / top

    lines = [
        f'<line x1="{left}" x2="{width}" y1="{y(v):.1f}" y2="{y(v):.1f}" class="grid"/>'
        f'<text x="{left - 8}" y="{y(v) + 4:.1f}">{v:g}</text>'
        for v in (round(i * step, 6) for i in range(int(top / step) + 1))
    ]
    for second, anchor in ((start, "start"), (start + seconds / 2, "middle"),
                           (start + seconds, "end")):  # fmt: skip
        lines.append(f'<text x="{x(second):.1f}" y="{height - 8}" '
                     f'style="text-anchor:{anchor}">{_clock(second)}</text>')  # fmt: skip
    legend = []
    for i, (part, steps) in enumerate(zip(parts, stretches, strict=True)):
        colour = _LINES[i % len(_LINES)]
        path = "L".join(f"{x(a):.1f} {y(v):.1f}L{x(b):.1f} {y(v):.1f}" for a, b, v in steps)
        lines.append(f'<path d="M{path}" stroke="{colour}"/>' if path else "")
        name = html.escape(os.path.basename(part.name))
        legend.append(f'<span><i style="background:{colour}"></i>{name}</span>')
    return (
        f'<div class="rates"><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="kbps over time">'
        f'{"".join(lines)}</svg></div><p class="legend">{"".join(legend)}</p>'
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:05.2f}"
