"""Time and memory of reading one second near the end of a long file.

    python -m benchmarks.seek [--hours 10] [--json FILE]

A recording of the repository is encoded, and its first block repeated until the file is as long as
asked for. A process for each opens that file and one of a minute, and reads a second: the networks
are loaded by reading a second of the beginning first, which is not counted.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
import soundfile

import vauxio
from vauxio.container import Reader, Writer

from .output import add_json_option, publish
from .paths import SPEECH
from .process import processor, run

BLOCK = 10  # seconds

PROBE = """
import json, sys, time, vauxio
path, start, begin = sys.argv[1], int(sys.argv[2]), time.perf_counter()
info = vauxio.info(path)
opened = time.perf_counter() - begin
rate = info.samplerate
vauxio.read(path, frames=rate)
begin, cpu = time.perf_counter(), time.process_time()
data, _ = vauxio.read(path, start=start * rate, frames=rate)
assert len(data) == rate
times = {
    "info_seconds": opened,
    "read_seconds": time.perf_counter() - begin,
    "read_cpu_seconds": time.process_time() - cpu,
}
print(json.dumps({name: round(value, 4) for name, value in times.items()}))
"""


def make_file(path: Path, seconds: int) -> None:
    """A ``.vx`` of that length, and a little more: a block over and over, and a part of one."""
    data, samplerate = soundfile.read(SPEECH, dtype="float32")
    data = np.resize(data, round(1.3 * BLOCK * samplerate))
    reader = Reader(io.BytesIO(vauxio.compress(data, samplerate)))
    first, *rest = reader
    repeats = seconds // BLOCK
    with path.open("wb") as file:
        writer = Writer(file, reader.header)
        for _ in range(repeats):
            writer.write(first)
        for block in rest:
            writer.write(block)
        writer.close(len(data) + (repeats - 1) * BLOCK * samplerate)


def measure(path: Path, seconds: int, start: int) -> dict[str, object]:
    make_file(path, seconds)
    done = run(["-c", PROBE, path, start], threads=1)
    return {
        "audio_seconds": round(vauxio.info(path).duration, 1),
        "bytes": path.stat().st_size,
        "start_seconds": start,
        **done.result,
        "peak_mb": round(done.peak_mb, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.seek", description=__doc__)
    parser.add_argument("--hours", type=float, default=10)
    add_json_option(parser)
    arguments = parser.parse_args()
    long = round(arguments.hours * 3600)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.vx"
        result = {
            "processor": processor(),
            "model": vauxio.models()[0].name,
            "decoder": vauxio.models()[0].decoder.hash.hex(),
            "short": measure(path, 60, 54),
            "long": measure(path, long, long * 9 // 10),
        }
    publish(result, arguments.json, [vauxio.models()[0].name])


if __name__ == "__main__":
    main()
