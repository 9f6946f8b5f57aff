"""Latency as users meet it: compress and decompress of short recordings, warm and cold.

    python -m benchmarks.latency [--beside CHECKOUT] [--json FILE]

For each length: ``vauxio.compress`` and ``vauxio.decompress`` in a process that has done so before
(warm), and ``vaux encode`` and ``vaux decode``, whole processes (cold). With ``--beside``, the same
of another checkout, turn by turn in the same run, and how many times as fast this one is. On one
core, in seconds of the processor, so that what else runs there hardly matters.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .output import add_json_option, publish
from .paths import ROOT, SPEECH
from .process import processor, run

MODEL, BITRATE = "general-24k", 6
LENGTHS = {1: 20, 3: 20, 10: 10, 30: 6}  # seconds, and how often they are coded
COLD = 3  # processes of each


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="another one to compare")
    parser.add_argument("--rounds", type=int, default=2, help="in which the checkouts take turns")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    add_json_option(parser)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments.rounds)))
        return
    environment = dict(os.environ)
    checkouts = {"this": ROOT} | ({"beside": arguments.beside} if arguments.beside else {})
    times: dict[str, dict[str, list[float]]] = {name: {} for name in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name, checkout in checkouts.items():
                for key, found in measured(checkout, Path(folder), arguments.rounds).items():
                    times[name].setdefault(key, []).extend(found)
    os.environ.clear()
    os.environ |= environment
    result: dict[str, Any] = {"processor": processor(), "model": MODEL, "bitrate": BITRATE}
    for name, found in times.items():
        result[name] = {key: summary(key, values) for key, values in found.items()}
    if arguments.beside:
        result["times_as_fast"] = {
            key: {p: round(result["beside"][key][p] / own[p], 2) for p in ("p50", "p99")}
            for key, own in result["this"].items()
        }
    publish(result, arguments.json, [MODEL])


def measured(checkout: Path, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of a checkout, by what was done: ``"decompress 10 s, warm"``."""
    os.environ |= {"PYTHONPATH": str(checkout / "src"), "VAUXIO_WEIGHTS": f"{checkout}/weights"}
    command = ["-m", "benchmarks.latency", "--child", folder, "--rounds", rounds]
    found: dict[str, list[float]] = run(command, 1).result
    for seconds in LENGTHS:
        names = [folder / f"{seconds}.{end}" for end in ("wav", "vx", "out.wav")]
        for verb, two in (("encode", names[:2]), ("decode", names[1:])):
            options = ["--model", MODEL, "-b", BITRATE] if verb == "encode" else []
            command = ["-m", "vauxio", verb, "-f", *options, *two]
            done = [run(command, 1).cpu_seconds for _ in range(-(-COLD // rounds))]
            found[f"{verb} {seconds} s, cold"] = done
    return found


def child(folder: Path, rounds: int) -> dict[str, list[float]]:
    """The warm part, with the vauxio that is imported; leaves the recordings in the folder."""
    import soundfile

    import vauxio

    audio, samplerate = soundfile.read(SPEECH, dtype="float32")
    found: dict[str, list[float]] = {}
    for seconds, times in LENGTHS.items():
        data = np.resize(audio, seconds * samplerate)
        soundfile.write(folder / f"{seconds}.wav", data, samplerate)
        for i in range(-(-times // rounds) + 1):
            begin = time.process_time()
            content = vauxio.compress(data, samplerate, model=MODEL, bitrate=BITRATE)
            between = time.process_time()
            vauxio.decompress(content)
            end = time.process_time()
            if i:  # the first is to warm up
                found.setdefault(f"compress {seconds} s, warm", []).append(between - begin)
                found.setdefault(f"decompress {seconds} s, warm", []).append(end - between)
    return found


def summary(key: str, values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    seconds = float(key.split()[1])
    return {
        "p50": round(p50, 4),
        "p99": round(p99, 4),
        "x_real_time": round(seconds / p50, 1),
        "runs": len(values),
    }


if __name__ == "__main__":
    sys.exit(main())
