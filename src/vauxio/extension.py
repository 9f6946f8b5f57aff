"""What lies above a model's band: how loud it was, measured and coded, and noise as loud as that.

A model of 24 kHz hears nothing above 12 kHz. What recordings of higher rates have there is mostly
noise, and how loud it is follows what lies below: so all that is kept of it are ratios, of five
bands up to 20 kHz to a *reference* band under 12 kHz, a third of a second at a time. The decoder
copies its own spectrum upwards and brings it to these levels from token to token (spectral band
replication, Dietz et al. 2002; noise substitution, Herre & Schulz 1998).

``docs/format.md`` is the specification of the bits, and of what they mean. This room knows nothing
of files, networks or the codes of the model.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from .bundles import Model
from .depths import decode_depths, encode_depths
from .errors import FormatError
from .header import LEVEL_TOKENS

__all__ = ["SPAN", "Extender", "Meter", "Timing", "bands_for", "check_bands", "decode_levels",
           "encode_levels", "timing"]  # fmt: skip

SPAN = LEVEL_TOKENS
"""Tokens that have the same levels."""

LARGEST = 21
"""Of the levels: 0 for nothing, else -48 dB and 3 dB for each."""

# As MDCT coefficients of the model's token rate, 37.5 Hz apart at 75 tokens a second: where bands
# begin and end (about one ERB each), and what they are relative to. The first begins where filters
# of sample rate conversion leave nothing any more, just below the model's end.
_EDGES = (308, 355, 393, 436, 482, 533)
_REFERENCE = slice(187, 306)
_HOP = 320
_COPIED = _EDGES[-1] - _EDGES[0]  # coefficients that are copied upwards, from just below the first
_GROUP = 15  # of these that are brought to the same power first, for there are formants among them

_STEP_DB, _BELOW_DB = 3.0, -48.0
_SILENCE = 1e-10  # power of a coefficient, of samples up to 1: less does not count


def bands_for(model: Model, samplerate: int, denoise: bool = False) -> int:
    """How many bands above the model's are kept of a recording; 0 if none.

    None where noise is taken out, for a denoiser hears nothing up there and would leave it.
    """
    if model.hop != _HOP or denoise:
        return 0
    spacing = model.samplerate / 2 / _HOP
    return sum(edge * spacing <= samplerate / 2 * 1.03 for edge in _EDGES[1:])


def check_bands(model: Model, bands: int) -> None:
    """`FormatError` if a file of this model cannot have bands above."""
    if bands and model.hop != _HOP:
        raise FormatError(f"bands above {model.name}, whose tokens are not of {_HOP} samples")


class Timing(NamedTuple):
    """When the samples of a decoder come, and at what rate.

    Attributes
    ----------
    samplerate, hop, delay : int
        In Hz and samples.
    reach : int
        Tokens of the past that a sample depends on.
    """

    samplerate: int
    hop: int
    delay: int
    reach: int

    def samples_for(self, frames: int, samplerate: int) -> int:
        """Samples that `frames` frames at `samplerate` Hz are."""
        return -(-frames * self.samplerate // samplerate)


def timing(model: Model, bands: int) -> Timing:
    """Of a model's decoder by itself, or with an `Extender` behind it."""
    reach = model.decoder.receptive_field
    if not bands:
        return Timing(model.samplerate, model.hop, model.delay, reach)
    return Timing(2 * model.samplerate, 2 * model.hop, 2 * (model.delay + model.hop), reach + 2)


