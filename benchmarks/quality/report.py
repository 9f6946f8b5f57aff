"""The page on quality and its plots, from what was measured.

The words around the figures are those of ``template.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..plots import Plot, Point
from ..tables import listed, table
from .codecs import CODECS
from .corpus import STEREO
from .metrics import IMAGE, LEADING, LESS_IS_BETTER, NAMES, OF_KIND, RANGES

_TEMPLATE = Path(__file__).with_name("template.md")
_PLOTTED = {
    "speech": ("distillmos", "pesq", "visqol", "pulses_low"),
    "music": ("tonality_low", "visqol", "mel"),
    "sound": ("visqol", "mel"),
    STEREO: ("visqol_mid", "coherence 2-6"),
}
_DIGITS = {"stoi": 3, "si_sdr": 1, "tonality_low": 1, "tonality_high": 1, "comb": 1}

Entry = dict[str, Any]


def page(result: Entry) -> str:
    """``benchmarks.md``."""
    fill = {}
    for kind in _PLOTTED:
        entries = of_kind(result, kind)
        fill |= {
            f"PLOTS {kind}": _images(result, kind),
            f"TABLE {kind}": figures(entries, LEADING[kind]),
            f"FILES {kind}": str(result["recordings"].get(kind, 0)),
        }
    speech = of_kind(result, "speech")
    fill["REST speech"] = figures(speech, OF_KIND["speech"][len(LEADING["speech"]) :])
    fill["IMAGE"] = _image(of_kind(result, STEREO))
    fill["RANGES"] = ", ".join(RANGES)
    fill["SECONDS"] = str(result["seconds"])
    fill["VERSIONS"] = ", ".join(f"{name} {v}" for name, v in result["metrics"].items())
    fill["MODELS"] = ", ".join(
        f"{name} on {about['date']} at commit `{about['commit']}`"
        for name, about in result["measured"]["models"].items()
    ) or "none"  # fmt: skip
    fill["LAGS"] = _lags([row for row in result["rows"] if is_vauxio(row)])
    fill["MISSING"] = _missing(result)
    parts = _TEMPLATE.read_text().split("%%")  # text, key, text, key, ..., text
    return "".join(fill[part] if i % 2 else part for i, part in enumerate(parts))


def figures(entries: list[Entry], metrics: tuple[str, ...]) -> str:
    """Markdown; half the width of each interval after the mean."""
    entries = [e for e in entries if any(e.get(m) is not None for m in metrics)]
    if not entries:
        return "Not measured."
    rows = []
    for entry in entries:
        cells = [_with_interval(entry.get(m), _DIGITS.get(m, 2)) for m in metrics]
        rows.append(_row(entry, cells))
    return table(["codec", "setting", "kbps", "file", *(NAMES[m] for m in metrics)], rows, 2)


def _image(entries: list[Entry]) -> str:
    """The stereo image, its ranges side by side in a cell."""
    rows = []
    for entry in entries:
        if entry.get(f"level {RANGES[0]}") is None:
            continue
        cells = []
        for key in IMAGE:
            means = [entry.get(f"{key} {name}") for name in RANGES]
            digits = 1 if key == "level" else 2
            cells.append(" / ".join("-" if m is None else f"{m[0]:.{digits}f}" for m in means))
        rows.append(_row(entry, cells))
    if not rows:
        return "Not measured."
    return table(["codec", "setting", "kbps", "file", *IMAGE.values()], rows, 2)


def _row(entry: Entry, cells: list[str]) -> list[str]:
    """What a setting is, and its cells; ours are bold."""
    head = [entry["family"], entry["setting"], f"{entry['kbps']:.2f}", f"{entry['kbps_file']:.2f}"]
    return [f"**{cell}**" if is_vauxio(entry) else cell for cell in head + cells]


def plots(result: Entry) -> dict[str, Plot]:
    """By file name."""
    found = {}
    for kind, metrics in _PLOTTED.items():
        entries = of_kind(result, kind)
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
                better = " (less is better)" if metric in LESS_IS_BETTER else ""
                title = f"{kind.capitalize()}: {NAMES[metric]}{better}"
                found[_file(kind, metric)] = Plot(title, lines, original)
    return found


def _images(result: Entry, kind: str) -> str:
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


def _missing(result: Entry) -> str:
    """What is in the plan, but not among the results."""
    there = {(e["family"], e["setting"], e["kind"]) for e in result["summary"]}
    missing: dict[tuple[str, str], list[str]] = {}
    for codec in CODECS:
        kinds = [k for k in codec.kinds if (codec.family, codec.setting, k) not in there]
        reason = result["skipped"].get(codec.name)
        if kinds:
            of = listed(kinds) + (f" ({reason})" if reason else "")
            setting = codec.setting.removesuffix(" kbps")
            missing.setdefault((codec.family, of), []).append(setting)
    said = [f"{name} {listed(settings)} kbps of {of}" for (name, of), settings in missing.items()]
    return f"Not measured: {'; '.join(said)}.\n" if said else ""


def _file(kind: str, metric: str) -> str:
    name = metric.replace("_", "-").replace(" ", "-").replace(".", "")
    return f"quality-{kind}-{name}.svg"


def of_kind(result: Entry, kind: str) -> list[Entry]:
    """Codec by codec, each from its lowest bitrate on; the original and vauxio first."""
    entries = [e for e in result["summary"] if e["kind"] == kind]

    def order(entry: Entry) -> tuple[bool, bool, str, float]:
        family = entry["family"]
        return family != "original", not is_vauxio(entry), family, entry["kbps"]

    return sorted(entries, key=order)


def is_vauxio(entry: Entry) -> bool:
    """Whether it is of vauxio, with whatever model."""
    return entry["family"].startswith("vauxio")


def _with_interval(value: list[float] | None, digits: int) -> str:
    if value is None:
        return "-"
    mean, low, high = value
    return f"{mean:.{digits}f} ± {(high - low) / 2:.{digits}f}"
