"""Speed of whole trees: two processes against one, and what the archive adds to the bare codec.

    python benchmarks/archive.py --out benchmarks/results/archive.json

Needs a machine with nothing else to do: two processes cannot be twice as fast on cores that are
busy. ``--quick`` is for a look at whether it runs. ``--kills N`` runs, instead, the test that
kills a run at random moments, N times.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parents[1] / "tests" / "data"


def make(root: Path, count: int, seconds: float) -> float:
    """Files of real speech, each begun elsewhere; seconds of audio in all."""
    import numpy as np
    import soundfile

    data, rate = soundfile.read(DATA / "speech-48k.flac", dtype="int16")
    frames = round(seconds * rate)
    turns = -(-frames // len(data))
    root.mkdir(parents=True)
    for i in range(count):
        with soundfile.SoundFile(root / f"{i:03}.flac", "w", rate, 1) as file:
            turned = np.roll(data, -997 * i)
            for turn in range(turns):
                file.write(turned[: min(len(data), frames - turn * len(data))])
    return count * seconds


def encode(source: Path, jobs: int) -> dict[str, float]:
    """Wall and CPU seconds of a whole run, start of the processes included."""
    from vauxio import archive

    with tempfile.TemporaryDirectory() as out:
        plan = archive.plan("encode", source, out)
        cpu, begin = children(), time.perf_counter()
        results = list(archive.run(plan, jobs))
        wall = time.perf_counter() - begin
        assert all(result.ok for result in results)
    return {"wall": wall, "cpu": children() - cpu}


def bare(source: Path) -> float:
    """CPU seconds of the codec alone: read, resample, network; no files written."""
    import soundfile

    import vauxio

    codec = vauxio.Codec()
    codec.encode(soundfile.read(DATA / "speech-16k.flac")[0], 16000, 6)  # networks are loaded
    begin = time.process_time()
    for path in sorted(source.iterdir()):
        data, rate = soundfile.read(path, dtype="float32")
        codec.encode(data, rate, 6)
    return time.process_time() - begin


def start(source: Path) -> float:
    """CPU seconds that a process takes for its first file, beyond those for one more."""
    one = encode_first(source, 1)
    return one - (encode_first(source, 3) - one) / 2


def encode_first(source: Path, count: int) -> float:
    from vauxio import archive

    with tempfile.TemporaryDirectory() as out:
        include = [path.name for path in sorted(source.iterdir())[:count]]
        cpu = children()
        list(archive.run(archive.plan("encode", source, out, include=include), 1))
        return children() - cpu


def children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, metavar="N")
    arguments = parser.parse_args()
    if arguments.kills:
        test = Path(__file__).parents[1] / "tests" / "test_archive_faults.py"
        command = [sys.executable, "-m", "pytest", "-q", str(test), "-k", "killed_and_taken_up"]
        environment = {**os.environ, "VAUXIO_KILLS": str(arguments.kills)}
        sys.exit(subprocess.run(command, env=environment).returncode)

    short, long, middle = (8, 700.0, 3) if arguments.quick else (200, 7200.0, 20)
    result: dict[str, object] = {"cores": os.cpu_count(), "quick": arguments.quick}
    with tempfile.TemporaryDirectory() as folder:
        for name, count, seconds in (("short", short, 5.0), ("long", 1, long)):
            audio = make(Path(folder, name), count, seconds)
            one, two = (encode(Path(folder, name), jobs) for jobs in (1, 2))
            result[name] = {
                "files": count, "audio_seconds": audio, "one": one, "two": two,
                "ratio": one["wall"] / two["wall"], "speed_two": audio / two["wall"],
            }  # fmt: skip
            print(f"{name}: {count} files, -j 2 is {one['wall'] / two['wall']:.2f} x -j 1, "
                  f"{audio / two['wall']:.0f} x real time, "
                  f"{audio / one['cpu']:.0f} x in CPU time of one")  # fmt: skip
        audio = make(Path(folder, "middle"), middle, 30.0)
        source = Path(folder, "middle")
        begun, alone, whole = start(source), bare(source), encode(source, 1)["cpu"]
        overhead = (whole - begun) / alone - 1
        result["middle"] = {"files": middle, "audio_seconds": audio, "bare_cpu": alone,
                            "archive_cpu": whole, "start_cpu": begun,
                            "overhead": overhead}  # fmt: skip
        print(f"30 s files: {100 * overhead:.1f} % over the bare codec, "
              f"{begun:.1f} s once per process")  # fmt: skip
        hours = audio / 3600
        result["cpu_hours_per_1000_hours"] = (whole - begun) / hours * 1000 / 3600
        print(f"1,000 hours of audio: {result['cpu_hours_per_1000_hours']:.1f} CPU hours")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