class Meter:
    """Frames at their own rate to levels, pushed in pieces of any size.

    Parameters
    ----------
    model : Model
    samplerate, channels : int
        Of the frames.
    token : int, optional
        The token to begin with, of a whole span.

    Attributes
    ----------
    first : int
        The frame to begin with.
    token : int
        The token that comes next.
    """

    def __init__(self, model: Model, samplerate: int, channels: int, token: int = 0) -> None:
        self._rate = samplerate * model.hop / model.samplerate  # frames of a token
        self._late = model.delay // model.hop + 1  # tokens until the extender hears it
        self._bands, self.token = bands_for(model, samplerate), token
        length = round(2 * self._rate)
        self._window = np.hanning(length + 2)[1:-1, None].astype(np.float32)
        frequencies = np.fft.rfftfreq(length, 1 / samplerate) / (model.samplerate / 2 / _HOP)
        self._bins = [slice(*np.searchsorted(frequencies, edges)) for edges in (
            (_REFERENCE.start, _REFERENCE.stop), *zip(_EDGES, _EDGES[1:], strict=False)
        )][: self._bands + 1]  # fmt: skip
        begin = self._begin(token)
        self.first = max(0, begin)
        self._waiting = np.zeros((self.first - begin, channels), np.float32)

    def push(self, frames: np.ndarray) -> np.ndarray:
        """``float32[n, channels]`` to the levels ``uint8[channels, bands, m]`` of whole spans."""
        waiting = np.concatenate([self._waiting, frames])
        spans = [np.empty((waiting.shape[1], self._bands, 0), np.uint8)]
        while (stop := self._begin(self.token + SPAN - 1) + len(self._window)) <= (
            at := self._begin(self.token)
        ) + len(waiting):
            spans.append(self._levels(waiting[: stop - at], at)[..., None])
            self.token += SPAN
            waiting = waiting[self._begin(self.token) - at :]
        self._waiting = waiting
        return np.concatenate(spans, axis=2)

    def finish(self, tokens: int) -> np.ndarray:
        """The levels that remain, of a signal of so many tokens."""
        last = -(-tokens // SPAN) * SPAN
        missing = self._begin(last) + len(self._window) - self._begin(self.token)
        missing = max(0, missing - len(self._waiting))
        return self.push(np.zeros((missing, self._waiting.shape[1]), np.float32))

    def _begin(self, token: int) -> int:
        return round((token - self._late) * self._rate)

    def _levels(self, frames: np.ndarray, at: int) -> np.ndarray:
        """Of one span: ``uint8[channels, bands]``."""
        # Windows are two tokens long: every second one has all there is.
        starts = [self._begin(token) - at for token in range(self.token, self.token + SPAN, 2)]
        windows = np.stack([frames[i : i + len(self._window)] for i in starts]) * self._window
        power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
        power *= 2 / (len(self._window) * 3 / 8)  # as orthonormal MDCT coefficients have
        powers = np.stack([power[:, bins].mean(axis=1) for bins in self._bins])
        reference, *bands = np.sqrt(powers + 1e-3 * _SILENCE).mean(axis=1) ** 2
        levels = []
        for band in bands:
            db = 10 * np.log10(band / reference)
            level = np.clip(np.round((db - _BELOW_DB) / _STEP_DB), 0, LARGEST)
            levels.append(np.where(band > _SILENCE, level, 0))
        return np.stack(levels, axis=1).astype(np.uint8)


class Extender:
    """A decoder's samples to samples at twice the rate, with noise above, one token later.

    Parameters
    ----------
    channels : int
    bands : int
    """

    def __init__(self, channels: int, bands: int) -> None:
        self._bands = bands
        self._last = np.zeros((channels, 1, _HOP), np.float32)
        self._overlap = np.zeros((channels, 1, 2 * _HOP), np.float32)

    def push(self, samples: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """``float32[channels, n * hop]`` to ``float32[channels, 2 * n * hop]``.

        `levels` are ``uint8[channels, bands, n]``.
        """
        analysis, synthesis = _bases()
        hops = np.concatenate([self._last, samples.reshape(len(samples), -1, _HOP)], axis=1)
        self._last = hops[:, -1:]
        low = np.concatenate([hops[:, :-1], hops[:, 1:]], axis=2) @ analysis
        coefficients = np.zeros((*low.shape[:2], _EDGES[-1]), np.float32)
        coefficients[..., :_HOP] = low
        coefficients[..., _EDGES[0] :] += self._above(low, levels)
        frames = coefficients @ synthesis
        ends = np.concatenate([self._overlap, frames[..., 2 * _HOP :]], axis=1)
        self._overlap = ends[:, -1:]
        return (frames[..., : 2 * _HOP] + ends[:, :-1]).reshape(len(samples), -1)

    def finish(self) -> np.ndarray:
        """The last token's samples."""
        channels = len(self._last)
        nothing = np.zeros((channels, self._bands, 1), np.uint8)
        return self.push(np.zeros((channels, _HOP), np.float32), nothing)

    def _above(self, low: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Coefficients of the bands ``[channels, n, ...]``, from those below them."""
        channels, n, _ = low.shape
        groups = low[..., _EDGES[0] - _COPIED : _EDGES[0]].reshape(channels, n, -1, _GROUP)
        power = np.square(groups).mean(axis=3, keepdims=True)
        above = (groups / np.sqrt(power + _SILENCE)).reshape(channels, n, -1)
        reference = np.square(low[..., _REFERENCE]).mean(axis=2)
        wanted = reference[:, None] * np.float32(10) ** ((_BELOW_DB + _STEP_DB * levels) / 10)
        gains = np.sqrt(wanted * (levels > 0)).transpose(0, 2, 1)
        gains = np.repeat(gains, np.diff(_EDGES)[: self._bands], axis=2)
        above[..., : gains.shape[2]] *= gains
        above[..., gains.shape[2] :] = 0
        return above


@cache
def _bases() -> tuple[np.ndarray, np.ndarray]:
    """MDCT with a sine window, and its inverse at twice the rate, with all coefficients.

    ``float32[2 * hop, hop]`` and ``float32[copied up to, 4 * hop]``. The inverse is the same sum of
    cosines, taken where the samples of the higher rate lie.
    """

    def basis(times: np.ndarray, coefficients: int) -> np.ndarray:
        k = np.arange(coefficients) + 0.5
        cosines = np.cos(math.pi / _HOP * (times[:, None] + _HOP / 2) * k)
        window = np.sin(math.pi * times / (2 * _HOP))[:, None]
        return (window * cosines * math.sqrt(2 / _HOP)).astype(np.float32)

    analysis = basis(np.arange(2 * _HOP) + 0.5, _HOP)
    return analysis, np.ascontiguousarray(basis(np.arange(4 * _HOP) / 2 + 0.5, _EDGES[-1]).T)


def encode_levels(levels: np.ndarray) -> bytes:
    """Levels ``uint8[channels, bands, spans]`` of a block to bytes; none if all are 0."""
    if not levels.any():
        return b""
    return encode_depths(levels.reshape(-1, levels.shape[2]), 1, LARGEST)


def decode_levels(data: bytes, channels: int, bands: int, tokens: int) -> np.ndarray:
    """What `encode_levels` made, for each token: ``uint8[channels, bands, tokens]``.

    Raises
    ------
    FormatError
        If it cannot have made them.
    """
    if not data:
        return np.zeros((channels, bands, tokens), np.uint8)
    spans = -(-tokens // SPAN)
    levels = decode_depths(data, 1, channels * bands, spans, LARGEST)
    return np.repeat(levels.reshape(channels, bands, spans), SPAN, axis=2)[..., :tokens]
