"""What ``model.json`` says of a model: a codec of tokens, a transform codec, a denoiser.

This module knows their properties and their bitrates. It opens no file and no network.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np

from ..arguments import to_number
from ..entropy.allocation import Allocation
from ..errors import BitrateError, ModelError
from .grid import Grid
from .networks import Asset, Enhancement, LanguageModel, Network

__all__ = ["MOST_CODES", "SILENT", "Denoiser", "Model", "Transform"]

MOST_CODES = 10
"""The highest quality of the models with tokens. Transform codecs have those above it."""

_BEST, _BEST_BITRATE = 20, 128
"""The highest quality of transform codecs, and kbps per channel that it takes on average."""

SILENT = 1 / 40
"""Of the distortion of quality 10: what is as near as that is silence, at any bitrate."""


@dataclass(frozen=True, repr=False)
class _Named(Grid):
    """What all kinds of models have in common.

    Attributes
    ----------
    name, description : str
    """

    name: str
    description: str

    def __repr__(self) -> str:
        return f"{self.name}: {self.description}\n    {self._summary()}"

    def _summary(self) -> str:
        """Its most important numbers, in a line."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class Model(_Named):
    """What ``model.json`` says of one installed model.

    Attributes
    ----------
    name, description : str
    samplerate : int
        Rate at which the networks work, in Hz.
    hop : int
        Samples (at `samplerate`) per token.
    delay : int
        Samples by which the decoder's output comes after the encoder's input.
    codebooks, codebook_size : int
        Codebooks at most, and entries of each.
    code_space : bytes
        Names what codes mean, 8 bytes: decoders that were trained on the same codes share it.
    default_bitrate : float
        Nominal kbps per channel where none is asked for.
    encoder, decoder : Network
    static : Asset
        ``uint16[codebooks, codebook_size]``: relative frequencies of the codes.
    lm : LanguageModel or None
        What predicts the codes, where the model has it.
    distortions : tuple of float
        The distortion that spans may have (`allocation.needs`) at quality 0, 1, and so on to 10;
        empty where the model has no variable bitrate.
    """

    codebooks: int
    codebook_size: int
    code_space: bytes
    default_bitrate: float
    encoder: Network
    decoder: Network
    static: Asset
    lm: LanguageModel | None = None
    distortions: tuple[float, ...] = ()

    @property
    def latency(self) -> float:
        """Algorithmic delay of a live stream in seconds: a sample waits for the rest of its token,
        and for `delay` samples more."""
        return (self.delay + self.hop) / self.samplerate

    @property
    def code_bits(self) -> int:
        """Bits of one code, stored bare."""
        return math.ceil(math.log2(self.codebook_size))

    def bitrate(self, codebooks: float) -> float:
        """Nominal kbps per channel of that many codebooks: their codes stored bare."""
        return codebooks * self.code_bits * self.token_rate / 1000

    @property
    def bitrates(self) -> tuple[float, ...]:
        """Every nominal bitrate of this model, in kbps per channel, lowest first."""
        return tuple(self.bitrate(k) for k in range(1, self.codebooks + 1))

    def has_bitrate(self, bitrate: float) -> bool:
        """Whether `bitrate` lies between this model's lowest and highest."""
        return self.bitrate(1) <= bitrate <= self.bitrate(self.codebooks)

    def codebooks_for(self, bitrate: float | None, channels: int = 1) -> int:
        """Number of codebooks whose nominal bitrate is nearest to `bitrate`.

        Parameters
        ----------
        bitrate : float or None
            kbps of all channels; None stands for `default_bitrate` of each. Halfway between two,
            the higher.
        channels : int, optional
            That share it.

        Raises
        ------
        BitrateError
            If `bitrate` is below the model's lowest bitrate or above its highest.
        """
        bitrate = to_number("bitrate", bitrate, BitrateError)
        each = self.default_bitrate if bitrate is None else bitrate / channels
        low, high = self.bitrate(1), self.bitrate(self.codebooks)
        if not self.has_bitrate(each):
            raise BitrateError(
                f"bitrate of {bitrate:g} kbps: {self.name} has {_range(low, high, channels)}"
            )
        return math.floor(each / low + 0.5)

    def allocation(self, bitrate: float | None, quality: float | None) -> Allocation:
        """The bit allocation of one channel, at a bitrate (kbps of that channel) or at a quality.

        A bitrate is an average.

        Raises
        ------
        TypeError
            If both are given.
        ValueError
            If the model does not have that one.
        """
        if quality is not None:
            if bitrate is not None:
                raise TypeError("Only one of {bitrate, quality} may be used")
            return Allocation(self.codebooks, distortion=self.distortion_for(quality))
        average = self.codebooks_for(bitrate)
        if not self.distortions:
            return Allocation.constant(average)
        return Allocation.averaging(average, self.codebooks, SILENT * self.distortions[-1])

    def distortion_for(self, quality: float) -> float:
        """The distortion that spans may have (`allocation.needs`) at a quality.

        Parameters
        ----------
        quality : float
            0 to `MOST_CODES`.

        Raises
        ------
        ValueError
            If `quality` is out of range, or the model has no variable bitrate.
        """
        quality = to_number("quality", quality)
        if not 0 <= quality <= MOST_CODES:
            raise ValueError(
                f"quality of {quality}: {self.name} has 0 to {MOST_CODES}; "
                f"hifi-48k has those above, up to {_BEST}"
            )
        if not self.distortions:
            raise ValueError(f"quality: {self.name} has no variable bitrate; give a bitrate")
        below = min(int(quality), 9)
        share = quality - below
        low, high = self.distortions[below : below + 2]
        return float(low ** (1 - share) * high**share)

    def static_table(self) -> np.ndarray:
        """The relative frequencies of the codes, ``uint16[codebooks, codebook_size]``."""
        try:
            table: np.ndarray = np.load(io.BytesIO(self.static.load()), allow_pickle=False)
        except (ValueError, EOFError, OSError) as e:
            raise ModelError(f"{self.static.path}: not a NumPy array; reinstall the model") from e
        expected = (self.codebooks, self.codebook_size)
        if table.dtype != np.uint16 or table.shape != expected or table.min() < 1:
            raise ModelError(
                f"{self.static.path}: {table.dtype}{list(table.shape)} is not the frequency table "
                f"uint16{list(expected)} that {self.name} needs; reinstall the model"
            )
        return table

    def _summary(self) -> str:
        return (
            f"{self.samplerate} Hz, {self.bitrates[0]:g} to {self.bitrates[-1]:g} kbps "
            f"per channel (default {self.default_bitrate:g}), "
            f"{self.latency * 1000:.1f} ms delay, "
            f"code space {self.code_space.hex()}, decoder {self.decoder.hash.hex()}"
        )


