"""The page on quality and its plots, from what was measured.

The words around the figures are those of ``template.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..plots import VARIABLE, Plot, Point
from .metrics import FINE_OF_KIND, NAMES, OF_KIND

_TEMPLATE = Path(__file__).with_name("template.md")
_PLOTTED = {
    "speech": ("distillmos", "visqol", "pesq", "stoi", "dnsmos_ovrl"),
    "music": ("visqol", "mel"),
    "sound": ("visqol", "mel"),
}
_DIGITS = {"stoi": 3, "si_sdr": 1, "tonality_low": 1, "tonality_high": 1, "comb": 1}

Entry = dict[str, Any]


def page(result: dict[str, Any]) -> str:
    """``benchmarks.md``."""
    fill = {"PLOTS " + kind: _images(result, kind) for kind in _PLOTTED}
    fill |= {"TABLE " + kind: table(_of_kind(result, kind)) for kind in _PLOTTED}
    fill |= {"FILES " + kind: str(n) for kind, n in result["recordings"].items()}
    fill |= {"FINE " + kind: table(_of_kind(result, kind), FINE_OF_KIND[kind])
             for kind in ("speech", "music")}  # fmt: skip
    fill["SECONDS"] = str(result["seconds"])
    fill["VERSIONS"] = ", ".join(f"{name} {v}" for name, v in result["metrics"].items())
    fill["MODELS"] = ", ".join(
        f"{name} of vauxio {m['version']}, decoder {m['decoder']}"
        for name, m in result["models"].items()
    ) or "none"  # fmt: skip
    fill["LAGS"] = _lags([row for row in result["rows"] if is_vauxio(row)])
    skipped = [f"- {name}: {reason}" for name, reason in result["skipped"].items()]
    fill["SKIPPED"] = "\n".join(["Not measured:", "", *skipped, ""]) if skipped else ""
    parts = _TEMPLATE.read_text().split("%%")  # text, key, text, key, ..., text
    return "".join(fill[part] if i % 2 else part for i, part in enumerate(parts))


def table(entries: list[Entry], metrics: tuple[str, ...] = ()) -> str:
    """Markdown; half the width of each interval after the mean.

    Of `metrics` where they were measured; of the scores of that kind of recording if not given.
    """
    if metrics:
        entries = [e for e in entries if any(e.get(m) is not None for m in metrics)]
    if not entries:
        return "Not measured."
    metrics = metrics or OF_KIND[entries[0]["kind"]]
    head = ["codec", "setting", "kbps", "file", *(NAMES[m] for m in metrics)]
    lines = ["| " + " | ".join(head) + " |", "|---|---" + "|---:" * (len(head) - 2) + "|"]
    for entry in entries:
        cells = [entry["family"], entry["setting"], f"{entry['kbps']:.2f}"]
        cells.append(f"{entry['kbps_file']:.2f}")
        for m in metrics:
            cells.append(
                "-" if entry.get(m) is None else _with_interval(entry[m], _DIGITS.get(m, 2))
            )
        if is_vauxio(entry):
            cells = [f"**{cell}**" for cell in cells]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plots(result: dict[str, Any]) -> dict[str, Plot]:
    """By file name."""
    found = {}
    for kind, metrics in _PLOTTED.items():
        entries = _of_kind(result, kind)
        for metric in metrics:
            lines: dict[str, list[Point]] = {}
            original = None
            for entry in entries:
                if entry.get(metric) is None:
                    continue
                if entry["family"] == "original":
                    original = entry[metric][0]
                else:
                    point = Point(entry["kbps"], *entry[metric])
                    lines.setdefault(entry["family"], []).append(point)
            if lines:
                title = f"{kind.capitalize()}: {NAMES[metric]}"
                found[_file(kind, metric)] = Plot(title, lines, original)
    return found


def _images(result: dict[str, Any], kind: str) -> str:
    made = plots(result)
    return "\n".join(
        f"![{NAMES[metric]} of {kind} over the bitrate](images/{_file(kind, metric)})"
        for metric in _PLOTTED[kind]
        if _file(kind, metric) in made
    )


def _lags(rows: list[Entry]) -> str:
    none = sum(row["lag"] == 0 for row in rows)
    most = max((abs(row["lag"]) for row in rows), default=0)
    return f"0 in {none} of {len(rows)} cases, {most} samples at most"


def _file(kind: str, metric: str) -> str:
    return f"quality-{kind}-{metric}.svg".replace("_", "-")


def _of_kind(result: dict[str, Any], kind: str) -> list[Entry]:
    """Codec by codec, each from its lowest bitrate on; vauxio and the original first."""
    entries = [e for e in result["summary"] if e["kind"] == kind]

    def order(entry: Entry) -> tuple[bool, bool, str, float]:
        family = entry["family"]
        return family != "original", not is_vauxio(entry), family, entry["kbps"]

    return sorted(entries, key=order)


def is_vauxio(entry: Entry) -> bool:
    """Whether it is of vauxio, with whatever model."""
    return entry["family"].startswith("vauxio")


def is_variable(entry: Entry) -> bool:
    """Whether it is of a quality of vauxio, not of a bitrate."""
    return entry["family"].endswith(VARIABLE)


def _with_interval(value: list[float], digits: int) -> str:
    mean, low, high = value
    return f"{mean:.{digits}f} ± {(high - low) / 2:.{digits}f}"
