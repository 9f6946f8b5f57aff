"""What is in examples/ runs, where what it needs is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest
import soundfile

from support.paths import ROOT

SPEECH = str(ROOT / "tests" / "data" / "speech-48k.flac")


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, ROOT / "examples" / name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_toy_language_model_makes_sounds(tmp_path):
    pytest.importorskip("torch")
    out = tmp_path / "sample.wav"
    said = run("next_token.py", SPEECH, "-o", out, "--seconds", 1, "--tokens", 30)
    assert "bits a code" in said
    assert soundfile.info(out).frames == 30 * 320 - 1600


def test_a_map_function_for_datasets(tmp_path):
    datasets = pytest.importorskip("datasets")
    run("hf_datasets.py", SPEECH, ROOT / "tests" / "data" / "music-44k-stereo.flac",
        "-o", tmp_path / "tokens")  # fmt: skip
    data = datasets.load_from_disk(tmp_path / "tokens")
    assert len(data) == 2 and len(data[0]["codes"]) == 4
