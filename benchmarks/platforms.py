"""Whether all that vauxio needs can be had for each system, as wheels.

    python -m benchmarks.platforms --json benchmarks/results/platforms.json

Asks the package index by `pip download`, and keeps nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

import tomllib

from .output import add_json_option, publish
from .paths import ROOT

SYSTEMS = {
    "Linux x86-64": ["manylinux_2_17_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64",
                     "manylinux2014_x86_64"],
    "Linux ARM64": ["manylinux_2_17_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64",
                    "manylinux2014_aarch64"],
    "macOS ARM64": ["macosx_11_0_arm64", "macosx_12_0_arm64", "macosx_13_0_arm64",
                    "macosx_14_0_arm64"],
    "Windows x86-64": ["win_amd64"],
}  # fmt: skip
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def needed(system: str) -> list[str]:
    """What pyproject.toml asks for there; pip itself would evaluate markers for this machine."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [*about["dependencies"], *about["optional-dependencies"]["av"]]
    plain = [name.partition(";")[0].strip() for name in names]
    without = {"constriction"} if system in ("Linux ARM64",) else set()
    return [name for name in plain if name.partition(">")[0] not in without]


def resolve(system: str, python: str) -> str:
    """What cannot be had, in pip's words; empty if all can be."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--target",
                   folder, "--only-binary", ":all:", "--python-version", python,
                   "--implementation", "cp"]  # fmt: skip
        for tag in SYSTEMS[system]:
            command += ["--platform", tag]
        done = subprocess.run([*command, *needed(system)], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else (lines or ["failed"])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_json_option(parser)
    options = parser.parse_args()
    found = {
        system: {python: resolve(system, python) or "ok" for python in PYTHONS}
        for system in SYSTEMS
    }
    publish({"resolved": found}, options.json, ["general-24k"])


if __name__ == "__main__":
    main()
