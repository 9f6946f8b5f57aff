"""What a codec is here: a recording in, decoded samples and a number of bytes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import vauxio

from .corpus import KINDS, Recording

Signal = tuple[np.ndarray, int]
"""Samples ``float32[samples]``, of stereo ``float32[samples, 2]``, and their rate in Hz."""


@dataclass(frozen=True)
class Coded:
    """What a codec made of a recording.

    Attributes
    ----------
    decoded : Signal
        At any rate, with whatever delay the codec leaves in.
    bytes : int
        Of the file.
    audio_bytes : int
        Of these, the coded audio alone. For vauxio the whole file: its overhead is part of it.
    plain_bytes : int or None
        Of the same file without the language model, for models of vauxio that have one.
    """

    decoded: Signal
    bytes: int
    audio_bytes: int
    plain_bytes: int | None = None


@dataclass(frozen=True)
class Codec:
    """One setting of one codec.

    Attributes
    ----------
    family, setting : str
        ``"Opus"``, ``"6 kbps"``.
    kinds : tuple of str
        What it is measured on: codecs made for speech are not measured on music.
    """

    family: str
    setting: str
    kinds: tuple[str, ...] = KINDS

    @property
    def name(self) -> str:
        return f"{self.family} {self.setting}"

    @property
    def missing(self) -> str | None:
        """What it would take to measure it here, if it cannot be measured as things are."""
        return None

    def run(self, recording: Recording) -> Coded:
        raise NotImplementedError


@dataclass(frozen=True)
class Original(Codec):
    """The recording itself, as 16-bit PCM: what each metric gives to a perfect codec."""

    def run(self, recording: Recording) -> Coded:
        samples = recording.samples
        return Coded(
            (samples.astype(np.float32) / 2**15, recording.samplerate),
            samples.nbytes,
            samples.nbytes,
        )


@dataclass(frozen=True)
class Vauxio(Codec):
    """vauxio through its own interface.

    Attributes
    ----------
    model : str
    bitrate : float
        Nominal, in kbps, of all channels.
    """

    model: str = ""
    bitrate: float = 0

    @property
    def missing(self) -> str | None:
        installed = vauxio.models()
        if self.model in {model.name for model in (*installed, *installed.transforms)}:
            return None
        return f"{self.model} is not installed"

    def run(self, recording: Recording) -> Coded:
        def code(lm: bool = True) -> bytes:
            return vauxio.compress(
                recording.samples, recording.samplerate, model=self.model, bitrate=self.bitrate,
                lm=lm,
            )  # fmt: skip

        blob = code()
        has_lm = self.model in {model.name for model in vauxio.models()}
        plain = len(code(lm=False)) if has_lm else None
        return Coded(vauxio.decompress(blob), len(blob), len(blob), plain)
