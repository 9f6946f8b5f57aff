"""What coding a corpus shows: the inputs of the networks, and the symbols that came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from vauxio.codec.hifi import block_sizes, mdct, stereo
from vauxio.codec.hifi.character import Character
from vauxio.codec.hifi.layout import FRAME, SAMPLERATE
from vauxio.codec.hifi.network import FEATURES, LEVEL_FEATURES, Tables
from vauxio.codec.hifi.pack import Packer
from vauxio.codec.hifi.rate import Estimate, settings_for
from vauxio.codec.hifi.spectra import Spectra

RATES = (14, 20, 28, 40, 64, 96, 144)  # kbps


def load(path: Path, seconds: float, seed: int) -> np.ndarray:
    """A stretch of a recording at 48 kHz, ``float64[1 or 2, n]`` in units of a 16-bit sample."""
    with soundfile.SoundFile(path) as f:
        want = int(seconds * f.samplerate)
        begin = np.random.default_rng(seed).integers(0, max(1, f.frames - want))
        f.seek(int(begin))
        data = f.read(want, always_2d=True)[:, :2]
        rate = f.samplerate
    if rate != SAMPLERATE:
        data = soxr.resample(data, rate, SAMPLERATE)
    return np.ascontiguousarray(data.T) * 2**15


class Counts:
    """What coding a corpus shows."""

    def __init__(self) -> None:
        self.inputs: tuple[list[Any], ...] = ([], [], [])
        """Of each network, ``int8[n, inputs]``."""
        self.outcomes: tuple[list[Any], ...] = ([], [], [])
        """Symbols of both passes, and levels."""
        self.splits = np.ones((4, 2, 2))
        self.angles = np.full((stereo.CONTEXTS, stereo.ANGLES), 0.02)

    def observe(self, what: str, *found: Any) -> None:
        """For `Packer`."""
        if what == "split":
            np.add.at(self.splits.reshape(8, 2), found, 1)
        elif what == "angle":
            np.add.at(self.angles, found, 1)
        elif what == "level":
            self._add(2, LEVEL_FEATURES, *found)
        else:
            half, inputs, symbols = found
            self._add(half, FEATURES[0], inputs, symbols)

    def _add(self, network: int, constant: int, inputs: np.ndarray, outcomes: np.ndarray) -> None:
        self.inputs[network].append(np.delete(inputs, constant, axis=0).T.astype(np.int8))
        self.outcomes[network].append(outcomes.astype(np.uint8))


def collect(paths: list[Path], tables: Tables, seconds: float, seed: int) -> Counts:
    """Code a stretch of each recording at one of `RATES`."""
    counts = Counts()
    for i, path in enumerate(paths):
        samples = load(path, seconds, seed + i)
        if i % 3 and len(samples) == 2:
            samples = samples.mean(axis=0, keepdims=True)
        frames = samples.shape[1] // FRAME - 2
        if frames < 4 or not samples.any():
            continue
        samples = samples[:, : (frames + 1) * FRAME]
        rate = RATES[(i + seed) % len(RATES)]
        spectra = Spectra(samples)
        settings = settings_for(rate, spectra, Character().push(samples))
        if len(samples) == 2 and i % 2:
            settings = replace(settings, joint=True)
        estimate = Estimate(spectra, settings)
        bits = rate * 1000 * len(samples) * frames * FRAME / SAMPLERATE
        settings = replace(settings, rule=settings.rule._replace(gain=estimate.gain_for(bits)))
        sizes = block_sizes.choose(spectra, settings.rule, settings.bands)
        found = mdct.forward(samples, np.concatenate(sizes), FRAME, FRAME)
        packer = Packer(found, sizes, settings, tables, estimate.angles, counts.observe)
        packer.pack(settings.rule.gain)
    return counts
