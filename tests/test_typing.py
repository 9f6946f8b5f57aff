"""What type checkers see of the package, and what a wrong kind of file is told."""

from __future__ import annotations

import os
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
import vauxio
from vauxio import archive

data, samplerate = vauxio.read("speech.vx", on_error="conceal", dtype="int16")
loud: float = float(np.abs(data).max()) / samplerate
vauxio.write("copy.vx", data, samplerate, bitrate=6, tags={"title": "a copy"})
with vauxio.VauxFile("copy.vx") as file:
    file.seek(0, 2)
    frames: int | None = file.frames
report: vauxio.archive.Report = archive.Report(archive.plan("encode", "in", "out"))
codec = vauxio.Codec("general-24k", threads=2)
packets: list[bytes] = codec.stream_encoder(48000).push(data)
names: list[str] = [model.name for model in vauxio.models()]
"""


def checked(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "program.py").write_text(text)
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent",
               "--ignore-missing-imports", "--cache-dir", str(tmp_path), "program.py"]  # fmt: skip
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)


def test_a_program_passes_strict_checks(tmp_path):
    done = checked(tmp_path, PROGRAM)
    assert done.returncode == 0, done.stdout + done.stderr
    done = checked(tmp_path, PROGRAM.replace('"conceal"', '"ignore"') + "vauxio.nothing\n")
    assert "Literal['stop', 'conceal']" in done.stdout and '"nothing"' in done.stdout


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
