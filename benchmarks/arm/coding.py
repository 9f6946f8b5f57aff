"""What both machines do: recordings to ``.vx`` files, and these to codes and samples.

    python coding.py encode FOLDER    # makes FOLDER/CASE.vx of every case
    python coding.py decode FOLDER SUFFIX    # what is in each, to FOLDER/CASE-SUFFIX.npz

It runs by itself, where nothing is installed but vauxio and what it needs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import soundfile

import vauxio
from vauxio.codec.hifi.network import Tables
from vauxio.codec.hifi.unpack import unpack
from vauxio.container import Reader

ROOT = Path(__file__).parents[2]
SECONDS = 2


@dataclass(frozen=True)
class Case:
    """A recording of the repository, and how it is coded.

    `static` leaves the language model out, as of a model that has none.
    """

    recording: str
    model: str
    kbps: float
    static: bool = False


CASES = {
    "speech-24k": Case("speech-48k", "speech-24k", 3),
    "speech-24k static": Case("speech-48k", "speech-24k", 3, static=True),
    "general-24k": Case("speech-48k", "general-24k", 6),
    "general-24k static": Case("speech-48k", "general-24k", 6, static=True),
    "general-24k stereo": Case("music-44k-stereo", "general-24k", 12),
    "hifi-48k stereo": Case("music-44k-stereo", "hifi-48k", 64),
}


def encode(folder: Path) -> None:
    for name, case in CASES.items():
        use(case)
        path = ROOT / "tests" / "data" / f"{case.recording}.flac"
        data, samplerate = soundfile.read(path, dtype="int16")
        data = data[: SECONDS * samplerate]
        vauxio.write(folder / f"{name}.vx", data, samplerate, model=case.model, bitrate=case.kbps)


def decode(folder: Path, suffix: str) -> None:
    for name, case in CASES.items():
        use(case)
        path = folder / f"{name}.vx"
        samples, _ = vauxio.read(path)
        np.savez(folder / f"{name}-{suffix}.npz", codes=codes(path, case), samples=samples)


def use(case: Case) -> None:
    """Have the installed models, or these without their language models."""
    os.environ["VAUXIO_WEIGHTS"] = str(_without_lm if case.static else ROOT / "weights")


def codes(path: Path, case: Case) -> np.ndarray:
    """What the entropy coder had to give back exactly, in one row."""
    if case.model != "hifi-48k":
        return vauxio.read_codes(path).codes.ravel()
    (transform,) = vauxio.models().transforms
    tables = Tables(transform.tables.load())
    with path.open("rb") as file:
        reader = Reader(file)
        values = [
            each.ravel()
            for block in reader
            for each in unpack(block.payload, reader.header.channels, block.tokens, tables).values
        ]
    return np.concatenate(values)


def copy_without_lm(folder: Path) -> None:
    """The models with tokens, each as if it had no language model."""
    for source in (ROOT / "weights").glob("*/model.json"):
        about = json.loads(source.read_text("utf-8"))
        if about.pop("lm", None):
            target = folder / source.parent.name
            shutil.copytree(source.parent, target, ignore=shutil.ignore_patterns("training"))
            (target / "model.json").write_text(json.dumps(about), "utf-8")


def about() -> dict[str, object]:
    """The machine, and what decides there."""
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "onnxruntime", "soxr")},
        "constriction": importlib.util.find_spec("constriction") is not None,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        _without_lm = Path(temporary)
        copy_without_lm(_without_lm)
        for step in sys.argv[1:]:
            verb, folder, *suffix = step.split(":")
            if verb == "encode":
                encode(Path(folder))
            else:
                decode(Path(folder), *suffix)
    print(json.dumps(about()))
