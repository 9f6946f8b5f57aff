"""Peak memory and time of the command line on a long file.

    python benchmarks/memory.py [--hours 3] [--stereo] [--json FILE]

A recording of the repository, repeated to the length asked for, is encoded and decoded by ``vaux``
as a user would do it, a process for each. Peak memory is what the system counted for that process:
``ru_maxrss`` of ``wait4``. A file of one minute is measured as well: memory is flat if the long
one takes no more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

DATA = Path(__file__).parents[1] / "tests" / "data"


def make_recording(path: Path, source: Path, seconds: float) -> None:
    """Write `source` over and over, as 16-bit WAV."""
    data, samplerate = soundfile.read(source, dtype="int16", always_2d=True)
    left = round(seconds * samplerate)
    with soundfile.SoundFile(path, "w", samplerate, data.shape[1]) as f:
        while left > 0:
            f.write(data[:left])
            left -= len(data)


def run(*arguments: object) -> dict[str, float]:
    """Run ``vaux``; its time on the clock and on the CPU, and its peak memory."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "vauxio", *map(str, arguments)])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        sys.exit(f"vaux {arguments[0]} failed")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }


def measure(folder: Path, source: Path, seconds: float) -> dict[str, object]:
    """Encode and decode a recording of that length."""
    wav, vx, out = folder / "in.wav", folder / "in.vx", folder / "out.wav"
    make_recording(wav, source, seconds)
    result: dict[str, object] = {
        "audio_seconds": seconds,
        "encode": run("encode", "-f", wav, vx),
        "decode": run("decode", "-f", vx, out),
        "wav_bytes": wav.stat().st_size,
        "vx_bytes": vx.stat().st_size,
    }
    if soundfile.info(out).frames != soundfile.info(wav).frames:
        sys.exit("the decoded recording has another length than the original")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of vaux on a long file.")
    parser.add_argument("--hours", type=float, default=3)
    parser.add_argument("--stereo", action="store_true", help="music, 44.1 kHz stereo")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    source = DATA / ("music-44k-stereo.flac" if arguments.stereo else "speech-48k.flac")
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "recording": source.name,
            "short": measure(Path(folder), source, 60),
            "long": measure(Path(folder), source, arguments.hours * 3600),
        }
    report = json.dumps(result, indent=2)
    print(report)
    if arguments.json:
        arguments.json.write_text(report + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
