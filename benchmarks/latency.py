"""Latency as users meet it: short recordings to bytes and back, warm and cold, and Opus beside.

    python -m benchmarks.latency [--quick] [--json FILE]

Warm: ``vauxio.compress`` and ``vauxio.decompress`` in a process that has done so before. Cold:
``vaux encode`` and ``vaux decode``, whole processes. Opus is libopus as PyAV has it, and
``opusenc`` and ``opusdec`` where they are installed. On one core, in seconds of the processor. All
codecs take turns, so that what else goes on meets all of them. It takes four minutes, and with
``--quick``, which codes a fifth as often, one.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

import vauxio

from .output import add_json_option, publish
from .paths import SPEECH
from .process import processor, run

MODELS, OPUS, BITRATE = ("general-24k", "speech-24k"), "Opus", 6
WARM = {1: 40, 3: 30, 10: 15, 30: 5, 60: 2}  # seconds, and how often they are coded in a round
COLD = {1: 3, 5: 3, 10: 2, 30: 1}
ROUNDS = 2


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--warm", choices=(*MODELS, OPUS), help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="fewer times")
    add_json_option(parser)
    arguments = parser.parse_args()
    less = 5 if arguments.quick else 1
    if arguments.warm:
        print(json.dumps(warm(arguments.warm, less)))
        return
    times: dict[str, dict[str, list[float]]] = {name: {} for name in (*MODELS, OPUS)}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in COLD:
            soundfile.write(Path(folder) / f"{seconds}.wav", *recording(seconds))
        for _ in range(1 if arguments.quick else ROUNDS):
            for name, found in times.items():
                command = ["-m", "benchmarks.latency", "--warm", name]
                command += ["--quick"] if arguments.quick else []
                taken = run(command, 1).result | cold(name, Path(folder), less)
                for what, seconds in taken.items():
                    found.setdefault(what, []).extend(seconds)
    codecs = {
        name: {what: summary(what, taken) for what, taken in found.items()}
        for name, found in times.items()
    }
    result = {"quick": arguments.quick, "processor": processor(), "bitrate": BITRATE}
    publish(result | {"codecs": codecs}, arguments.json, MODELS)


def recording(seconds: float) -> tuple[np.ndarray, int]:
    """So many seconds of speech, and their sample rate."""
    audio, samplerate = soundfile.read(SPEECH, dtype="float32")
    return np.resize(audio, round(seconds * samplerate)), samplerate


def warm(name: str, less: int) -> dict[str, list[float]]:
    """In this process, `less` times less often; ``"decompress 10 s, warm"``: seconds, each time."""
    found: dict[str, list[float]] = {}
    for seconds, times in WARM.items():
        data, samplerate = recording(seconds)
        compress: Callable[[], bytes] = partial(to_opus, data, samplerate)
        decompress: Callable[[bytes], Any] = from_opus
        if name != OPUS:
            compress = partial(vauxio.compress, data, samplerate, model=name, bitrate=BITRATE)
            decompress = vauxio.decompress
        for i in range(-(-times // less) + 1):
            begin = time.process_time()
            content = compress()
            between = time.process_time()
            decompress(content)
            end = time.process_time()
            if i:  # the first is to warm up
                found.setdefault(f"compress {seconds} s, warm", []).append(between - begin)
                found.setdefault(f"decompress {seconds} s, warm", []).append(end - between)
    return found


def cold(name: str, folder: Path, less: int) -> dict[str, list[float]]:
    """Whole processes."""
    found: dict[str, list[float]] = {}
    for seconds, times in COLD.items():
        source, back = folder / f"{seconds}.wav", folder / f"{seconds}.out.wav"
        packed = folder / f"{seconds}.{name}"
        if name == OPUS:
            options = {"encode": ["opusenc", "--quiet", "--bitrate", BITRATE],
                       "decode": ["opusdec", "--quiet"]}  # fmt: skip
        else:
            packed = packed.with_suffix(".vx")
            vaux = [sys.executable, "-m", "vauxio"]
            options = {"encode": [*vaux, "encode", "-f", "--model", name, "-b", BITRATE],
                       "decode": [*vaux, "decode", "-f"]}  # fmt: skip
        for verb, files in (("encode", (source, packed)), ("decode", (packed, back))):
            program, *rest = options[verb]
            if shutil.which(str(program)):
                taken = [run([*rest, *files], 1, str(program)).cpu_seconds
                         for _ in range(-(-times // less))]  # fmt: skip
                found[f"{verb} {seconds} s, cold"] = taken
    return found


def to_opus(data: np.ndarray, samplerate: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=samplerate, layout="mono")
        stream.bit_rate = 1000 * BITRATE
        frame = av.AudioFrame.from_ndarray(data[None], "flt", "mono")
        frame.sample_rate = samplerate
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


def from_opus(content: bytes) -> np.ndarray:
    with av.open(io.BytesIO(content)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def summary(what: str, values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    seconds = float(what.split()[1])
    return {
        "p50": round(p50, 4),
        "p99": round(p99, 4),
        "x_real_time": round(seconds / p50, 1),
        "runs": len(values),
    }


if __name__ == "__main__":
    sys.exit(main())
