"""Compare what both machines made and decoded; see the package."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..output import add_json_option, publish
from . import coding
from .machine import Machine

SCRIPT = Path(coding.__file__)


def compare(folder: Path, name: str) -> dict[str, Any]:
    """One file, decoded on both machines."""
    here, there = (np.load(folder / f"{name}-{where}.npz") for where in ("here", "there"))
    same = np.array_equal(here["codes"], there["codes"])
    differ = np.abs(here["samples"] - there["samples"]).max()
    return {
        "bytes": (folder / f"{name}.vx").stat().st_size,
        "codes": int(here["codes"].size),
        "same_codes": bool(same),
        "same_shape": here["samples"].shape == there["samples"].shape,
        "largest_difference": float(f"{differ:.2g}"),  # of samples; 1 is full scale
    }


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.arm", description=coding.__doc__)
    parser.add_argument("--root", type=Path, required=True, metavar="FOLDER",
                        help="of the ARM64 Linux, which is made if it is not there")  # fmt: skip
    add_json_option(parser)
    options = parser.parse_args()
    machine = Machine(options.root)
    source = coding.ROOT / "src"
    with tempfile.TemporaryDirectory() as temporary:
        made = {place: Path(temporary) / place for place in ("here", "there")}
        for folder in made.values():
            folder.mkdir()
        decode = [f"decode:{folder}" for folder in made.values()]
        own = [sys.executable, str(SCRIPT)]
        subprocess.run([*own, f"encode:{made['here']}"], check=True, stdout=subprocess.DEVNULL)
        there = machine.run(SCRIPT, f"encode:{made['there']}", *(f"{d}:there" for d in decode),
                            source=source)  # fmt: skip
        here = subprocess.run([*own, *(f"{d}:here" for d in decode)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout  # fmt: skip
        files = {
            f"made {place}": {name: compare(folder, name) for name in coding.CASES}
            for place, folder in made.items()
        }
    publish(
        {"here": json.loads(here), "there": json.loads(there), "emulator": machine.emulator(),
         "seconds": coding.SECONDS, "files": files},
        options.json, ["general-24k", "speech-24k", "hifi-48k"],
    )  # fmt: skip
    found = [entry for place in files.values() for entry in place.values()]
    return int(not all(entry["same_codes"] and entry["same_shape"] for entry in found))


if __name__ == "__main__":
    sys.exit(main())
