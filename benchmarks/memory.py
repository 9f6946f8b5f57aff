"""Peak memory and time of the command line on a long file.

    python -m benchmarks.memory [--hours 3] [--stereo] [--json FILE]

A recording of the repository, repeated to the length asked for, is encoded and decoded by ``vaux``
as a user would do it, a process for each, on one core. A file of one minute is measured as well:
memory is flat if the long one takes no more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import soundfile

import vauxio

from .output import add_json_option, publish
from .paths import MUSIC, SPEECH
from .process import run


def make_recording(path: Path, source: Path, seconds: float) -> None:
    """Write `source` over and over, as 16-bit WAV."""
    data, samplerate = soundfile.read(source, dtype="int16", always_2d=True)
    left = round(seconds * samplerate)
    with soundfile.SoundFile(path, "w", samplerate, data.shape[1]) as f:
        while left > 0:
            f.write(data[:left])
            left -= len(data)


def vaux(verb: str, *files: Path) -> dict[str, float]:
    """Run a verb of ``vaux``; its time on the clock and on the CPU, and its peak memory."""
    done = run(["-m", "vauxio", verb, "-f", *files], threads=1)
    return {
        "seconds": round(done.seconds, 2),
        "cpu_seconds": round(done.cpu_seconds, 2),
        "peak_mb": round(done.peak_mb, 1),
    }


def measure(folder: Path, source: Path, seconds: float) -> dict[str, object]:
    """Encode and decode a recording of that length."""
    wav, vx, out = folder / "in.wav", folder / "in.vx", folder / "out.wav"
    make_recording(wav, source, seconds)
    result: dict[str, object] = {
        "audio_seconds": seconds,
        "encode": vaux("encode", wav, vx),
        "decode": vaux("decode", vx, out),
        "wav_bytes": wav.stat().st_size,
        "vx_bytes": vx.stat().st_size,
    }
    if soundfile.info(out).frames != soundfile.info(wav).frames:
        sys.exit("the decoded recording has another length than the original")
    return result


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--hours", type=float, default=3)
    parser.add_argument("--stereo", action="store_true", help="music, 44.1 kHz stereo")
    add_json_option(parser)
    arguments = parser.parse_args()
    source = MUSIC if arguments.stereo else SPEECH
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "recording": source.name,
            "short": measure(Path(folder), source, 60),
            "long": measure(Path(folder), source, arguments.hours * 3600),
        }
    publish(result, arguments.json, [vauxio.models()[0].name])


if __name__ == "__main__":
    main()
