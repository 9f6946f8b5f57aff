"""`auto` beside AMR-WB from 8.85 to 23.85 kbps, on speech, all bytes of the files.

    python -m benchmarks.amr_wb --corpus CORPUS --every 3 --json amr_wb.json

The first ten seconds of recordings are coded by both at each of AMR-WB's bitrates; PESQ-WB and
DistillMOS are measured as in `benchmarks.quality`. AMR-WB is encoded by libvo-amrwbenc (in Debian
and Ubuntu the package ``libvo-amrwbenc0``) and decoded by ``ffmpeg``.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soxr

import vauxio
from vauxio.model.installed import DEFAULT, HIFI

from .output import add_json_option, publish
from .quality import corpus, metrics, opinions
from .quality.codec import Signal

LIBRARY = "libvo-amrwbenc.so.0"
MODES = {1: 8.85, 2: 12.65, 3: 14.25, 4: 15.85, 5: 18.25, 6: 19.85, 7: 23.05, 8: 23.85}
"""Number of each mode, and its kbps (3GPP TS 26.190)."""

RATE, FRAME = 16000, 320
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.amr_wb", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with the folder speech")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth recording")
    add_json_option(parser)
    arguments = parser.parse_args()
    files = [file for file in corpus.find(arguments.corpus) if file[0] == "speech"]
    rows: list[Row] = []
    for file in files[:: arguments.every]:
        print(file[1].name, file=sys.stderr)
        rows += _rows(corpus.load(*file))
    result = {
        "seconds": corpus.SECONDS,
        "recordings": len(files[:: arguments.every]),
        "means": [
            _mean(rows, codec, kbps) for kbps in MODES.values() for codec in ("AMR-WB", "auto")
        ],
    }
    publish(result, arguments.json, [DEFAULT, HIFI])


def amr_wb(samples: np.ndarray, mode: int) -> bytes:
    """An AMR-WB file (RFC 4867, section 5) of ``int16[samples]`` at 16 kHz."""
    library = ctypes.CDLL(LIBRARY)
    library.E_IF_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.E_IF_init())
    coded = ctypes.create_string_buffer(64)
    parts = [b"#!AMR-WB\n"]
    try:
        for frame in _frames(samples):
            address = frame.ctypes.data_as(ctypes.c_void_p)
            parts.append(coded.raw[: library.E_IF_encode(state, mode, address, coded, 0)])
    finally:
        library.E_IF_exit(state)
    return b"".join(parts)


def _frames(samples: np.ndarray) -> Iterator[np.ndarray]:
    whole = np.pad(samples, (0, -len(samples) % FRAME + FRAME))  # the last has what is delayed
    for begin in range(0, len(whole), FRAME):
        yield np.ascontiguousarray(whole[begin : begin + FRAME])


def _decoded(file: bytes) -> Signal:
    command = ["ffmpeg", "-v", "error", "-f", "amr", "-i", "-", "-f", "s16le", "-"]
    raw = subprocess.run(command, input=file, capture_output=True, check=True).stdout
    return np.frombuffer(raw, "<i2").astype(np.float32) / 2**15, RATE


def _rows(recording: corpus.Recording) -> Iterator[Row]:
    floats = recording.samples.astype(np.float32) / 2**15
    low = soxr.resample(floats, recording.samplerate, RATE, quality="VHQ")
    narrow = np.clip(np.rint(low * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    for mode, kbps in MODES.items():
        theirs = amr_wb(narrow, mode)
        yield _row(recording, "AMR-WB", kbps, len(theirs), _decoded(theirs))
        ours = vauxio.compress(recording.samples, recording.samplerate, bitrate=kbps)
        yield _row(recording, "auto", kbps, len(ours), vauxio.decompress(ours))


def _row(
    recording: corpus.Recording, codec: str, setting: float, size: int, decoded: Signal
) -> Row:
    samples, rate = decoded
    found = metrics.distances(recording, decoded)
    wide = soxr.resample(samples, rate, RATE, quality="VHQ").astype(np.float32)
    return {
        "codec": codec,
        "setting": setting,
        "kbps": 8 * size / recording.seconds / 1000,
        "pesq": found["pesq"],
        "distillmos": opinions.distillmos(wide),
    }


def _mean(rows: list[Row], codec: str, setting: float) -> Row:
    those = [row for row in rows if (row["codec"], row["setting"]) == (codec, setting)]
    mean: Row = {"codec": codec, "setting": setting}
    for key in ("kbps", "pesq", "distillmos"):
        mean[key] = round(float(np.mean([r[key] for r in those if r[key] is not None])), 3)
    return mean


if __name__ == "__main__":
    main()
