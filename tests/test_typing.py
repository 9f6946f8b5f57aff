"""What type checkers see of the package, and what a wrong kind of file is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import ROOT

PROGRAM = """
import numpy as np
from numpy.typing import NDArray

import vauxio
from vauxio import archive

data, samplerate = vauxio.read("speech.vx", on_error="conceal")
samples: NDArray[np.float32] = data
whole, _ = vauxio.read("speech.vx", dtype="int16")
loud: float = float(np.abs(whole).max()) / samplerate
vauxio.write("copy.vx", data, samplerate, bitrate=6, tags={"title": "a copy"})
with vauxio.VauxFile("copy.vx") as file:
    file.seek(0, 2)
    frames: int | None = file.frames
    part: NDArray[np.float32] = file.read(100)
    for block in file.blocks(1024):
        samples = block
report: vauxio.archive.Report = archive.Report(archive.plan("encode", "in", "out"))
codec = vauxio.Codec("general-24k", threads=2)
codes: vauxio.Codes = codec.encode(data, samplerate, 6)
batch: vauxio.CodesBatch = codec.encode([data, data], samplerate)
samples = codec.decode(codes)
several: list[NDArray[np.float32]] = codec.decode(batch)
vectors: NDArray[np.float32] = codec.embed(codes)
packets: list[bytes] = codec.stream_encoder(48000).push(data)
samples = codec.stream_decoder(48000).push(None)
streams = codec.stream_batch(2)
some: dict[int, list[bytes]] = streams.encode({0: data})
every: list[NDArray[np.float32]] = streams.decode([packets[0], None])
names: list[str] = [model.name for model in vauxio.models()]
clean: NDArray[np.float32] = vauxio.denoise(data, samplerate)
"""

WRONG = {
    'on_error="conceal"': 'on_error="ignore"',  # no such choice
    "samples = codec.decode(codes)": "samples = codec.decode(batch)",  # a list
    'dtype="int16"': 'dtype="int8"',  # no such samples
    "file.seek(0, 2)": "file.seek(0, 3)",
    "names: list[str]": "vauxio.nothing\nnames: list[str]",
}
"""What stands in a program, and what a type checker does not let stand in its place."""


def mypy(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent",
               "--ignore-missing-imports", "--cache-dir", str(tmp_path), "program.py"]  # fmt: skip
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)


def pyright(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("basedpyright")  # pyright in a wheel that needs no network
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "src")]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "program.py"]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_program_passes_strict_checks(tmp_path, checker):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = checker(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = PROGRAM
    for right, other in WRONG.items():
        assert right in wrong
        wrong = wrong.replace(right, other)
    (tmp_path / "program.py").write_text(wrong)
    said = checker(tmp_path).stdout
    complained = {int(n) for n in re.findall(r"program\.py:(\d+):.*error", said)}
    for other in WRONG.values():
        assert wrong[: wrong.index(other)].count("\n") + 1 in complained, said


@pytest.mark.parametrize("name", ["a.wav", "a.FLAC", "a.mp3"])
def test_writing_other_formats(tmp_path, name):
    with pytest.raises(ValueError, match=r"a\.vx.*soundfile\.write"):
        vauxio.write(tmp_path / name, np.zeros(100), 24000)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_reading_other_formats(tmp_path, name):
    soundfile.write(tmp_path / name, np.zeros(100), 24000)
    with pytest.raises(vauxio.FormatError, match=r"not a \.vx file but .*soundfile\.read"):
        vauxio.read(tmp_path / name)
