"""Bandwidth extension: copies above the model's band, at levels measured from the recording.

A model at 24 kHz codes nothing above 12 kHz. Recordings at higher rates have mostly noise there,
and its level follows the level below. So a file keeps only ratios: the levels of bands up to 20 kHz
relative to a *reference* band below 12 kHz. There are five bands, updated three times a second, or
ten *fine* bands every 40 ms if there are enough bits. The decoder copies its own spectrum upwards
and scales it to these levels token by token (spectral band replication, Dietz et al. 2002; noise
substitution, Herre & Schulz 1998).

``docs/format.md``, sections 6.2 and 9.1, is the specification. This module knows
nothing of files or networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..container.header import LEVEL_TOKENS
from ..entropy.allocation import Allocation, decode_allocation, encode_allocation
from ..errors import FormatError
from ..model.models import Model
from .spectrum import HOP, STOP

__all__ = ["FINE_COST", "NO_BANDS", "Bands", "Extender", "Meter", "bands_for", "check_bands",
           "decode_levels", "encode_levels", "highest_frequency", "levels_of",
           "ranges_of"]  # fmt: skip

LARGEST = 21
"""Of the levels: 0 for nothing, else -48 dB and 3 dB for each."""

# As MDCT coefficients of the model's token rate, 37.5 Hz apart at 75 tokens a second: where bands
# begin and end (about one ERB each, or half of one if fine), and what they are relative to. The
# first begins where filters of sample rate conversion leave nothing any more, just below the
# model's end.
_EDGES = {
    False: (308, 355, 393, 436, 482, 533),
    True: (308, 331, 355, 374, 393, 414, 436, 459, 482, 507, 533),
}
_FIRST = _EDGES[False][0]
_REFERENCE = slice(187, 306)
# Coefficients below each, the one that is copied there. An even number: phases then advance from
# token to token as they do below, so that a steady tone stays one.
_SHIFT = 240
_GROUP = 15  # that are brought to the same power first, for there are formants among them

_STEP_DB, _BELOW_DB = 3.0, -48.0
_SILENCE = 1e-10  # power of a coefficient for samples up to 1: anything weaker is silence
_TOGETHER = 32  # spans that are measured at once

# From so many codes a token, or from this quality on, levels are fine, which takes 0.5 to 0.6 kbps:
# where all bands are there, or they would take less than they cost.
_FINE_CODES, _FINE_QUALITY = 12, 9
FINE_COST = 1
"""Of those codes."""


@dataclass(frozen=True)
class Bands:
    """Which bands above a model's have levels.

    Attributes
    ----------
    count : int
        The first so many; 0 for none.
    fine : bool
        Bands half as wide, whose levels come more often.
    """

    count: int = 0
    fine: bool = False

    @property
    def edges(self) -> tuple[int, ...]:
        """Where they begin and end, in coefficients."""
        return _EDGES[self.fine][: self.count + 1]

    @property
    def span(self) -> int:
        """Tokens that have the same levels."""
        return LEVEL_TOKENS[self.fine]


NO_BANDS = Bands()


def bands_for(
    model: Model, samplerate: int, allocation: Allocation, denoise: bool = False
) -> Bands:
    """The bands above the model's that are kept of a recording.

    None where noise is taken out, for a denoiser hears nothing up there and would leave it.
    """
    if model.hop != HOP or denoise:
        return NO_BANDS
    spacing = model.samplerate / 2 / HOP
    count = sum(edge * spacing <= samplerate / 2 * 1.03 for edge in _EDGES[False][1:])
    if not model.distortions or model.codebooks < _FINE_CODES or count < len(_EDGES[False]) - 1:
        return Bands(count)
    if allocation.average is None:
        fine = allocation.distortion <= model.distortion_for(_FINE_QUALITY)
    else:
        fine = allocation.average >= _FINE_CODES
    return Bands(len(_EDGES[True]) - 1, True) if fine else Bands(count)


def highest_frequency(model: Model, bands: Bands) -> float:
    """Up to where a decoder gives sound, in Hz: the model's own end, or that of the last band."""
    end = bands.edges[-1] if bands.count else model.hop
    return end * model.samplerate / 2 / model.hop


def check_bands(model: Model, bands: Bands) -> None:
    """`FormatError` if a file of this model cannot have bands above."""
    if bands.count and model.hop != HOP:
        raise FormatError(f"bands above {model.name}, whose tokens are not of {HOP} samples")


