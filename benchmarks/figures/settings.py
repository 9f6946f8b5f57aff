"""What variable bitrate, denoising and concealment do."""

from __future__ import annotations

from statistics import mean

from ..quality import report
from ..tables import table
from .results import results


def variable_recordings() -> str:
    """What variable bitrate was measured on, in words."""
    n = results("vbr")["recordings"]
    return f"{n['speech']} recordings of speech, {n['music']} of music and {n['sound']} of sounds"


def qualities(kind: str) -> str:
    """Qualities of one kind of recording, beside as many codes everywhere at the same bits."""
    return _beside_constant(kind, "variable", "quality")


def averages(kind: str) -> str:
    """The same of bitrates."""
    return _beside_constant(kind, "average", "bitrate")


def _beside_constant(kind: str, what: str, setting: str) -> str:
    found = results("vbr")[kind][what]
    metrics = [name for name in ("visqol", "pesq") if name in found[0]]
    rows = []
    for row in found:
        cells = [f"{row[setting]:g}", f"{row['kbps']:.2f}"]
        for name in metrics:
            same = row[f"{name}_constant"]
            cells.append(f"{row[name]:.2f}" + (f" ({same:.2f})" if same is not None else ""))
        rows.append(cells)
    return table([f"{setting}, {kind}", "kbps", *(report.NAMES[name] for name in metrics)], rows)


def high_qualities(kind: str) -> str:
    """Qualities of the transform codec: bits, from the fewest to the most, and scores."""
    found = results("high_qualities")[kind]
    metrics = [name for name in ("visqol", "pesq") if name in found[0]]
    rows = [
        [f"{row['quality']:g}", f"{row['kbps']:.0f} ({row['least']:.0f} to {row['most']:.0f})",
         *(f"{row[name]:.2f}" for name in metrics)]
        for row in found
    ]  # fmt: skip
    return table([f"quality, {kind}", "kbps", *(report.NAMES[name] for name in metrics)], rows)


def high_recordings() -> str:
    """What these were measured on, in words."""
    n = results("high_qualities")["recordings"]
    return f"{n['speech']} recordings of speech and {n['music']} of music"


def silent() -> str:
    """kbps of digital silence at variable bitrate."""
    return f"{results('vbr')['silence_kbps']:.3f}"


def denoised() -> str:
    """What was denoised, in words."""
    return f"{results('denoise')['recordings']} recordings of speech"


def denoising(score: str) -> str:
    """DNSMOS of noisy speech in every way: ``ovrl`` or ``sig``."""
    by_condition = results("denoise")["dnsmos"]
    noisy = [c for c in by_condition if c != "clean"]
    rows = []
    for way in by_condition[noisy[0]]:
        kbps = mean(by_condition[c][way]["kbps"] for c in noisy)
        cells = [way, f"{kbps:.1f}" if kbps else "", *(
            f"{by_condition[c][way][score]:.2f}" if way in by_condition[c] else ""
            for c in (*noisy, "clean")
        )]  # fmt: skip
        rows.append(cells)
    return table([f"DNSMOS {score.upper()}", "kbps", *noisy, "clean"], rows)


def loss() -> str:
    """PESQ of speech of which packets are lost."""
    r = results("loss")
    rows = [[name, f"{value:.2f}"] for name, value in r["pesq_wb"].items()]
    return table([f"{r['loss_percent']:g} % of the packets lost", "PESQ-WB"], rows)
