"""Signals pushed in pieces of any size, to codes and back.

This module knows the timing of tokens: rates, delay, warm-up, exact lengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..audio.resample import Resampler
from ..entropy.allocation import WINDOW, Allocation
from ..model.models import Model
from ..model.networks import CPU, Providers
from .bandwidth_extension import NO_BANDS, Bands
from .concealment import ConcealingDecoder
from .denoising import DenoisingResampler
from .resampled import Resampled
from .spectral_decoder import SpectralDecoder, timing
from .stereo.downmix import Downmixer
from .stereo.layout import NO_STEREO, Stereo
from .stereo.rates import Plan
from .stereo.tokens import JointTokenEncoder
from .tokens import TokenDecoder, TokenEncoder

__all__ = ["SignalDecoder", "SignalEncoder"]


class SignalEncoder:
    """Frames at any rate, pushed in pieces of any size, to codes.

    The networks always see the same pieces, so the codes do not depend on how a signal is pushed.

    Parameters
    ----------
    model : Model
    samplerate, channels : int
        Of the frames.
    allocation : Allocation
        How many codes are given.
    denoise : bool, optional
        Take noise out of speech before it is coded.
    threads : int, optional
        Of each network.
    providers : tuple, optional
        Of the encoder.
    plan : Plan, optional
        Of joint stereo; `allocation` is the plan's then.
    tokens : optional
        What is made of samples at the model's rate, if not codes: ``push`` takes what
        `TokenEncoder.push` takes, and gives ``[channels, any, n]``; `empty` is that of no token.

    Attributes
    ----------
    frames : int
        How many have been pushed.
    downmixer : Downmixer or None
        Of joint stereo: it has the levels of bands above and the values of pairs.
    """

    def __init__(
        self,
        model: Model,
        samplerate: int,
        channels: int,
        allocation: Allocation,
        denoise: bool = False,
        threads: int = 1,
        providers: Providers = CPU,
        tokens: Any = None,
        plan: Plan | None = None,
    ) -> None:
        self._model, self._samplerate = model, samplerate
        self.downmixer: Downmixer | None = None
        if plan is not None and plan.stereo:
            self.downmixer = Downmixer(
                model, channels, plan.bands, plan.stereo, plan.price, most=plan.most
            )
            tokens = JointTokenEncoder(model, channels, plan, self.downmixer, threads, providers)
        self._rate = model.samplerate * (self.downmixer.factor if self.downmixer else 1)
        self._resampler: Resampler | DenoisingResampler
        if denoise:
            self._resampler = DenoisingResampler(samplerate, self._rate, channels, threads)
        else:
            self._resampler = Resampler(samplerate, self._rate, channels)
        self._empty = np.empty((channels, allocation.codebooks, 0), np.uint16)
        if tokens is None:
            tokens = TokenEncoder(model, channels, allocation, threads, providers)
        else:
            self._empty = tokens.empty
        self._tokens = tokens
        self._waiting = np.empty((0, channels), np.float32)
        self.frames = 0

    def push(self, frames: np.ndarray) -> np.ndarray:
        """``float32[n, channels]`` to the codes ``[channels, codebooks, m]`` that it completes.

        Their type is that of `TokenEncoder.push`.
        """
        self.frames += len(frames)
        samples = self._resampler.push(frames)
        if self.downmixer is not None:
            samples = self.downmixer.push(samples)
        return self._encode(samples, WINDOW)

    def finish(self) -> np.ndarray:
        """The codes that remain, the decoder's delay made up for."""
        tokens = self._model.tokens_for(self.frames, self._samplerate)
        samples = -(-self.frames * self._rate // self._samplerate)
        rest = self._resampler.finish(samples)
        if self.downmixer is not None:
            rest = np.concatenate([self.downmixer.push(rest), self.downmixer.finish(tokens)])
        else:
            silence = tokens * self._model.hop - samples
            rest = np.concatenate([rest, np.zeros((silence, rest.shape[1]), np.float32)])
        parts = [self._encode(rest, WINDOW)]
        last = len(self._waiting) // self._model.hop
        if last:
            parts.append(self._encode(self._waiting[:0], last))
        return np.concatenate(parts, axis=2)

    def _encode(self, samples: np.ndarray, tokens: int) -> np.ndarray:
        """Encode what is waiting and `samples` in pieces of exactly `tokens`; keep the rest."""
        waiting = np.concatenate([self._waiting, samples])
        size = tokens * self._model.hop
        whole = len(waiting) // size * size
        self._waiting = waiting[whole:].copy()
        parts = [self._tokens.push(waiting[i : i + size].T) for i in range(0, whole, size)]
        return np.concatenate([self._empty, *parts], axis=2)


class SignalDecoder(Resampled):
    """Codes to frames at any rate, from any frame on.

    Parameters
    ----------
    model : Model
    samplerate, channels : int
        Of the frames.
    start : int, optional
        The frame to begin with.
    frames : int, optional
        Length of the whole signal, if it is known. It must be known (set the attribute) before the
        last token is pushed.
    tokens : ConcealingDecoder, optional
        What decodes tokens, if some of them are lost.
    bands : Bands, optional
        Of bandwidth extension: those above the model's, to be filled with noise.
    stereo : Stereo, optional
        How pairs of channels are coded.
    threads : int, optional
    providers : tuple, optional
        Of the network; `tokens` has its own.

    Attributes
    ----------
    first_token : int
        The token to begin with: far enough before `start` for network and resampler to settle.
    position : int
        The frame that comes next.
    """

    def __init__(
        self,
        model: Model,
        samplerate: int,
        channels: int,
        *,
        start: int = 0,
        frames: int | None = None,
        tokens: ConcealingDecoder | None = None,
        bands: Bands = NO_BANDS,
        stereo: Stereo = NO_STEREO,
        threads: int = 1,
        providers: Providers = CPU,
    ) -> None:
        self._timing = timing(model, bands, stereo)
        rate, hop, delay, reach = self._timing
        super().__init__(rate, samplerate, channels, start)
        self._coded = stereo.coded(channels)
        self._tokens = tokens or TokenDecoder(model, len(self._coded), threads, providers)
        self._channels = channels
        self._spectral = None
        if bands.count or stereo:
            self._spectral = SpectralDecoder(channels, bands, stereo)
        self.begin(max(0, (self._resampler.first + delay) // hop - reach))
        self.frames = frames

    def begin(self, token: int) -> None:
        """Begin with that token instead of `first_token`, which it must not lie behind."""
        self.first_token = token
        self._sample = token * self._timing.hop - self._timing.delay

    def push(
        self, codes: np.ndarray, levels: np.ndarray | None = None, values: np.ndarray | None = None
    ) -> np.ndarray:
        """Codes ``[channels, codebooks, n]`` to the ``float32[m, channels]`` that they complete.

        With bands, `levels` are ``uint8[channels, bands, n]``; of joint stereo, `values`
        ``uint8[pairs, 2, bands, n]``.
        """
        samples = self._tokens.push(codes[self._coded])
        if len(self._coded) < self._channels:
            coded, samples = samples, np.zeros((self._channels, samples.shape[1]), np.float32)
            samples[self._coded] = coded
        if self._spectral is not None:
            samples = self._spectral.push(samples, levels, values)
        return self._resample(samples.T)

    def finish(self) -> np.ndarray:
        """What remains up to the last of `frames`."""
        if self.frames is None:
            raise ValueError("frames must be known to finish")
        parts = []
        if self._spectral is not None:
            parts.append(self._resample(self._spectral.finish().T))
        parts.append(self._give(self._resampler.finish(self.frames)))
        return np.concatenate(parts)
