"""Where things are in the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DATA = ROOT / "tests" / "data"
"""Short recordings that every checkout has."""

SPEECH = DATA / "speech-48k.flac"
MUSIC = DATA / "music-44k-stereo.flac"
