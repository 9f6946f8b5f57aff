"""Bits where they are needed beside as many everywhere, at the same bits: all bytes of the files.

    python -m benchmarks.vbr --corpus CORPUS --json benchmarks/results/vbr.json -j 2

The first ten seconds of every recording are coded at some bitrates, which are averages, at each
whole quality, and with the same number of codes everywhere for comparison; ViSQOL and, of speech,
PESQ-WB are measured as in `benchmarks.quality`, which says what that needs. For each kind of
recording the means of a setting are set beside those of as many codes everywhere at the same mean
bits, on the straight line between the two numbers of codes around it.
"""

from __future__ import annotations

from . import one_thread  # noqa: F401

# isort: split
import argparse
import io
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import vauxio
from vauxio.archive.coding import measure_whole
from vauxio.audio import pcm
from vauxio.codec.bandwidth_extension import bands_for
from vauxio.entropy.allocation import Allocation
from vauxio.file.block_writer import TokenWriter
from vauxio.model.installed import find_model

from .output import add_json_option, publish
from .quality import corpus, metrics

Row = dict[str, Any]


def settings(model: str, qualities: list[float]) -> list[Row]:
    """What to code with: codes of every token, or arguments of `vauxio.compress`."""
    all_of_them = find_model(model).bitrates
    wanted = sorted({1, 2, 3, 4, 6, 8, 10, 12, 14, len(all_of_them)})
    return [
        *({"codes": k} for k in wanted if k <= len(all_of_them)),
        *({"bitrate": all_of_them[k - 1]} for k in (2, 3, 4, 6, 8, 12) if k < len(all_of_them)),
        *({"quality": quality} for quality in qualities),
    ]


def measure(task: tuple[str, Path, str, Row]) -> Row:
    """One recording in one way."""
    kind, path, model, setting = task
    recording = corpus.load(kind, path)
    if "codes" in setting:
        blob = with_codes(recording, model, setting["codes"])
    else:
        blob = vauxio.compress(recording.samples, recording.samplerate, model=model, **setting)
    figures = metrics.only_opinions(recording, vauxio.decompress(blob))
    kbps = len(blob) * 8 / recording.seconds / 1000
    return {"kind": kind, "file": recording.name, **setting, "kbps": kbps, **figures}


def with_codes(recording: corpus.Recording, model: str, count: int) -> bytes:
    """A file whose tokens all have so many codes."""
    codec, rate = vauxio.Codec(model), recording.samplerate
    frames = pcm.to_float(pcm.to_frames(recording.samples))
    codes = codec.encode(frames, rate, codec.model.bitrate(count)).codes
    levels, bands = None, bands_for(codec.model, rate, Allocation.constant(count))
    if bands.count:
        levels = measure_whole(frames, codec.model, rate, bands)
    file = io.BytesIO()
    writer = TokenWriter(
        file, codec.model, rate, frames.shape[1], count, {}, (), True, bands=bands,
        tokens=codes.shape[2],
    )  # fmt: skip
    writer.push(codes, levels)
    writer.finish(len(frames))
    return file.getvalue()


def compared(rows: list[Row]) -> dict[str, Row]:
    """For each kind, means by setting, and what as many codes everywhere have at the same bits."""
    found = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [row for row in rows if row["kind"] == kind]
        names = [name for name in ("visqol", "pesq") if name in of_kind[0]]
        constant = means(of_kind, "codes", names)
        average = means(of_kind, "bitrate", names)
        variable = means(of_kind, "quality", names)
        bits = [row["kbps"] for row in constant]
        for row in average + variable:
            for name in names:
                line = [other[name] for other in constant]
                inside = bits[0] <= row["kbps"] <= bits[-1]
                same = float(np.interp(row["kbps"], bits, line)) if inside else None
                row[f"{name}_constant"] = same and round(same, 4)
        found[kind] = {"constant": constant, "average": average, "variable": variable}
    return found


def means(rows: list[Row], setting: str, names: list[str]) -> list[Row]:
    """By setting, over recordings; PESQ only of those where it found speech."""
    found = []
    for value in sorted({row[setting] for row in rows if setting in row}):
        of_value = [row for row in rows if row.get(setting) == value]
        row = {setting: value, "kbps": float(np.mean([each["kbps"] for each in of_value]))}
        for name in names:
            row[name] = float(np.mean([r[name] for r in of_value if r[name] is not None]))
        found.append({key: round(number, 4) for key, number in row.items()})
    return found


def silence(model: str) -> float:
    """kbps of a minute of digital silence, all bytes counted."""
    blob = vauxio.compress(np.zeros(60 * 48000, np.int16), 48000, model=model, quality=5)
    return len(blob) * 8 / 60 / 1000


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.vbr", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="has speech, music and sound")
    parser.add_argument("--model", default="general-24k")
    parser.add_argument("--every", type=int, default=1, help="only every n-th recording of a kind")
    parser.add_argument("--qualities", type=float, nargs="+", default=list(range(11)))
    add_json_option(parser)
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()

    files = corpus.find(arguments.corpus)
    chosen = [
        file for kind in corpus.KINDS
        for file in [file for file in files if file[0] == kind][:: arguments.every]
    ]  # fmt: skip
    ways = settings(arguments.model, arguments.qualities)
    tasks = [(*file, arguments.model, way) for file in chosen for way in ways]
    rows = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(measure, tasks):
            rows.append(row)
            print(f"{len(rows)}/{len(tasks)}", json.dumps(row), file=sys.stderr)
    model = find_model(arguments.model)
    result = {
        "model": model.name,
        "decoder": model.decoder.hash.hex(),
        "seconds": corpus.SECONDS,
        "recordings": {kind: sum(k == kind for k, _ in chosen) for kind in corpus.KINDS},
        "silence_kbps": round(silence(arguments.model), 4),
        **compared(rows),
    }
    publish(result, arguments.json, [model.name])


if __name__ == "__main__":
    main()
