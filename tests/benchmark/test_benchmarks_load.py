"""Every benchmark can be started: what it imports is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.paths import ROOT

LOAD = """
import importlib, pkgutil, sys
import benchmarks
for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as e:
        if e.name.split(".")[0] in ("benchmarks", "vauxio"):
            raise
    print(module.name)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="benchmarks need POSIX")
def test_every_benchmark_loads():
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = done.stdout.split()
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert there <= {name.removeprefix("benchmarks.") for name in names}