class Meter:
    """Frames at their own rate to levels, pushed in pieces of any size.

    Parameters
    ----------
    model : Model
    samplerate, channels : int
        Of the frames.
    bands : Bands
    token : int, optional
        The token to begin with, of a whole span.

    Attributes
    ----------
    first : int
        The frame to begin with.
    token : int
        The token that comes next.
    """

    def __init__(
        self, model: Model, samplerate: int, channels: int, bands: Bands, token: int = 0
    ) -> None:
        self._rate = samplerate * model.hop / model.samplerate  # frames of a token
        self._late = model.delay // model.hop + 1  # tokens until the extender hears it
        self._bands, self.token = bands, token
        length = round(2 * self._rate)
        self._window = np.hanning(length + 2)[1:-1, None].astype(np.float32)
        frequencies = np.fft.rfftfreq(length, 1 / samplerate) / (model.samplerate / 2 / HOP)
        self._bins = [slice(*np.searchsorted(frequencies, ends)) for ends in ranges_of(bands)]
        begin = self._begin(token)
        self.first = max(0, begin)
        self._waiting = np.zeros((self.first - begin, channels), np.float32)

    def push(self, frames: np.ndarray) -> np.ndarray:
        """``float32[n, channels]`` to the levels ``uint8[channels, bands, m]`` of whole spans."""
        waiting = np.concatenate([self._waiting, frames])
        parts = [np.empty((waiting.shape[1], self._bands.count, 0), np.uint8)]
        while spans := self._whole_spans(len(waiting)):
            parts.append(self._levels(waiting, spans))
            begin = self._begin(self.token)
            self.token += spans * self._bands.span
            waiting = waiting[self._begin(self.token) - begin :]
        self._waiting = waiting
        return np.concatenate(parts, axis=2)

    def finish(self, tokens: int) -> np.ndarray:
        """The levels that remain, for a signal of so many tokens."""
        last = -(-tokens // self._bands.span) * self._bands.span
        missing = self._begin(last) + len(self._window) - self._begin(self.token)
        missing = max(0, missing - len(self._waiting))
        return self.push(np.zeros((missing, self._waiting.shape[1]), np.float32))

    def _begin(self, token: int) -> int:
        return round((token - self._late) * self._rate)

    def _whole_spans(self, frames: int) -> int:
        """How many spans so many frames are enough for, of the next few."""
        stop = self._begin(self.token) + frames - len(self._window)
        spans = 0
        while spans < _TOGETHER:
            if self._begin(self.token + (spans + 1) * self._bands.span - 1) > stop:
                break
            spans += 1
        return spans

    def _levels(self, waiting: np.ndarray, spans: int) -> np.ndarray:
        """Of the first spans: ``uint8[channels, bands, spans]``."""
        # Windows are two tokens long: every second one has all there is.
        span = self._bands.span
        starts = [
            [self._begin(self.token + i * span + j) for j in range(0, span, 2)]
            for i in range(spans)
        ]
        at = np.array(starts)[..., None] - self._begin(self.token) + np.arange(len(self._window))
        power = np.abs(np.fft.rfft(waiting[at] * self._window, axis=2)) ** 2
        power *= 2 / (len(self._window) * 3 / 8)  # as orthonormal MDCT coefficients have
        powers = np.stack([power[:, :, bins].mean(axis=2) for bins in self._bins])
        means = np.sqrt(powers + 1e-3 * _SILENCE).mean(axis=2) ** 2
        levels: np.ndarray = levels_of(np.moveaxis(means, 0, -1)).transpose(1, 2, 0)
        return levels


class Extender:
    """Noise above, in coefficients of a decoder's samples.

    Parameters
    ----------
    bands : Bands
    """

    def __init__(self, bands: Bands) -> None:
        self._widths = np.diff(bands.edges)

    def push(self, low: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """``float32[channels, n, HOP]`` to ``float32[channels, n, STOP]``, as of `spectrum`.

        `levels` are ``uint8[channels, bands, n]``.
        """
        coefficients = np.zeros((*low.shape[:2], STOP), np.float32)
        coefficients[..., :HOP] = low
        coefficients[..., _FIRST:] += self._above(low, levels)
        return coefficients

    def _above(self, low: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Coefficients of the bands ``[channels, n, ...]``, from those below them."""
        channels, n, _ = low.shape
        groups = low[..., _FIRST - _SHIFT : _FIRST].reshape(channels, n, -1, _GROUP)
        power = np.square(groups).mean(axis=3, keepdims=True)
        above: np.ndarray = (groups / np.sqrt(power + _SILENCE)).reshape(channels, n, -1)
        reference = np.square(low[..., _REFERENCE]).mean(axis=2)
        wanted = reference[:, None] * np.float32(10) ** ((_BELOW_DB + _STEP_DB * levels) / 10)
        gains = np.sqrt(wanted * (levels > 0)).transpose(0, 2, 1)
        gains = np.repeat(gains, self._widths, axis=2)
        above = above[..., : STOP - _FIRST]
        above[..., : gains.shape[2]] *= gains
        above[..., gains.shape[2] :] = 0
        return above


def ranges_of(bands: Bands) -> list[tuple[int, int]]:
    """Where the reference begins and ends, and each band, in coefficients."""
    edges = bands.edges
    return [(_REFERENCE.start, _REFERENCE.stop), *zip(edges, edges[1:], strict=False)]


def levels_of(powers: np.ndarray) -> np.ndarray:
    """Levels ``uint8[..., bands]``, of mean powers ``[..., 1 + bands]``: the reference's first."""
    reference, band = powers[..., :1], powers[..., 1:]
    db = 10 * np.log10(np.maximum(band, _SILENCE) / np.maximum(reference, _SILENCE))
    level = np.clip(np.round((db - _BELOW_DB) / _STEP_DB), 0, LARGEST)
    return np.where(band > _SILENCE, level, 0).astype(np.uint8)


def encode_levels(levels: np.ndarray) -> bytes:
    """Levels ``uint8[channels, bands, spans]`` of a block to bytes; none if all are 0."""
    if not levels.any():
        return b""
    return encode_allocation(levels.reshape(-1, levels.shape[2]), 1, LARGEST)


def decode_levels(data: bytes, channels: int, bands: Bands, tokens: int) -> np.ndarray:
    """The levels of each token, of bytes from `encode_levels`: ``uint8[channels, bands, tokens]``.

    Raises
    ------
    FormatError
        If it cannot have made them.
    """
    if not data:
        return np.zeros((channels, bands.count, tokens), np.uint8)
    spans = -(-tokens // bands.span)
    levels = decode_allocation(data, 1, channels * bands.count, spans, LARGEST)
    return np.repeat(levels.reshape(channels, -1, spans), bands.span, axis=2)[..., :tokens]