@dataclass(frozen=True, repr=False)
class Denoiser(_Named):
    """What ``model.json`` says of a network that takes noise out of speech.

    Attributes
    ----------
    name, description : str
    samplerate : int
        Rate at which it works, in Hz.
    hop : int
        Samples that it takes, and gives, at least.
    delay : int
        Samples by which its output comes after its input.
    network : Network
    """

    network: Network

    def _summary(self) -> str:
        delay = self.delay / self.samplerate * 1000
        return f"denoiser, {self.samplerate} Hz, {delay:.1f} ms delay"


@dataclass(frozen=True, repr=False)
class Transform(_Named):
    """What ``model.json`` says of a transform codec, which has no tokens.

    Attributes
    ----------
    name, description : str
    samplerate : int
        Rate at which it works, in Hz.
    hop : int
        Samples of a frame. It takes the place of a token.
    lowest, highest, default_bitrate : float
        kbps per channel that it can have, and has where none is asked for.
    auto_bitrate, music_bitrate : float
        kbps per channel from which on it sounds better than the models with tokens: whatever the
        signal, and for music.
    tables : Asset
        What predicts its coefficients, see `codec.hifi.network.Tables`.
    enhancer : Enhancement or None
        The network for decoded speech of few bits, where the codec has one.
    """

    lowest: float
    highest: float
    default_bitrate: float
    auto_bitrate: float
    music_bitrate: float
    tables: Asset
    enhancer: Enhancement | None = None

    def bitrate_for(
        self, bitrate: float | None, quality: float | None = None, channels: int = 1
    ) -> float:
        """The kbps per channel to code at, or those that a quality takes on average.

        From `auto_bitrate` at `MOST_CODES` on, every step of quality multiplies them by the same
        factor, up to 128 kbps at 20.

        Parameters
        ----------
        bitrate : float or None
            kbps of all channels; None stands for `default_bitrate` of each.
        quality : float or None
            Instead of a bitrate: above `MOST_CODES`, up to 20.
        channels : int, optional
            That share the bitrate.

        Raises
        ------
        BitrateError
            If the bitrate is out of range.
        TypeError
            If both are given.
        ValueError
            If the quality is out of range.
        """
        bitrate = to_number("bitrate", bitrate, BitrateError)
        quality = to_number("quality", quality)
        if quality is not None:
            if bitrate is not None:
                raise TypeError("Only one of {bitrate, quality} may be used")
            if not MOST_CODES < quality <= _BEST:
                raise ValueError(
                    f"quality of {quality}: {self.name} has those above {MOST_CODES}, "
                    f"up to {_BEST}; the other models have 0 to {MOST_CODES}"
                )
            share = (quality - MOST_CODES) / (_BEST - MOST_CODES)
            return float(self.auto_bitrate ** (1 - share) * _BEST_BITRATE**share)
        each = self.default_bitrate if bitrate is None else bitrate / channels
        if not self.lowest <= each <= self.highest:
            has = _range(self.lowest, self.highest, channels)
            raise BitrateError(f"bitrate of {bitrate:g} kbps: {self.name} has {has}")
        return each

    def _summary(self) -> str:
        summary = (
            f"transform codec, {self.samplerate} Hz, {self.lowest:g} to {self.highest:g} kbps "
            f"per channel (default {self.default_bitrate:g}), tables {self.tables.hash.hex()}"
        )
        return summary + (f", enhancer {self.enhancer.hash.hex()}" if self.enhancer else "")


def _range(low: float, high: float, channels: int) -> str:
    """A range of bitrates in words, for so many channels."""
    if channels == 1:
        return f"{low:g} to {high:g} kbps per channel"
    return f"{low * channels:g} to {high * channels:g} kbps for {channels} channels"
