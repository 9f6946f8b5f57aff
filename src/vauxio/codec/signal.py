"""What runs the networks: tokens in lockstep, and signals pushed in pieces of any size.

This room knows how tokens lie on the time line: rates, delay, warm-up, exact lengths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..audio.resample import Resampler
from ..entropy import allocation
from ..model.networks import CPU, Network, Providers
from .bandwidth_extension import NO_BANDS, Bands, Extender, timing

if TYPE_CHECKING:
    from .codec import Codec
    from .concealment import ConcealingDecoder

__all__ = ["CHUNK", "SignalDecoder", "SignalEncoder", "Stateful", "TokenDecoder", "TokenEncoder"]

CHUNK = 150
"""Tokens that go through a network at once: long enough to be fast, short enough to stay small.
The encoder is given whole windows of depths instead."""


class Stateful:
    """A network and the state that it carries from one call to the next.

    Attributes
    ----------
    state : ndarray
        ``float32[rows, network.state]``; zeros at the start of a signal.
    """

    def __init__(
        self, network: Network, rows: int, threads: int, providers: Providers = CPU
    ) -> None:
        self._network, self._threads, self._providers = network, threads, providers
        self.state = np.zeros((rows, network.state), np.float32)

    def reset(self) -> None:
        """Back to the start of a signal."""
        self.state = np.zeros_like(self.state)

    def run(self, name: str, values: np.ndarray, **options: int) -> np.ndarray:
        """The output for the input of that name; the state goes on.

        `options` are inputs that a network may have or not.
        """
        return self.run_all(name, values, **options)[0]

    def run_all(self, name: str, values: np.ndarray, **options: int) -> list[np.ndarray]:
        """As `run`: all outputs that a network has, but the state."""
        session = self._network.open(self._threads, self._providers)
        feeds = {name: np.ascontiguousarray(values), "state": self.state}
        for option in session.get_overridable_initializers():
            if option.name in options:
                feeds[option.name] = np.array(options[option.name], np.int64)
        result, self.state, *more = session.run(None, feeds)
        return [result, *more]


class TokenEncoder(Stateful):
    """Samples at the model's rate to codes, any whole number of tokens at a time.

    Parameters
    ----------
    codec : Codec
    channels : int
        Each is coded by itself: one row of the batch.
    allocation : allocation.Allocation
        How many codes are given. Windows and spans are those of a push.
    """

    def __init__(self, codec: Codec, channels: int, allocation: allocation.Allocation) -> None:
        super().__init__(codec.model.encoder, channels, codec.threads, codec.providers)
        self._allocation = allocation

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[channels, n * hop]`` to ``uint16[channels, codebooks, n]``; n >= 1.

        Where some may be absent, ``int32`` with `allocation.ABSENT`.
        """
        return self.choose(*self.search(samples))

    def search(self, samples: np.ndarray) -> list[np.ndarray]:
        """What `choose` chooses from: codes and, where some may be absent, their distortion."""
        codebooks = self._allocation.codebooks
        if not self._allocation.variable:
            return [self.run("pcm", samples, codebooks=codebooks)]
        return self.run_all("pcm", samples, codebooks=codebooks)

    def choose(self, codes: np.ndarray, distortion: np.ndarray | None = None) -> np.ndarray:
        """Those codes that are to be kept."""
        codes = codes[:, : self._allocation.codebooks]
        if distortion is None:
            return codes.astype(np.uint16)
        return allocation.cut(codes, self._allocation.choose(distortion))


class TokenDecoder(Stateful):
    """Codes to samples at the model's rate, `Model.delay` samples late.

    Parameters
    ----------
    codec : Codec
    channels : int
    """

    def __init__(self, codec: Codec, channels: int) -> None:
        super().__init__(codec.model.decoder, channels, codec.threads, codec.providers)
        self._codebooks = codec.model.codebooks

    def push(self, codes: np.ndarray) -> np.ndarray:
        """``[channels, any number of codebooks, n]`` to ``float32[channels, n * hop]``; n >= 1.

        Codes may be absent.
        """
        channels, given, tokens = codes.shape
        all_codes = np.full((channels, self._codebooks, tokens), allocation.ABSENT, np.int32)
        all_codes[:, :given] = codes
        return self.run("codes", all_codes)


