"""A comparison as one HTML page: pictures, sound and script in a single file.

This module turns signals into pictures and paths. Jinja fills ``page.html`` with them. It measures
nothing.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from ..audio.pictures import flac, spectrogram, spectrum
from .comparison import Comparison, Part

__all__ = ["render"]

_COLUMNS = 900  # of a picture of waves
_LINES = "#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0e7490", "#a16207", "#be185d"


def render(comparison: Comparison) -> str:
    """The whole page."""
    import jinja2

    original = comparison.original
    signals = [(original, original.data), *((v.part, v.data) for v in comparison.versions)]
    seconds = len(original.data) / original.samplerate
    clocks = _clock(comparison.start), _clock(comparison.start + seconds)
    loudest = spectrum(original.data, original.samplerate).max()
    peak = max(float(np.abs(data).max()) for _, data in signals) or 1.0
    cards = [
        {
            "name": os.path.basename(part.name),
            "kbps": f"{part.kbps:.2f} kbps",
            "wave": _waveform(data, peak),
            "picture": base64.b64encode(spectrogram(data, original.samplerate, loudest)).decode(),
        }
        for part, data in signals
    ]
    text = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(text)
    return template.render(
        title=os.path.basename(original.name), seconds=seconds, start=comparison.start,
        part=" to ".join(clocks), start_clock=clocks[0], stop_clock=clocks[1],
        top=f"{original.samplerate / 2000:g}", cards=cards, headings=comparison.HEADINGS,
        rows=[(os.path.basename(name), *cells) for name, *cells in comparison.rows()],
        chart=_rates([v.part for v in comparison.versions], comparison.start, seconds),
        sounds=[flac(data, original.samplerate) for _, data in signals],
    )  # fmt: skip


def _waveform(data: np.ndarray, peak: float) -> str:
    """The path around the loudest samples of each column, 900 by 100."""
    columns = min(_COLUMNS, len(data))
    edges = np.linspace(0, len(data), columns, endpoint=False).astype(int)
    high = np.maximum.reduceat(data.max(axis=1), edges) / peak
    low = np.minimum.reduceat(data.min(axis=1), edges) / peak
    x = np.linspace(0, 900, columns)
    outline = [*zip(x, high, strict=True), *zip(x[::-1], low[::-1], strict=True)]
    return "M" + "L".join(f"{a:.0f} {50 - 48 * b:.1f}" for a, b in outline) + "Z"


def _rates(parts: Sequence[Part], start: float, seconds: float) -> dict[str, Any]:
    """The bitrate of each file over the part, as a chart to draw."""
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
        return round(left + (width - left) * (second - start) / seconds, 1)

    def y(kbps: float) -> float:
        return round(height - below - (height - below - 10) * kbps / top, 1)

    values = (round(i * step, 6) for i in range(int(top / step) + 1))
    ends = ((start, "start"), (start + seconds / 2, "middle"), (start + seconds, "end"))
    lines = []
    for i, (part, steps) in enumerate(zip(parts, stretches, strict=True)):
        path = "L".join(f"{x(a)} {y(v)}L{x(b)} {y(v)}" for a, b, v in steps)
        lines.append({"name": os.path.basename(part.name), "path": path and f"M{path}",
                      "colour": _LINES[i % len(_LINES)]})  # fmt: skip
    return {
        "width": width, "height": height, "left": left, "lines": lines,
        "grid": [{"y": y(v), "text": f"{v:g}"} for v in values],
        "times": [{"x": x(t), "anchor": anchor, "text": _clock(t)} for t, anchor in ends],
    }  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:05.2f}"
