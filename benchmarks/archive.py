"""Speed of whole trees: two workers against one, what the archive adds to the codec, and kills.

    python -m benchmarks.archive --kills 20 --json benchmarks/results/archive.json

Needs a machine with nothing else to do: two workers cannot be twice as fast on cores that are
busy. For that reason the same is asked of two processes that know nothing of each other
(``independent``): that is what the machine can give. ``--quick`` is for a look at whether it runs.
``--kills N`` also kills a run at random moments, N times, and takes it up.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

import vauxio
from benchmarks.output import add_json_option, publish
from benchmarks.paths import DATA, ROOT, SPEECH
from benchmarks.process import THREADS, processor
from vauxio import archive


def make(root: Path, count: int, seconds: float) -> float:
    """Files of real speech, each begun elsewhere; seconds of audio in all."""
    data, rate = soundfile.read(SPEECH, dtype="int16")
    frames = round(seconds * rate)
    root.mkdir(parents=True)
    for i in range(count):
        turned = np.roll(data, -997 * i)
        with soundfile.SoundFile(root / f"{i:03}.flac", "w", rate, 1) as file:
            for at in range(0, frames, len(data)):
                file.write(turned[: frames - at])
    return count * seconds


def encode(source: Path, jobs: int, count: int | None = None) -> dict[str, float]:
    """Seconds of a run on the first `count` files, start of its processes included.

    On the clock (``wall``) and of all its processes on the processor (``cpu``).
    """
    include = [path.name for path in sorted(source.iterdir())[:count]]
    with tempfile.TemporaryDirectory() as out:
        cpu, begin = _cpu(), time.perf_counter()
        plan = archive.plan("encode", source, out, include=include)
        results = list(archive.run(plan, jobs))
        taken = {"wall": time.perf_counter() - begin, "cpu": _cpu() - cpu}
    assert len(results) == len(include) and all(result.ok for result in results)
    return taken


def codec(source: Path, processes: int = 1) -> dict[str, float]:
    """Seconds that the codec takes for those files in memory, in so many processes at once.

    The longest of them; loading the networks is left out.
    """
    command = [sys.executable, "-m", "benchmarks.archive", "--codec", str(source)]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    started = [subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE) for _ in range(processes)]  # fmt: skip
    for process in started:  # all are ready, and then begin at once
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    taken = [json.loads(process.communicate()[0]) for process in started]
    return {name: max(one[name] for one in taken) for name in ("wall", "cpu")}


def be_the_codec(source: Path) -> None:
    """The process of `codec`: read, resample, network, entropy coder; no files are written."""

    def code(path: Path) -> None:
        data, rate = soundfile.read(path, dtype="float32")
        vauxio.compress(data, rate)

    code(DATA / "speech-16k.flac")
    print("ready", flush=True)
    sys.stdin.readline()
    begin, cpu = time.perf_counter(), time.process_time()
    for path in sorted(source.iterdir()):
        code(path)
    print(json.dumps({"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}))


def compare(source: Path, repeat: int, audio: float) -> dict[str, object]:
    """One worker against two, in turn; of several runs, the medians."""
    runs = [(encode(source, 1), encode(source, 2)) for _ in range(repeat)]
    one, two = ({name: statistics.median(run[i][name] for run in runs) for name in runs[0][i]}
                for i in (0, 1))  # fmt: skip
    ratios = [one["wall"] / two["wall"] for one, two in runs]
    return {"files": len(list(source.iterdir())), "audio_seconds": audio, "one": one, "two": two,
            "ratio": statistics.median(ratios), "ratios": ratios,
            "speed_two": audio / two["wall"]}  # fmt: skip


def added(source: Path, repeat: int) -> dict[str, object]:
    """What a file takes in the archive over what it takes in the codec, in turn; the medians."""
    count = len(list(source.iterdir()))
    rows = []
    for _ in range(repeat):
        first, whole, alone = encode(source, 1, 1), encode(source, 1), codec(source)
        rows.append({
            name: ((whole[name] - first[name]) / (count - 1)) / (alone[name] / count) - 1
            for name in ("cpu", "wall")
        } | {"start_cpu": first["cpu"] - alone["cpu"] / count,
             "archive_cpu": (whole["cpu"] - first["cpu"]) / (count - 1)})  # fmt: skip
    median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {"files": count, "overhead": median["cpu"], "overhead_wall": median["wall"],
            "overheads": [row["cpu"] for row in rows], "start_cpu": median["start_cpu"],
            "file_cpu": median["archive_cpu"]}  # fmt: skip


def kill(times: int) -> dict[str, object]:
    """The test that kills a run with all its data at stake."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
               "killed_and_taken_up", "tests/archive/test_archive_faults.py"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr,
                          env={**os.environ, "VAUXIO_KILLS": str(times)})  # fmt: skip
    return {"times": times, "same_bytes": done.returncode == 0,
            "seconds": time.perf_counter() - begin}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.archive", description=__doc__)
    add_json_option(parser)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, default=0, metavar="N")
    parser.add_argument("--codec", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.codec:
        return be_the_codec(options.codec)

    short, middle, repeat = (12, 3, 1) if options.quick else (200, 12, 3)
    result: dict[str, object] = {"cores": os.cpu_count(), "processor": processor(),
                                 "quick": options.quick}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        seconds = make(root / "middle", middle, 30)
        alone, both = codec(root / "middle"), codec(root / "middle", 2)
        result["independent"] = 2 * alone["wall"] / both["wall"]
        print(f"two independent processes: {result['independent']:.2f} x one")

        result["middle"] = one = added(root / "middle", repeat)
        print(f"30 s files: {100 * one['overhead']:.1f} % of CPU time over the codec, "
              f"{100 * one['overhead_wall']:.1f} % on the clock; "
              f"{one['start_cpu']:.2f} s once per process")  # fmt: skip
        result["cpu_hours_per_1000_hours"] = one["file_cpu"] / 30 * 1000
        print(f"1,000 hours of audio: {result['cpu_hours_per_1000_hours']:.1f} CPU hours")

        # One file as long as one worker needs 40 s for, but no longer than an hour.
        long = min(60, max(10, round(40 * seconds / alone["wall"] / 60))) * 60
        for name, count, length, times in (
            ("short", short, 5, min(2, repeat)),
            ("long", 1, 300 if options.quick else long, 1),
        ):
            audio = make(root / name, count, length)
            result[name] = two = compare(root / name, times, audio)
            print(f"{name}: {count} files of {length} s, -j 2 is {two['ratio']:.2f} x -j 1, "
                  f"{two['speed_two']:.0f} x real time")  # fmt: skip
    if options.kills:
        result["kills"] = kill(options.kills)
        print("kills: {times}, same bytes: {same_bytes}".format(**result["kills"]))
    publish(result, options.json, [vauxio.models()[0].name])


def _cpu() -> float:
    """Seconds on the processor, of this process and of those that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
