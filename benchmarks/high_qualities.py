"""What qualities above 10 take and give: `hifi-48k`, mono, all bytes of the files.

    python -m benchmarks.high_qualities --corpus CORPUS --every 3 --json high_qualities.json

The first ten seconds of recordings of speech and music are coded at some qualities. ViSQOL and, of
speech, PESQ-WB are measured as in `benchmarks.quality`. The result has means, and the fewest and
the most bits that a recording takes.
"""

from __future__ import annotations

from . import one_thread  # noqa: F401

# isort: split
import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import vauxio
from vauxio.model.installed import HIFI

from .output import add_json_option, publish
from .quality import corpus, metrics

KINDS = "speech", "music"
QUALITIES = 11, 12, 14, 16, 18, 20
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.high_qualities", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="has speech and music")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth recording")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    add_json_option(parser)
    arguments = parser.parse_args()
    files = corpus.find(arguments.corpus)
    chosen = {
        kind: [f for f in files if f[0] == kind][:: arguments.every] for kind in KINDS
    }  # fmt: skip
    result: Row = {
        "seconds": corpus.SECONDS,
        "recordings": {kind: len(found) for kind, found in chosen.items()},
    }
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for kind, found in chosen.items():
            rows = []
            for file, more in zip(found, pool.map(_rows, found), strict=True):
                print(file[1].name, file=sys.stderr)
                rows += more
            result[kind] = [_mean(rows, quality) for quality in QUALITIES]
    publish(result, arguments.json, [HIFI])


def _rows(file: tuple[str, Path]) -> list[Row]:
    recording = corpus.load(*file)
    rows = []
    for quality in QUALITIES:
        blob = vauxio.compress(recording.samples, recording.samplerate, quality=quality)
        kbps = len(blob) * 8 / recording.seconds / 1000
        figures = metrics.only_opinions(recording, vauxio.decompress(blob))
        rows.append({"quality": quality, "kbps": kbps, **figures})
    return rows


def _mean(rows: list[Row], quality: int) -> Row:
    those = [row for row in rows if row["quality"] == quality]
    bits = [row["kbps"] for row in those]
    mean: Row = {"quality": quality, "least": min(bits), "most": max(bits)}
    for key in ("kbps", "visqol", "pesq"):
        values = [row[key] for row in those if row.get(key) is not None]
        if values:
            mean[key] = float(np.mean(values))
    return {key: round(value, 3) for key, value in mean.items()}


if __name__ == "__main__":
    main()
