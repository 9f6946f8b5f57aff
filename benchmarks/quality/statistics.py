"""Rows to means, with confidence intervals by bootstrap over recordings."""

from __future__ import annotations

from typing import Any

import numpy as np

from .metrics import OF_KIND

RESAMPLES = 10_000
SEED = 0


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each setting of each codec on each kind of recording.

    ``kbps`` and the like are means; each metric is ``[mean, low, high]``, the interval of 95 %.
    Recordings for which a metric could not be told, or was not, are left out of it.
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["family"], row["setting"], row["kind"]), []).append(row)
    summary = []
    for (family, setting, kind), members in groups.items():
        entry = {"family": family, "setting": setting, "kind": kind, "files": len(members)}
        for key in ("kbps", "kbps_file", "kbps_plain"):
            values = [row[key] for row in members]
            entry[key] = None if None in values else round(float(np.mean(values)), 4)
        for key in OF_KIND[kind]:
            values = [row[key] for row in members if row.get(key) is not None]
            entry[key] = None if not values else [round(v, 5) for v in interval(values)]
        summary.append(entry)
    return summary


def difference(
    a: list[dict[str, Any]], b: list[dict[str, Any]], metric: str
) -> tuple[float, float, float] | None:
    """Of one setting less another, recording by recording: mean and interval of 95 %.

    Recordings differ far more than codecs do, and that cancels out: two means whose own intervals
    overlap can still differ beyond chance. None where no recording has both figures.
    """
    others = {row["file"]: row.get(metric) for row in b}
    values = [
        row[metric] - others[row["file"]]
        for row in a
        if row.get(metric) is not None and others.get(row["file"]) is not None
    ]
    return interval(values) if values else None


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean, and its 95 % percentile bootstrap interval (Efron, 1979).

    The seed is fixed: the same recordings are drawn for every codec.
    """
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(SEED).integers(0, len(array), (RESAMPLES, len(array)))
    low, high = np.percentile(array[drawn].mean(axis=1), [2.5, 97.5])
    return float(array.mean()), float(low), float(high)
