"""Measure: every case in a process of its own, all in turn, several rounds; see the package."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import vauxio

from ..memory import make_recording
from ..output import add_json_option, publish
from ..process import Run, cores, processor, run
from .cases import RECORDING

BITRATES = 1.5, 6, 12
DENOISED = 2.25  # kbps
_PRODUCT = {"size": 1024, "times": 10}
_MARK = "matrix product"


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes
    ----------
    rounds : int
    audio : float
        Seconds that are coded, where nothing else is said.
    beside : float
        Seconds that EnCodec is given, and vauxio beside it.
    lengths : tuple of int
        Of files, in seconds. Those above a minute are measured once.
    rows : tuple of int
        Sizes of batches.
    row : float
        Seconds of each row.
    """

    rounds: int
    audio: float
    beside: float
    lengths: tuple[int, ...]
    rows: tuple[int, ...]
    row: float


FULL = Scale(3, 60, 5, (1, 10, 60, 600), (1, 2, 4, 8, 16, 32), 10)
QUICK = Scale(1, 10, 1, (1, 10), (1, 4), 4)


@dataclass
class Case:
    """A process to be run, and what came of it.

    Attributes
    ----------
    key : tuple of str
        Where its figures go in the result.
    command : sequence
        For Python.
    threads, rounds : int
    audio : float or None
        Seconds that it codes.
    """

    key: tuple[str, ...]
    command: Sequence[object]
    threads: int
    rounds: int
    audio: float | None = None
    runs: list[Run] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see whether it runs; figures are not")
    add_json_option(parser)
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else FULL
    begin, load = time.time(), os.getloadavg()
    missing = without_encodec()
    if missing:
        print(f"EnCodec is not measured: {missing}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        cases = plan(scale, Path(folder), encodec=missing is None)
        measure(cases, scale.rounds)
    result = {
        "quick": arguments.quick,
        "load": [round(x, 2) for x in load],
        "minutes": round((time.time() - begin) / 60, 1),
        **described(scale, missing),
        **figures(cases),
    }
    publish(result, arguments.json, result["models"])


def measure(cases: Sequence[Case], rounds: int) -> None:
    """Run all cases in turn, so many times, or as often as each is to be run."""
    for number in range(rounds):
        for case in cases:
            if number < case.rounds:
                done = run(case.command, case.threads)
                case.runs.append(done)
                print(f"round {number + 1}: {', '.join(case.key)}: {done.seconds:.1f} s, "
                      f"{done.cpu_seconds:.1f} s CPU", file=sys.stderr, flush=True)  # fmt: skip


def described(scale: Scale, missing: str | None) -> dict[str, Any]:
    """What is measured, and on what."""
    model = vauxio.models()[0]
    return {
        "processor": processor(),
        "cores": cores(),
        "python": platform.python_version(),
        "vauxio": vauxio.__version__,
        "onnxruntime": metadata.version("onnxruntime"),
        "model": model.name,
        "decoder": model.decoder.hash.hex(),
        "audio_seconds": scale.audio,
        "beside_seconds": scale.beside,
        "row_seconds": scale.row,
        "repeat": scale.rounds,
        "skipped": {"EnCodec": missing} if missing else {},
        "encodec": {} if missing else {n: metadata.version(n) for n in ("encodec", "torch")},
    }


def without_encodec() -> str | None:
    """Why EnCodec cannot be measured here, if it cannot."""
    done = subprocess.run([sys.executable, "-c", "import encodec"], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def plan(scale: Scale, folder: Path, encodec: bool) -> list[Case]:
    """All that is to be measured, in the order of a round."""
    threads = sorted({1, cores()})

    def case(name: str, key: tuple[str, ...], on: int, audio: float | None,
             **arguments: Any) -> Case:  # fmt: skip
        command = ["-m", f"{__package__}.cases", name, json.dumps(arguments)]
        return Case((name, *key), command, on, scale.rounds, audio)

    cases = [case("matrix", (_MARK,), 1, None, **_PRODUCT)]
    for model in vauxio.models():
        name, bitrate = model.name, model.default_bitrate
        settings = [
            (f"{kbps:g} kbps", kbps, lm, False) for kbps in BITRATES for lm in (False, True)
        ]
        settings.append((f"{DENOISED:g} kbps, denoised", DENOISED, False, True))
        for label, kbps, lm, denoise in settings:
            if kbps <= model.bitrates[-1]:
                cases.append(
                    case(
                        "coding",
                        (name, label),
                        1,
                        scale.audio,
                        model=name,
                        bitrate=kbps,
                        lm=lm,
                        denoise=denoise,
                        seconds=scale.audio,
                    )
                )
        for n in threads:
            cases.append(
                case(
                    "stages",
                    (name, _on(n)),
                    n,
                    scale.audio,
                    model=name,
                    bitrate=bitrate,
                    seconds=scale.audio,
                    threads=n,
                )
            )
        for lm in (False, True):
            cases.append(
                case(
                    "beside",
                    (name, _on(1)),
                    1,
                    scale.beside,
                    model=name,
                    bitrate=6,
                    lm=lm,
                    seconds=scale.beside,
                )
            )
        for rows in scale.rows:
            for n in threads:
                cases.append(
                    case(
                        "batch",
                        (name, _on(n), str(rows)),
                        n,
                        rows * scale.row,
                        model=name,
                        bitrate=bitrate,
                        rows=rows,
                        seconds=scale.row,
                        threads=n,
                    )
                )
    if encodec:
        for lm in (False, True):
            for n in threads:
                cases.append(
                    case(
                        "encodec",
                        ("lm" if lm else "packed", _on(n)),
                        n,
                        scale.beside,
                        lm=lm,
                        seconds=scale.beside,
                        threads=n,
                    )
                )
    return cases + _lengths(scale, folder) + _starting(scale, folder, encodec)


def _lengths(scale: Scale, folder: Path) -> list[Case]:
    """``vaux encode`` and ``vaux decode`` on files of all lengths, as a user would run them."""
    cases = []
    for seconds in scale.lengths:
        wav, vx, out = (folder / f"{seconds}.{end}" for end in ("wav", "vx", "out.wav"))
        make_recording(wav, RECORDING, seconds)
        rounds = scale.rounds if seconds <= 60 else 1
        for verb, names in (("encode", (wav, vx)), ("decode", (vx, out))):
            cases.append(
                Case(
                    ("lengths", str(seconds), verb),
                    ["-m", "vauxio", verb, "-f", *names],
                    1,
                    rounds,
                    seconds,
                )
            )
    return cases


def _starting(scale: Scale, folder: Path, encodec: bool) -> list[Case]:
    """Processes that do next to nothing."""
    commands: dict[str, list[object]] = {
        "python -c pass": ["-c", "pass"],
        "import numpy": ["-c", "import numpy"],
        "import vauxio": ["-c", "import vauxio"],
        "vaux --help": ["-m", "vauxio", "--help"],
        "vaux models": ["-m", "vauxio", "models"],
        "vaux info": ["-m", "vauxio", "info", folder / f"{scale.lengths[-1]}.vx"],
    }
    if encodec:
        commands["import encodec"] = ["-c", "import encodec"]
    return [Case(("starting", name), command, 1, scale.rounds)
            for name, command in commands.items()]  # fmt: skip


def figures(cases: Sequence[Case]) -> dict[str, Any]:
    """What the runs say; its shape is described in ``benchmarks/README.md``."""
    found: dict[str, Any] = {}
    for case in cases:
        kind, *path = case.key
        if kind == "matrix":
            times = [r.result["product"] for r in case.runs]
            clock, cpu = (statistics.median(t) for t in zip(*times, strict=True))
            flop = 2 * _PRODUCT["size"] ** 3 * _PRODUCT["times"]
            found["gigaflops"] = {"clock": round(flop / clock / 1e9, 1),
                                  "cpu": round(flop / cpu / 1e9, 1)}  # fmt: skip
        elif kind in ("lengths", "starting"):
            entry = summary([(r.seconds, r.cpu_seconds) for r in case.runs], case.audio)
            if kind == "lengths":
                entry["peak_mb"] = _peak(case)
            _at(found, *case.key[:-1])[case.key[-1]] = entry
        else:
            results = [r.result for r in case.runs]
            for name in [name for name in results[0] if name != "coder"]:
                entry = summary([r[name] for r in results], case.audio)
                entry["peak_mb"] = _peak(case)
                if kind == "coding":
                    model, kbps = path
                    key = f"{name} {kbps} {results[0]['coder']}"
                    _at(found, "models", model, kind)[key] = entry
                elif kind == "encodec":
                    _at(found, "beside", "EnCodec", *path)[name] = entry
                elif kind == "beside":
                    place = f"vauxio, {path[0]}", results[0]["coder"], path[1]
                    _at(found, kind, *place)[name] = entry
                else:
                    _at(found, "models", path[0], kind, *path[1:])[name] = entry
    for each in vauxio.models():
        if of := found["models"].get(each.name):  # else its cases were left out
            of |= {"decoder": each.decoder.hash.hex(), "bitrate": each.default_bitrate}
    found["coding"] = found["models"][vauxio.models()[0].name]["coding"]
    return found


def summary(times: list[tuple[float, float]], audio: float | None) -> dict[str, float]:
    """Median and range on the clock; as multiples of real time if seconds of audio were coded."""
    clock = sorted(t[0] for t in times)
    median = statistics.median(clock)
    result = {"seconds": median, "fastest": clock[0], "slowest": clock[-1]}
    result = {name: round(value, 6) for name, value in result.items()}
    if audio is not None:
        result["x_real_time"] = round(audio / median, 1)
        result["x_real_time_cpu"] = round(audio / statistics.median(t[1] for t in times), 1)
    return result


def _at(tree: dict[str, Any], *path: str) -> dict[str, Any]:
    for key in path:
        tree = tree.setdefault(key, {})
    return tree


def _peak(case: Case) -> float:
    return round(max(r.peak_mb for r in case.runs), 1)


def _on(threads: int) -> str:
    return "one core" if threads == 1 else "all cores"


if __name__ == "__main__":
    main()
