"""A measurement in a process of its own: bound to cores, timed, its memory counted.

POSIX only. This module knows nothing of what is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .paths import ROOT

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"
"""Variables that say how many threads libraries of numbers use."""


@dataclass(frozen=True)
class Run:
    """What one process took.

    Attributes
    ----------
    seconds, cpu_seconds : float
        From its start to its end: on the clock, and on all processors together.
    peak_mb : float
        Resident set at its largest, as ``wait4`` tells it: never less than what this process has,
        from which it was started.
    output : str
        What it wrote to standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str

    @property
    def result(self) -> Any:
        """The output, as the JSON that it is."""
        return json.loads(self.output)


def cores() -> int:
    """Cores that this process may use."""
    return len(_allowed())


def run(arguments: Sequence[object], threads: int, program: str = sys.executable) -> Run:
    """Run a program, Python unless another is named, on as many cores as threads.

    The process starts on the cores that it is to use, and its libraries are told how many there
    are before they are loaded. Ends the benchmark if it fails.
    """
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    allowed = _allowed()
    _bind(allowed[-threads:])
    try:
        begin = time.perf_counter()
        process = subprocess.Popen([program, *map(str, arguments)], cwd=ROOT,
                                   env=environment, stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
    finally:
        _bind(allowed)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"{' '.join(map(str, arguments))}: failed")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # of ru_maxrss, in a megabyte
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit, output)


def processor() -> str:
    """What the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else os.uname().machine


def _allowed() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _bind(to: list[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, to)
