"""One TOML file per model; models differ in their config and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_type_hints

import tomllib

T = TypeVar("T")


@dataclass(frozen=True)
class Model:
    """What ends up in the graphs."""

    name: str = "general-24k"
    description: str = ""
    samplerate: int = 24000
    hop: int = 320
    lookahead: int = 3  # tokens the decoder may look ahead, beyond the transform's own window
    encoder_dim: int = 384
    encoder_blocks: int = 5
    decoder_dim: int = 384
    decoder_blocks: int = 6
    encoder_expansion: int = 3
    decoder_expansion: int = 3  # made less by the verb narrow
    kernel: int = 7
    latent_dim: int = 80
    level_latents: int = 16  # of these the last, see `levels`
    level_per_db: float = 0.455  # units of those latents: the larger, the closer they are coded
    copies_from: int = 64  # coefficient from which, over 24, copies take over; 2.4 kHz
    enhancer_dim: int = 160
    enhancer_blocks: int = 0  # without any there is no enhancer
    enhancer_expansion: int = 3
    enhancer_context: int = 48  # what each of its frames is told of the decoder's trunk
    codebooks: int = 16
    codebook_size: int = 1024
    beam: int = 2  # sequences of codes that the encoder follows
    wide_beam: int = 2  # the same where more than `quantiser.FEW` codes are asked for
    followed: int = 8  # codes, one of GROUPS or all; then only the best is, in half of the time
    default_bitrate: float = 6.0


@dataclass(frozen=True)
class Data:
    """Which recordings, in what proportion, disturbed how."""

    mix: dict[str, float] = field(
        default_factory=lambda: {"speech": 0.5, "music": 0.35, "sound": 0.15}
    )
    mix_probability: float = 0.15  # two sources added
    noise_probability: float = 0.1
    filter_probability: float = 0.25  # random low-pass or tilt
    speed_share: float = 0.5  # of excerpts that are played faster or slower
    tokens: int = 96  # length of a training excerpt
    skipped: int = 0  # of these, at its beginning, heard by the networks but not decoded
    batch: int = 12


@dataclass(frozen=True)
class Adversarial:
    """Discriminators, and what is asked for beside likeness."""

    adversarial_from: int | None = None  # step; None for never
    # Shares of the gradient that likeness has at the samples.
    adversarial: float = 0.8
    feature: float = 2.0
    envelope: float = 0.0
    alone: int = 450  # steps in which only they learn, where they begin
    discriminator_lr: float = 1e-3
    discriminator_rows: int = 50  # per cent of the batch
    discriminator_channels: int = 16
    discriminator_windows: list[int] = field(default_factory=lambda: [1024, 512, 256])
    discriminator_periods: list[int] = field(default_factory=lambda: [2, 3, 5, 7, 11])
    emphasised: bool = False  # whether periods are those of samples with a flat spectrum


@dataclass(frozen=True)
class Training(Adversarial):
    """The schedule and the weights of the losses."""

    steps: int = 200_000
    lr: float = 5e-4
    warmup: int = 400
    cooldown: float = 0.5  # last part of a run over which the learning rates fall
    ema: float = 0.999
    bitrates: list[int] = field(
        default_factory=lambda: [2, 4, 8, 16]
    )  # codebooks of the bitrates that are measured
    averages: float = 0.5  # share of excerpts whose codebooks are an average, as a file's are
    seed: int = 1
    decoder_only: bool = False  # codes stay as they are, and so does a language model of them
    mel: float = 1.0
    spectrum: float = 0.8
    levels: float = 0.15
    loudness: float = 1.5
    level_latents: float = 0.3  # how firmly those latents are held to what they are to carry
    wave_size: float = 44.0  # mean square that the other latents may have, beside such levels
    too_large: float = 3.0  # weight of what is above it
    waveform: float = 0.1
    commitment: float = 0.25
    clip: float = 50.0  # of the generator's gradient norm
    pace: float = 1.0  # learning rate of all but the enhancer, as a share of its own


@dataclass(frozen=True)
class LanguageModel:
    """The language model over the codes: its size and its schedule."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    hidden: int = 768
    window: int = 256  # steps that it looks back
    mix: dict[str, float] = field(
        default_factory=lambda: {"speech": 0.55, "music": 0.3, "sound": 0.15}
    )
    tokens: int = 400  # length of a training excerpt
    batch: int = 8
    codebooks: list[int] = field(default_factory=lambda: [2, 4, 8, 16])  # mostly trained with
    # Shares of batches with the same codebooks everywhere, and with a quality; the others have an
    # average, as files mostly do.
    constant: float = 0.15
    quality: float = 0.25
    steps: int = 100_000
    float_steps: int = 300  # before weights and activations are rounded
    lr: float = 1e-3
    warmup: int = 100
    cooldown: float = 0.5  # as above
    weight_decay: float = 0.1
    dropout: float = 0.0
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 1


@dataclass(frozen=True)
class Config:
    model: Model
    data: Data
    training: Training
    lm: LanguageModel


def read(kind: type[T], path: str | Path, overrides: list[str] | None) -> T:
    """A TOML file as a dataclass of dataclasses, a table for each.

    `overrides` are ``section.key=value`` with TOML values.
    """
    tables, kinds = tomllib.loads(Path(path).read_text()), get_type_hints(kind)
    for item in overrides or []:
        key, value = item.split("=", 1)
        section, name = key.split(".", 1)
        tables.setdefault(section, {})[name] = tomllib.loads(f"v = {value}")["v"]
    if unknown := set(tables) - set(kinds):
        raise ValueError(f"{path}: unknown sections {sorted(unknown)}")
    return kind(**{name: section(**tables.get(name, {})) for name, section in kinds.items()})


def load(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a config of a codec, with `overrides` as of `read`."""
    return read(Config, path, overrides)
