"""The recordings that are measured: the first ten seconds of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

KINDS = "speech", "music", "sound"
STEREO = "stereo"
"""What is measured of recordings of music with both channels; of `KINDS` mixed down to mono."""
SECONDS = 10


@dataclass(frozen=True, eq=False)
class Recording:
    """What a codec is given.

    Attributes
    ----------
    kind : str
        One of `KINDS`, or `STEREO`.
    name : str
        Of the file, without its extension.
    samplerate : int
        The file's own, in Hz.
    samples : ndarray
        ``int16[samples]``, of stereo ``int16[samples, 2]``.
    """

    kind: str
    name: str
    samplerate: int
    samples: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.samplerate


def find(corpus: Path) -> list[tuple[str, Path]]:
    """``(kind, path)`` of all recordings in the folders ``speech``, ``music`` and ``sound``."""
    return [(kind, path) for kind in KINDS for path in sorted((corpus / kind).glob("*.*"))]


def find_stereo(corpus: Path) -> list[tuple[str, Path]]:
    """``(STEREO, path)`` of every second recording of music that has two channels."""
    paths = sorted((corpus / "music").glob("*.*"))
    return [(STEREO, path) for path in paths if soundfile.info(path).channels == 2][::2]


def load(kind: str, path: Path) -> Recording:
    """The part of a recording that is measured."""
    samplerate = soundfile.info(path).samplerate
    data, _ = soundfile.read(path, SECONDS * samplerate, dtype="float64", always_2d=True)
    if kind != STEREO:
        data = data.mean(axis=1)
    samples = np.clip(np.rint(data * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    return Recording(kind, path.stem, samplerate, samples)
