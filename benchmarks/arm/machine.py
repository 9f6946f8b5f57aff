"""An ARM64 Linux of Debian's packages and the package index's wheels, and programs run in it.

Needs Debian's ``apt-get``, ``dpkg-deb`` and ``qemu-user-static``, and no rights beyond a user's:
nothing is installed here, and no process there starts another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..platforms import SYSTEMS, needed

EMULATOR = "qemu-aarch64-static"
_PACKAGES = "python3", "libstdc++6", "libgomp1", "zlib1g"
_CPUINFO = """processor\t: 0
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""
"""A Neoverse N1, for ONNX Runtime, which finds no ARM in that of this machine."""


class Machine:
    """A root folder, made where there is none yet.

    Parameters
    ----------
    root : Path
        Kept, for the next time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._wheels = self._root / "wheels"
        if not self._wheels.exists():
            self._make()
        self._python = next((self._root / "usr" / "bin").glob("python3.*[0-9]"))

    def run(self, script: Path, *arguments: str, source: Path) -> str:
        """What a script prints there, with the package of a source folder."""
        command = [
            EMULATOR, "-L", self._root, "-E", f"PYTHONPATH={source}:{self._wheels}",
            "-E", "OPENBLAS_NUM_THREADS=1", self._python, script, *arguments,
        ]  # fmt: skip
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    @staticmethod
    def emulator() -> str:
        """Its name and version."""
        done = subprocess.run([EMULATOR, "--version"], check=True, capture_output=True, text=True)
        return done.stdout.splitlines()[0]

    def _make(self) -> None:
        state = self._root / "var" / "apt"
        for part in ("state/lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        (state / "apt.conf").write_text(
            'APT::Architecture "arm64"; APT::Architectures { "arm64"; };\n'
            f'Dir::State "{state}/state"; Dir::State::status "{state}/status";\n'
            f'Dir::Cache "{state}/cache";\n',
            encoding="utf-8",
        )
        environment = os.environ | {"APT_CONFIG": str(state / "apt.conf")}
        for command in (
            ["update"],
            ["install", "--yes", "--download-only", "--no-install-recommends", *_PACKAGES],
        ):
            subprocess.run(["apt-get", "--quiet", *command], check=True, env=environment,
                           stdout=subprocess.DEVNULL)  # fmt: skip
        for package in sorted((state / "cache" / "archives").glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", package, self._root], check=True)
        (self._root / "proc").mkdir(exist_ok=True)
        (self._root / "proc" / "cpuinfo").write_text(_CPUINFO, encoding="utf-8")
        python = next((self._root / "usr" / "bin").glob("python3.*[0-9]"))
        system = "Linux ARM64"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target",
                   str(self._wheels), "--only-binary", ":all:", "--implementation", "cp",
                   "--python-version", python.name.removeprefix("python")]  # fmt: skip
        for tag in SYSTEMS[system]:
            command += ["--platform", tag]
        subprocess.run([*command, *needed(system)], check=True)
