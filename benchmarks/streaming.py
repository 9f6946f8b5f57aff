"""Speed of live streams on one core: one token at a time, alone and many together.

    python -m benchmarks.streaming --json streaming.json

Figures are seconds of audio per second: by the clock, and by the time that the processor spent on
this process, which other work on the machine changes less. Each is the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vauxio import Codec

from .output import add_json_option, publish


def timed(work: Callable[[], Any], audio: float) -> dict[str, float]:
    """Real-time factors of work on so many seconds of audio."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"clock": audio / wall, "cpu": audio / cpu}


def signal(seconds: float, samplerate: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * samplerate)) / samplerate
    tone = np.sin(2 * np.pi * 200 * t) * np.sin(9 * t) ** 2
    return (0.3 * tone + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


def one(codec: Codec, samplerate: int, seconds: float) -> dict[str, dict[str, float]]:
    encoder, decoder = codec.stream_encoder(samplerate, bitrate=6), codec.stream_decoder(samplerate)
    data = signal(seconds, samplerate, 0)
    step = samplerate // 75
    packets: list[bytes] = []

    def encode() -> None:
        for i in range(0, len(data), step):
            packets.extend(encoder.push(data[i : i + step]))

    def decode() -> None:
        for packet in packets:
            decoder.push(packet)

    return {"encode": timed(encode, seconds), "decode": timed(decode, seconds)}


def many(codec: Codec, streams: int, seconds: float) -> dict[str, dict[str, float]]:
    batch = codec.stream_batch(streams, bitrate=6)
    hop = codec.model.hop
    data = [signal(seconds, codec.model.samplerate, seed) for seed in range(streams)]
    packets: list[list[bytes]] = []

    def encode() -> None:
        for i in range(0, len(data[0]) - hop + 1, hop):
            new = batch.encode([x[i : i + hop] for x in data])
            packets.append([stream[0] for stream in new])

    def decode() -> None:
        for each in packets:
            batch.decode(each)

    audio = streams * (len(data[0]) // hop) * hop / codec.model.samplerate
    return {"encode": timed(encode, audio), "decode": timed(decode, audio)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4, help="of each stream and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=16)
    add_json_option(parser)
    arguments = parser.parse_args()
    codec = Codec()
    rate = codec.model.samplerate
    cases = {
        f"1 stream, {rate} Hz": lambda seconds: one(codec, rate, seconds),
        "1 stream, 48000 Hz": lambda seconds: one(codec, 48000, seconds),
        f"{arguments.streams} streams in sum": lambda seconds: many(
            codec, arguments.streams, seconds
        ),
    }
    result: dict[str, Any] = {"model": codec.model.name, "decoder": codec.model.decoder.hash.hex()}
    for name, case in cases.items():
        case(0.2)  # networks are loaded, filters made
        rounds = [case(arguments.seconds) for _ in range(arguments.rounds)]
        result[name] = {
            verb: {
                unit: round(float(np.median([r[verb][unit] for r in rounds])), 2)
                for unit in ("clock", "cpu")
            }
            for verb in ("encode", "decode")
        }
        print(name, json.dumps(result[name]), file=sys.stderr)
    publish(result, arguments.json, [codec.model.name], packets=True)


if __name__ == "__main__":
    main()