class SignalEncoder:
    """Frames at any rate, pushed in pieces of any size, to codes.

    The networks always see the same pieces, so the codes do not depend on how a signal is pushed.

    Parameters
    ----------
    codec : Codec
    samplerate, channels : int
        Of the frames.
    allocation : allocation.Allocation
        How many codes are given.
    denoise : bool, optional
        Take noise out of speech before it is coded.
    tokens : optional
        What is made of samples at the model's rate, if not codes: ``push`` takes what
        `TokenEncoder.push` takes, and gives ``[channels, any, n]``; `empty` is that of no token.

    Attributes
    ----------
    frames : int
        How many have been pushed.
    """

    def __init__(
        self,
        codec: Codec,
        samplerate: int,
        channels: int,
        allocation: allocation.Allocation,
        denoise: bool = False,
        tokens: Any = None,
    ) -> None:
        self._model, self._samplerate = codec.model, samplerate
        self._resampler: Resampler | DenoisingResampler
        if denoise:
            from .denoising import DenoisingResampler

            self._resampler = DenoisingResampler(
                samplerate, codec.model.samplerate, channels, codec.threads
            )
        else:
            self._resampler = Resampler(samplerate, codec.model.samplerate, channels)
        self._tokens = TokenEncoder(codec, channels, allocation) if tokens is None else tokens
        self._waiting = np.empty((0, channels), np.float32)
        self._empty = np.empty((channels, allocation.codebooks, 0), np.uint16)
        if tokens is not None:
            self._empty = tokens.empty
        self.frames = 0

    def push(self, frames: np.ndarray) -> np.ndarray:
        """``float32[n, channels]`` to the codes ``[channels, codebooks, m]`` that it completes.

        Their type is that of `TokenEncoder.push`.
        """
        self.frames += len(frames)
        return self._encode(self._resampler.push(frames), allocation.WINDOW)

    def finish(self) -> np.ndarray:
        """The codes that remain, the decoder's delay made up for."""
        samples = self._model.samples_for(self.frames, self._samplerate)
        total = self._model.tokens_for(self.frames, self._samplerate) * self._model.hop
        rest = self._resampler.finish(samples)
        silence = np.zeros((total - samples, rest.shape[1]), np.float32)
        parts = [self._encode(np.concatenate([rest, silence]), allocation.WINDOW)]
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


class SignalDecoder:
    """Codes to frames at any rate, from any frame on.

    Parameters
    ----------
    codec : Codec
    samplerate, channels : int
        Of the frames.
    start : int, optional
        The frame to begin with.
    frames : int, optional
        Length of the whole signal, if it is known. It must be known (set the attribute) before the
        last token is pushed.
    tokens : ConcealingDecoder, optional
        What decodes tokens, if some of them are lost.
    bands : extension.Bands, optional
        Those above the model's, to be filled with noise.

    Attributes
    ----------
    first_token : int
        The token to begin with: far enough before `start` for network and resampler to settle.
    position : int
        The frame that comes next.
    """

    def __init__(
        self,
        codec: Codec,
        samplerate: int,
        channels: int,
        *,
        start: int = 0,
        frames: int | None = None,
        tokens: ConcealingDecoder | None = None,
        bands: Bands = NO_BANDS,
    ) -> None:
        self._timing, self._samplerate = timing(codec.model, bands), samplerate
        rate, hop, delay, reach = self._timing
        self._resampler = Resampler(rate, samplerate, channels, start)
        self._tokens = TokenDecoder(codec, channels) if tokens is None else tokens
        self._extender = Extender(channels, bands) if bands.count else None
        self.begin(max(0, (self._resampler.first + delay) // hop - reach))
        self.position, self.frames = start, frames

    def begin(self, token: int) -> None:
        """Begin with that token instead of `first_token`, which it must not lie behind."""
        self.first_token = token
        self._sample = token * self._timing.hop - self._timing.delay

    def push(self, codes: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """Codes ``[channels, codebooks, n]`` to the ``float32[m, channels]`` that they complete.

        With bands, `levels` are ``uint8[channels, bands, n]``.
        """
        samples = self._tokens.push(codes)
        if self._extender is not None:
            assert levels is not None
            samples = self._extender.push(samples, levels)
        return self._resample(samples.T)

    def finish(self) -> np.ndarray:
        """What remains up to the last of `frames`."""
        if self.frames is None:
            raise ValueError("frames must be known to finish")
        parts = []
        if self._extender is not None:
            parts.append(self._resample(self._extender.finish().T))
        parts.append(self._give(self._resampler.finish(self.frames)))
        return np.concatenate(parts)

    def _resample(self, samples: np.ndarray) -> np.ndarray:
        begin, self._sample = self._sample, self._sample + len(samples)
        samples = samples[max(0, self._resampler.first - begin) :]
        if self.frames is not None:
            end = self._timing.samples_for(self.frames, self._samplerate)
            samples = samples[: max(0, len(samples) - max(0, self._sample - end))]
        return self._give(self._resampler.push(samples))

    def _give(self, out: np.ndarray) -> np.ndarray:
        if self.frames is not None:
            out = out[: max(0, self.frames - self.position)]
        self.position += len(out)
        return out
