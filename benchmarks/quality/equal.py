"""Bits for equal figures: how many one codec takes for the means that another has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from .metrics import LESS_IS_BETTER

Entry = dict[str, Any]


def bits_for_equal(
    own: Sequence[Entry], theirs: Sequence[Entry], metric: str
) -> dict[str, float | None]:
    """For each setting of theirs, our bits for the same mean, over its bits; of whole files.

    Ours are on straight lines between neighbouring settings, over the logarithm of the bitrate; of
    several places that have the mean, the one with the fewest bits counts. None where ours has no
    such mean, or theirs was not measured.
    """
    sign = -1 if metric in LESS_IS_BETTER else 1
    points = sorted(
        (math.log(e["kbps_file"]), sign * e[metric][0]) for e in own if e.get(metric) is not None
    )
    shares: dict[str, float | None] = {}
    for entry in theirs:
        shares[entry["setting"]] = None
        if entry.get(metric) is None:
            continue
        score = sign * entry[metric][0]
        for (bits, a), (more, b) in pairwise(points):
            if a <= score <= b:
                needed = bits + (more - bits) * (score - a) / (b - a) if b > a else bits
                shares[entry["setting"]] = math.exp(needed) / entry["kbps_file"]
                break
    return shares
