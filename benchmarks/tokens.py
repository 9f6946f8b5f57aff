"""Tokens for machine learning: how fast batches are, and tokens into Parquet files.

``python -m benchmarks.tokens`` prints three things: how much faster batches of 16 utterances of 3
to 12 s are than the same one by one, hours of speech an hour and core into Parquet (needs pyarrow),
and whether codes of a file make the same file.
"""

from __future__ import annotations

import argparse
import functools
import io
import math
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

import vauxio
from vauxio import archive

from .paths import SPEECH


def utterances(count: int, rate: int) -> list[np.ndarray]:
    """Pieces of real speech, 3 to 12 s long, each from another place."""
    data, samplerate = soundfile.read(SPEECH, dtype="float32")
    long = np.tile(soxr.resample(data, samplerate, rate), 8)
    random = np.random.default_rng(0)
    lengths = random.integers(3 * rate, 12 * rate, count)
    return [long[at : at + n] for at, n in zip(random.integers(0, rate, count), lengths,
                                               strict=True)]  # fmt: skip


def best(ways: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Seconds of the fastest run of each, all in turn, so that all have the same machine."""
    found = dict.fromkeys(ways, math.inf)
    for _ in range(times + 1):  # the first opens networks
        for name, work in ways.items():
            begin = time.perf_counter()
            work()
            found[name] = min(found[name], time.perf_counter() - begin)
    return found


def batches(model: str, times: int) -> None:
    """Encoding and decoding, together and one by one."""
    rate = 24000
    signals = utterances(16, rate)
    seconds = sum(map(len, signals)) / rate
    codec = vauxio.Codec(model)
    batch = codec.encode(signals, rate)
    cores = len(os.sched_getaffinity(0))
    print(f"{model}: 16 utterances of 3 to 12 s, {seconds:.0f} s, on {cores} cores")
    for name, together, alone in (
        ("encode", lambda c: c.encode(signals, rate),
         lambda c: [c.encode(signal, rate) for signal in signals]),
        ("decode", lambda c: c.decode(batch), lambda c: [c.decode(one) for one in batch]),
    ):  # fmt: skip
        ways = {"batch": functools.partial(together, codec)}
        for threads in (1, cores):
            one = vauxio.Codec(model, threads=threads)
            ways[f"one by one, threads={threads}"] = functools.partial(alone, one)
        took = best(ways, times)
        for way, spent in took.items():
            print(f"  {name}, {way}: {seconds / spent:.0f} x real time, "
                  f"the batch is {spent / took['batch']:.2f} times as fast")  # fmt: skip


def parquet(model: str, jobs: int) -> None:
    """Hours of speech an hour and core, whole run with processes and files."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in")
        source.mkdir()
        signals = utterances(64, 24000)
        for i, signal in enumerate(signals):
            soundfile.write(source / f"{i}.wav", signal, 24000)
        settings = archive.Settings(format=".parquet", model=model, shard=64 // jobs)
        plan = archive.plan("tokens", source, Path(folder, "out"), settings)
        begin, used = time.perf_counter(), _cpu()
        results = list(archive.run(plan, jobs))
        took, used = time.perf_counter() - begin, _cpu() - used
        assert all(result.ok for result in results)
        hours = sum(result.seconds for result in results) / 3600
        print(f"{model} to Parquet: {hours / (took / 3600) / jobs:.0f} hours an hour and core "
              f"by the clock, {hours / (used / 3600):.0f} by CPU time ({hours * 60:.1f} minutes "
              f"of speech in {took:.1f} s, {jobs} processes)")  # fmt: skip


def _cpu() -> float:
    """Seconds of CPU time of this process and of those that it had."""
    return sum(sum(resource.getrusage(who)[:2])
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # fmt: skip


def round_trip() -> None:
    """Files to codes and back."""
    same, total = 0, 0
    for i, signal in enumerate(utterances(4, 16000)):
        for settings in ({"bitrate": 3}, {"quality": 5}, {"bitrate": 6, "lm": False}):
            blob = vauxio.compress(signal, 16000, tags={"number": str(i)}, **settings)
            out = io.BytesIO()
            vauxio.write_codes(out, vauxio.read_codes(io.BytesIO(blob)))
            same, total = same + (out.getvalue() == blob), total + 1
    print(f"round trip: {same} of {total} files have the same bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="speech-24k")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--skip-parquet", action="store_true")
    arguments = parser.parse_args()
    batches(arguments.model, arguments.times)
    if not arguments.skip_parquet:
        parquet(arguments.model, arguments.jobs)
    round_trip()
