"""Plots over a logarithmic scale, as SVG for light and dark pages: matplotlib, and scour."""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_SIZE = 11  # of texts, in pixels
BITRATES = 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128
VERSION = 6
"""Of the drawing: a new one draws every plot again."""

_COLOURS = {  # on light and on dark paper
    "vauxio general-24k": ("#0b6bcb", "#4da3ff"),
    "vauxio hifi-48k": ("#1e3a8a", "#93c5fd"),
    "vauxio speech-24k": ("#0e7490", "#22d3ee"),
    "Opus": ("#c2410c", "#fb923c"),
    "Opus NoLACE": ("#be185d", "#f472b6"),
    "AMR-WB": ("#15803d", "#4ade80"),
    "Codec2": ("#7c3aed", "#a78bfa"),
    "MP3": ("#475569", "#94a3b8"),
    "AAC": ("#a16207", "#facc15"),
}
_OTHERS = tuple(_COLOURS[name] for name in ("vauxio general-24k", "Opus", "AMR-WB", "Codec2"))


class Point(NamedTuple):
    """A mean and its interval, at a place on the logarithmic scale."""

    x: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Plot:
    """Lines of points with their intervals.

    Attributes
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
        Texts of ticks that are not their numbers.
    from_zero : bool, optional
        Whether the other axis begins with 0.
    """

    title: str
    lines: Mapping[str, Sequence[Point]]
    original: float | None = None
    unit: str = "kbps"
    ticks: Sequence[float] = BITRATES
    labels: Mapping[float, str] | None = None
    from_zero: bool = False

    @property
    def digest(self) -> str:
        """Names what is drawn: it stands in the SVG, which matplotlib's version changes too."""
        return hashlib.sha256(f"{VERSION} {self!r}".encode()).hexdigest()[:16]

    def svg(self, dark: bool) -> str:
        """The plot on a transparent ground, narrow enough for a phone."""
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        ink, soft = ("#e2e4e9", "#8b90a0") if dark else ("#1c1d22", "#666a75")
        style = {
            "svg.fonttype": "none", "svg.hashsalt": "vauxio", "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"], "font.size": _SIZE, "axes.titlesize": _SIZE,
            "text.color": ink, "xtick.color": ink, "ytick.color": ink, "axes.labelcolor": ink,
            "axes.edgecolor": soft, "grid.color": soft, "grid.alpha": 0.3, "axes.grid": True,
            "axes.spines.top": False, "axes.spines.right": False,
            "xtick.bottom": False, "ytick.left": False,
        }  # fmt: skip
        with plt.rc_context(style):
            figure, axis = plt.subplots(figsize=(5.6, 4.9), layout="constrained")
            for i, (name, points) in enumerate(self.lines.items()):
                colours = _COLOURS.get(name, _OTHERS[i % len(_OTHERS)])
                self._line(axis, name, sorted(points), colours[dark])
            if self.original is not None:
                axis.axhline(self.original, color=ink, linestyle=":", label="original")
            self._scale(axis)
            axis.set_title(self.title, loc="left", fontweight="bold")
            figure.legend(loc="outside lower center", ncols=2, frameon=False)
            out = io.StringIO()
            figure.savefig(out, format="svg", transparent=True)
            plt.close(figure)
        return f"{_small(out.getvalue(), ink)}<!-- {self.digest} -->\n"

    @staticmethod
    def _line(axis, name: str, points: Sequence[Point], colour: str) -> None:
        gaps = [math.nan] * len(points)
        places = np.column_stack([[p.x for p in points]] * 2 + [gaps]).ravel()
        ends = np.column_stack([[p.low for p in points], [p.high for p in points], gaps]).ravel()
        axis.plot(places, ends, color=colour, linewidth=1.2)  # all intervals as one path
        axis.plot(
            [p.x for p in points], [p.mean for p in points], label=name, color=colour, marker="o",
            markersize=5, linewidth=2.6 if name.startswith("vauxio") else 1.4,
        )  # fmt: skip

    def _scale(self, axis) -> None:
        points = [p for line in self.lines.values() for p in line]
        least, most = min(p.x for p in points), max(p.x for p in points)
        ticks = [t for t in self.ticks if least / 1.35 <= t <= most * 1.35] or self.ticks[:1]
        labels = self.labels or {}
        axis.set_xscale("log")
        axis.set_xticks(ticks, [labels.get(t, f"{t:g}") for t in ticks])
        axis.minorticks_off()
        axis.set_xlabel(self.unit)
        if self.from_zero:
            axis.set_ylim(bottom=0)


def _small(svg: str, ink: str) -> str:
    """Half the size: relative paths, a tenth of a point, one style for all texts."""
    from scour import scour

    svg = re.sub(r' clip-path="[^"]+"| transform="rotate\(-0 [^"]+"', "", svg)
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(?<=\d\.\d)\d+", "", tag[0]), svg)
    svg = re.sub(r"font-(size|family): [^;]+; |; fill: \S+(?=\" x=)", "", svg)
    texts = f"text{{font-family: sans-serif; font-size: {_SIZE}px; fill: {ink}}} "
    svg = svg.replace("*{", texts + "*{", 1)
    options = scour.sanitizeOptions()
    options.digits = options.cdigits = 4
    options.enable_viewboxing = options.strip_ids = options.shorten_ids = True
    options.group_create = options.remove_descriptive_elements = options.strip_comments = True
    options.strip_xml_prolog = options.strip_xml_space_attribute = True
    options.indent_type, options.newlines = "none", False
    small: str = scour.scourString(svg, options)
    return re.sub(r"<!DOCTYPE[^>]*>\s*", "", small)
