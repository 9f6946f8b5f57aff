"""What can be set of the enhancement."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..config import Adversarial, read

SAMPLERATE = 16000  # of training; the graph works at 48 kHz


@dataclass(frozen=True)
class Model:
    hop: int = 64
    bins: int = 77  # up to 4.8 kHz; above, what is decoded stays as it is
    taps: int = 7  # frames of what was coded that make one of the result
    dim: int = 192
    expansion: int = 3
    kernel: int = 7
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 1, 2, 4])
    most: float = 4.0  # of the noise's power, in each frame, that is added at most; not in training


@dataclass(frozen=True)
class Data:
    judged: int = 8192  # samples of an excerpt that count
    margin: int = 2560  # samples before and after, which the network only hears
    batch: int = 16
    snr: float = 24.0  # dB; excerpts that are closer to the original teach nothing


@dataclass(frozen=True)
class Training(Adversarial):
    steps: int = 200_000
    lr: float = 1.2e-3
    warmup: int = 200
    cooldown: float = 0.7  # last part of a run over which the learning rates fall
    ema: float = 0.998
    clip: float = 5.0
    seed: int = 1
    mel: float = 1.0
    coded: float = 3.0
    levels: float = 0.1
    loudness: float = 2.0
    adversarial_from: int | None = 2400
    adversarial_lr: float = 5e-4  # from then on
    envelope: float = 0.5
    alone: int = 220
    emphasised: bool = True


@dataclass(frozen=True)
class Config:
    model: Model
    data: Data
    training: Training


def load_config(path: Path, overrides: list[str] | None = None) -> Config:
    """Read a TOML file with the tables ``model``, ``data`` and ``training``."""
    return read(Config, path, overrides)
