"""`hifi-48k` beside Opus, MP3 and AAC from 12 to 128 kbps, mono, all bytes of the files.

    python -m benchmarks.high_rates --corpus CORPUS --every 3 --json high_rates.json

The first ten seconds of recordings of speech and music are coded by each codec at each bitrate; the
mel distance and, of speech, PESQ-WB are measured as in `benchmarks.quality`. For each setting of
Opus the result has the bits that `hifi-48k` takes for the same mean, as a share of Opus's: on the
straight line between its settings, over the logarithm of the bitrate.
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
from .quality.codec import Signal
from .quality.peers import aac, mp3, opus

KINDS = "speech", "music"
OURS = 12, 16, 20, 24, 32, 48, 64, 96, 128
PEERS = [
    *map(opus, (16, 24, 32, 48, 64, 96, 128)),
    *map(mp3, (32, 64, 128)),
    *map(aac, (32, 64, 128)),
]
OPUS = "Opus"
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.high_rates", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True,
                        help="folder with the folders speech and music")  # fmt: skip
    parser.add_argument("--every", type=int, default=1, help="take every so manieth recording")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    add_json_option(parser)
    arguments = parser.parse_args()
    found = corpus.find(arguments.corpus)
    files = [
        file for kind in KINDS for file in [f for f in found if f[0] == kind][:: arguments.every]
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = []
        for number, more in enumerate(pool.map(_rows, files), 1):
            print(f"{number}/{len(files)} {more[0]['file']}", file=sys.stderr)
            rows += more
    means = [mean for kind in KINDS for mean in _means([r for r in rows if r["kind"] == kind])]
    result = {
        "seconds": corpus.SECONDS,
        "recordings": {kind: sum(k == kind for k, _ in files) for kind in KINDS},
        "means": means,
        "bits_for_equal": _equal(means),
    }
    publish(result, arguments.json, [HIFI])


def _rows(file: tuple[str, Path]) -> list[Row]:
    recording = corpus.load(*file)
    rows = []
    for kbps in OURS:
        blob = vauxio.compress(recording.samples, recording.samplerate, model=HIFI, bitrate=kbps)
        rows.append(_row(recording, HIFI, f"{kbps} kbps", len(blob), vauxio.decompress(blob)))
    for peer in PEERS:
        if peer.missing is None:
            coded = peer.run(recording)
            rows.append(_row(recording, peer.family, peer.setting, coded.bytes, coded.decoded))
    return rows


def _row(recording: corpus.Recording, family: str, setting: str, size: int, decoded: Signal) -> Row:
    return {
        "family": family,
        "setting": setting,
        "kind": recording.kind,
        "file": recording.name,
        "kbps": 8 * size / recording.seconds / 1000,
        **metrics.distances(recording, decoded),
    }


def _means(rows: list[Row]) -> list[Row]:
    found = []
    for family, setting in dict.fromkeys((row["family"], row["setting"]) for row in rows):
        those = [r for r in rows if (r["family"], r["setting"]) == (family, setting)]
        mean = {"family": family, "setting": setting, "kind": those[0]["kind"]}
        for key in ("kbps", "mel", "pesq"):
            values = [row[key] for row in those if row.get(key) is not None]
            if values:
                mean[key] = round(float(np.mean(values)), 3)
        found.append(mean)
    return found


def _equal(means: list[Row]) -> list[Row]:
    """Bits of ours for the mean that Opus has, over Opus's; None where ours has no such mean."""
    found = []
    for theirs in means:
        if theirs["family"] != OPUS:
            continue
        row = {"kind": theirs["kind"], "setting": theirs["setting"]}
        ours = [m for m in means if m["family"] == HIFI and m["kind"] == theirs["kind"]]
        for key, sign in (("mel", -1), ("pesq", 1)):
            if key in theirs:
                scores = [sign * m[key] for m in ours]
                score, bits = sign * theirs[key], np.log([m["kbps"] for m in ours])
                within = scores[0] <= score <= scores[-1]
                needed = float(np.exp(np.interp(score, scores, bits)))
                row[key] = round(needed / theirs["kbps"], 2) if within else None
        found.append(row)
    return found


if __name__ == "__main__":
    main()
