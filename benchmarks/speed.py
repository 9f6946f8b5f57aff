"""How fast vauxio encodes, decodes and starts, on one core.

    python benchmarks/speed.py [--seconds 60] [--repeat 5] [--json FILE]

Everything is measured in one run and in turn, so that a machine that is busy or changes its clock
is so for all of it; a matrix product beside them tells how fast the machine was meanwhile. Times
are given on the clock and on the CPU: where the two differ, the machine had other things to do.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DATA = Path(__file__).parents[1] / "tests" / "data"
BITRATES = (1.5, 6, 12)

# Before NumPy and onnxruntime are imported: one core, and one thread to run on it.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

import vauxio  # noqa: E402


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and on the CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def started(*command: str) -> Callable[[], object]:
    """Work that is to run Python in a process of its own."""
    return lambda: subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)


def gigaflops(seconds: float, size: int) -> float:
    return 2 * size**3 / seconds / 1e9


def summary(times: list[tuple[float, float]], audio: float | None = None) -> dict[str, float]:
    """Median and range on the clock; as multiples of real time if `audio` seconds were coded."""
    clock = sorted(t[0] for t in times)
    result = {
        "seconds": round(statistics.median(clock), 4),
        "fastest": round(clock[0], 4),
        "slowest": round(clock[-1], 4),
    }
    if audio is not None:
        cpu = statistics.median(t[1] for t in times)
        result["x_real_time"] = round(audio / statistics.median(clock), 1)
        result["x_real_time_cpu"] = round(audio / cpu, 1)
    return result


def recording(seconds: float) -> tuple[np.ndarray, int]:
    data, samplerate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    frames = round(seconds * samplerate)
    return np.resize(data, frames), samplerate


def coding(seconds: float, repeat: int) -> dict[str, object]:
    """Encode and decode without an entropy model, with the static one, and a yardstick between."""
    data, samplerate = recording(seconds)
    size = 1024
    matrix = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    works: dict[str, Callable[[], object]] = {"matrix product": lambda: matrix @ matrix}
    for bitrate in BITRATES:
        for lm in (False, True):
            blob = vauxio.compress(data, samplerate, bitrate=bitrate, lm=lm)
            coder = vauxio.info(io.BytesIO(blob)).coder
            works[f"encode {bitrate:g} kbps {coder}"] = lambda bitrate=bitrate, lm=lm: (
                vauxio.compress(data, samplerate, bitrate=bitrate, lm=lm)
            )
            works[f"decode {bitrate:g} kbps {coder}"] = lambda blob=blob: vauxio.decompress(blob)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(repeat):
        for name, work in works.items():
            times[name].append(timed(work))
    products = times.pop("matrix product")
    result: dict[str, object] = {name: summary(t, seconds) for name, t in times.items()}
    clock, cpu = (statistics.median(t) for t in zip(*products, strict=True))
    result["gigaflops of a float32 matrix product"] = round(gigaflops(clock, size), 1)
    result["gigaflops on the CPU"] = round(gigaflops(cpu, size), 1)
    return result


def starting(repeat: int) -> dict[str, object]:
    """Processes that do next to nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.vx"
        vauxio.write(path, *recording(60))
        commands = {
            "python -c pass": started("-c", "pass"),
            "import numpy": started("-c", "import numpy"),
            "import vauxio": started("-c", "import vauxio"),
            "vaux --help": started("-m", "vauxio", "--help"),
            "vaux models": started("-m", "vauxio", "models"),
            "vaux info": started("-m", "vauxio", "info", str(path)),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(repeat + 1):  # the first fills the caches
            for name, command in commands.items():
                times[name].append(timed(command))
    return {name: summary(t[1:]) for name, t in times.items()}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of vauxio on one core.")
    parser.add_argument("--seconds", type=float, default=60, help="of audio")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    result = {
        "processor": processor(),
        "python": platform.python_version(),
        "vauxio": vauxio.__version__,
        "model": vauxio.models()[0].name,
        "decoder": vauxio.models()[0].decoder.hash.hex(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "audio_seconds": arguments.seconds,
        "repeat": arguments.repeat,
        "coding": coding(arguments.seconds, arguments.repeat),
        "starting": starting(arguments.repeat),
    }
    report = json.dumps(result, indent=2)
    print(report)
    if arguments.json:
        arguments.json.write_text(report + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
