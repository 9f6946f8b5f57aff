"""How good it sounds, beside other codecs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vauxio.model.installed import DEFAULT, HIFI, SPEECH

from ..quality import report
from ..quality.codecs import family
from ..quality.corpus import KINDS, STEREO
from ..quality.equal import bits_for_equal
from ..quality.metrics import LEADING, LESS_IS_BETTER, NAMES
from ..quality.statistics import difference
from ..tables import table
from .results import results

Entry = dict[str, Any]

_COMPARED = {
    "speech": ("distillmos", "pesq", "visqol", "pulses_low"),
    "music": ("tonality_low", "shape", "visqol"),
    STEREO: ("visqol_mid", "coherence 2-6", "level 0.2-2", "level 6-12"),
}
"""Which figures are shown, the one that says most about the sound first."""
_SOME = {
    DEFAULT: ("1.5 kbps", "3 kbps", "6 kbps", "12 kbps", "24 kbps"),
    SPEECH: ("3 kbps", "6 kbps"),
    HIFI: ("12 kbps", "16 kbps", "24 kbps", "48 kbps", "96 kbps"),
}
"""Settings that short tables have."""
_EQUAL = (
    ("speech", "distillmos"),
    ("speech", "pesq"),
    ("speech", "visqol"),
    ("music", "visqol"),
    ("music", "mel"),
    ("music", "tonality_low"),
)
"""By what `equal` compares."""
_NEAR = 0.25
"""Codecs are compared where their bits differ by no more than this share."""


def quality(kind: str, model: str = DEFAULT) -> str:
    """A model beside its peers at its bitrates."""
    entries = report.of_kind(results("quality"), kind)
    own = [e for e in entries if e["family"] == family(model)]
    if not own:
        return "Not measured."
    least, most = own[0]["kbps"] * (1 - _NEAR), own[-1]["kbps"] * (1 + _NEAR)
    metrics = [m for m in LEADING[kind] if any(e.get(m) for e in entries)]
    rows = []
    for entry in entries:
        peer = not report.is_vauxio(entry) and least <= entry["kbps"] <= most
        if entry["family"] in (family(model), "original") or peer:
            cells = [entry["family"], f"{entry['kbps']:.1f}", *(_mean(entry, m) for m in metrics)]
            rows.append([f"**{cell}**" for cell in cells] if entry in own else cells)
    return table([kind, "kbps", *(NAMES[m] for m in metrics)], rows)


def beside(kind: str, settings: str = "some") -> str:
    """Each model beside the best codec at about the same bits: ours, theirs, the better one bold.

    Nothing is bold where the difference may be chance. Where no codec was measured near, there is
    no row. `settings` is ``"all"`` or ``"some"``.
    """
    result = results("quality")
    entries = sorted(report.of_kind(result, kind), key=lambda e: e["kbps"])
    peers = [e for e in entries if not report.is_vauxio(e) and e["family"] != "original"]
    metrics = _COMPARED[kind]
    if not peers or not any(map(report.is_vauxio, entries)):
        return "Not measured."
    rows = []
    for own in filter(report.is_vauxio, entries):
        model = own["family"].removeprefix("vauxio ")
        if settings == "some" and own["setting"] not in _SOME[model]:
            continue
        near = _near(own["kbps"], peers)
        if not near:
            continue
        peer = max(near, key=lambda e: _rank(e, metrics))
        rows.append([
            f"{model}, {own['kbps']:.1f} kbps",
            f"{peer['family']}, {peer['kbps']:.1f} kbps",
            *(_pair(result, own, peer, metric) for metric in metrics),
        ])  # fmt: skip
    names = [NAMES[m] + " (less is better)" * (m in LESS_IS_BETTER) for m in metrics]
    return table([kind, "beside", *names], rows)


def _near(kbps: float, peers: Sequence[Entry]) -> list[Entry]:
    """Each codec at its setting next to a bitrate; the one with fewest bits, if none has so few."""
    if kbps < peers[0]["kbps"]:
        return [peers[0]]
    nearest: dict[str, Entry] = {}
    for entry in sorted(peers, key=lambda e: abs(math.log(e["kbps"] / kbps))):
        if abs(entry["kbps"] / kbps - 1) <= _NEAR:
            nearest.setdefault(entry["family"], entry)
    return list(nearest.values())


def headline() -> str:
    """Sound beside a peer at about the same bits, speed, memory: all that a reader decides by."""
    coding, memory = results("speed")["coding"], results("memory")["long"]
    speeds = " / ".join(
        f"{coding[f'{verb} 6 kbps lm']['x_real_time']:.0f} ×" for verb in ("encode", "decode")
    )
    peaks = " / ".join(f"{memory[verb]['peak_mb']:.0f} MB" for verb in ("encode", "decode"))
    hours = memory["audio_seconds"] / 3600
    return table(
        ["general-24k", "encode / decode"],
        [
            ["speed on one core, times real time", speeds],
            [f"peak memory, {hours:g} hours of audio", peaks],
        ],
    )


def recordings() -> str:
    """What was measured, in words."""
    n = results("quality")["recordings"]
    return f"{n['speech']} recordings of speech and {n['music']} of music"


def intelligibility(setting: str) -> str:
    """STOI of speech at so many nominal kbps."""
    return f"{_own('speech', setting + ' kbps')['stoi'][0]:.2f}"


def savings() -> str:
    """What entropy coding makes of the nominal bits; all bytes of files of ten seconds counted."""
    columns = {kind: (family(DEFAULT), kind) for kind in KINDS}
    columns[f"speech, {SPEECH}"] = family(SPEECH), "speech"
    cells = {
        (e["family"], kind, e["setting"]): f"{e['kbps']:.2f} ({e['kbps_plain']:.2f})"
        for kind in KINDS
        for e in report.of_kind(results("quality"), kind)
        if e["kbps_plain"] is not None
    }
    settings = sorted({setting for *_, setting in cells}, key=_nominal)
    rows = [[s, *(cells.get((*column, s), "") for column in columns.values())] for s in settings]
    return table(["nominal", *columns], rows)


def equal() -> str:
    """Bits of `hifi-48k` for the figures of Opus, over those of Opus: all bytes of the files."""
    columns = {}
    for kind, metric in _EQUAL:
        entries = report.of_kind(results("quality"), kind)
        own = [e for e in entries if e["family"] == family(HIFI)]
        least = min((e["kbps"] for e in own), default=math.inf)
        theirs = [e for e in entries if e["family"] == "Opus" and e["kbps"] > least]
        columns[f"{kind}, {NAMES[metric]}"] = bits_for_equal(own, theirs, metric)
    settings = {s for column in columns.values() for s, share in column.items() if share}
    rows = [
        [s, *(f"{c[s]:.2f}" if c.get(s) is not None else "-" for c in columns.values())]
        for s in sorted(settings, key=_nominal)
    ]
    return table(["Opus at", *columns], rows) if rows else "Not measured."


def _nominal(setting: str) -> float:
    return float(setting.removesuffix(" kbps"))


def _own(kind: str, setting: str) -> Entry:
    """The means of vauxio with its default model."""
    entries = report.of_kind(results("quality"), kind)
    return next(e for e in entries if (e["family"], e["setting"]) == (family(DEFAULT), setting))


def _rank(entry: Entry, metrics: Sequence[str]) -> tuple[float, ...]:
    """Larger if better, by the first figure; what has none comes last."""
    means = [entry[m][0] * (-1 if m in LESS_IS_BETTER else 1) if entry.get(m) else -1e9
             for m in metrics]  # fmt: skip
    return tuple(means)


def _pair(result: Entry, own: Entry, peer: Entry, metric: str) -> str:
    """Both means, the better one bold if the difference is more than chance."""
    cells = [_mean(own, metric), _mean(peer, metric)]
    found = difference(_rows(result, own), _rows(result, peer), metric)
    if found and (found[1] > 0 or found[2] < 0):
        better = int((found[0] < 0) != (metric in LESS_IS_BETTER))
        cells[better] = f"**{cells[better]}**"
    return " : ".join(cells)


def _rows(result: Entry, entry: Entry) -> list[Entry]:
    place = ("family", "setting", "kind")
    return [row for row in result["rows"] if all(row[key] == entry[key] for key in place)]


def _mean(entry: Entry, metric: str) -> str:
    value = entry.get(metric)
    if value is None:
        return "-"
    return f"{value[0]:.{1 if metric.startswith(('tonality', 'comb', 'level')) else 2}f}"
