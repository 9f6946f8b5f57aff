"""What can be set of the denoiser."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..config import read

NOISES = {"sound": 0.4, "music": 0.15, "colour": 0.25, "babble": 0.1, "hum": 0.1}
"""Kinds of noise, and how often each."""


@dataclass(frozen=True)
class Model:
    name: str = "denoise-24k"
    description: str = ""
    samplerate: int = 24000
    hop: int = 320
    dim: int = 192
    expansion: int = 2
    kernel: int = 5
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 16, 1, 2])
    floor: float = 0.08  # amplitude of the noisy signal that remains


@dataclass(frozen=True)
class Data:
    tokens: int = 192  # length of a training excerpt
    batch: int = 8
    noises: dict[str, float] = field(default_factory=lambda: dict(NOISES))
    snr: list[float] = field(default_factory=lambda: [-5.0, 20.0])  # dB
    clean_probability: float = 0.12
    noise_only_probability: float = 0.04
    second_noise_probability: float = 0.3
    reverberation_probability: float = 0.25
    filter_probability: float = 0.25
    dynamic_range: float = 30.0  # dB between loud and quiet moments of speech fit to be a target


@dataclass(frozen=True)
class Training:
    steps: int = 200_000
    lr: float = 2e-3
    warmup: int = 100
    cooldown: float = 0.3  # last part of a run over which the learning rate falls
    ema: float = 0.995
    complex_share: float = 0.6  # of the loss; the rest is magnitudes
    loss_of_speech: float = 4.0  # how much more it counts to take away too much than too little
    clip: float = 5.0
    seed: int = 1


@dataclass(frozen=True)
class Config:
    model: Model
    data: Data
    training: Training


def load_config(path: Path, overrides: list[str] | None = None) -> Config:
    """Read a TOML file with the tables ``model``, ``data`` and ``training``."""
    return read(Config, path, overrides)
