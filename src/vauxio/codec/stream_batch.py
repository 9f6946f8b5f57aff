"""Many live streams through one network, in step: what `streaming` is made of."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..audio import pcm
from ..audio.live_resample import LiveResampler
from ..entropy.allocation import Allocation
from ..entropy.coders import PackedCoder
from ..errors import FormatError
from ..model.models import Model
from .concealment import LOST, ConcealingDecoder
from .denoising import LiveDenoisingResampler
from .tokens import TokenEncoder

__all__ = ["Decoders", "Encoders"]


class Encoders:
    """The encoders of some streams: their states, and one network for all."""

    def __init__(
        self,
        model: Model,
        streams: int,
        samplerate: int,
        channels: int,
        codebooks: int,
        denoise: bool = False,
        threads: int = 1,
    ) -> None:
        self._model, self._format = model, (samplerate, channels, codebooks)
        self._threads = threads
        self._denoise = denoise
        self._network = TokenEncoder(model, channels, Allocation.constant(codebooks), threads)
        self._packer = PackedCoder(model.code_bits)
        self._states = np.zeros((streams, channels, model.encoder.state), np.float32)
        self._inputs = [
            _Input(model, samplerate, channels, denoise, threads) for _ in range(streams)
        ]
        self._lock = threading.Lock()
        self.delay = model.hop / model.samplerate + self._inputs[0].resampler.delay

    def push(self, data: Mapping[int, Any]) -> dict[int, list[bytes]]:
        _, channels, _ = self._format
        with self._lock:
            checked = {}
            for stream, samples in data.items():  # all of them before any is coded
                frames = pcm.to_frames(samples, channels)
                pcm.check_finite(frames, self._input(stream).frames)
                checked[stream] = pcm.to_float(frames)
            for stream, frames in checked.items():
                self._inputs[stream].push(frames)
            return self._encode(list(data))

    def flush(self, stream: int) -> list[bytes]:
        with self._lock:
            self._input(stream).finish()
            packets = self._encode([stream])[stream]
            self._reset(stream)
            return packets

    def reset(self, stream: int) -> None:
        with self._lock:
            self._input(stream)
            self._reset(stream)

    def copy(self) -> Encoders:
        with self._lock:
            other = Encoders(
                self._model, len(self._inputs), *self._format, self._denoise, self._threads
            )
            other._states[:] = self._states
            other._inputs = [source.copy() for source in self._inputs]
            return other

    def _input(self, stream: int) -> _Input:
        return self._inputs[_checked(stream, len(self._inputs))]

    def _reset(self, stream: int) -> None:
        self._states[stream] = 0
        self._inputs[stream].reset()

    def _encode(self, streams: list[int]) -> dict[int, list[bytes]]:
        """Encode all complete tokens, one at a time: codes must not depend on the pieces."""
        packets: dict[int, list[bytes]] = {stream: [] for stream in streams}
        _, channels, codebooks = self._format
        while streams := [stream for stream in streams if self._inputs[stream].ready()]:
            samples = np.concatenate([self._inputs[stream].take() for stream in streams])
            size = self._states.shape[2]
            all_of_them = streams == list(range(len(self._inputs)))  # then nothing is copied
            state = self._states if all_of_them else self._states[streams]
            self._network.state = state.reshape(-1, size)
            codes = self._network.push(samples)
            state = self._network.state.reshape(-1, channels, size)
            if all_of_them:
                self._states = state
            else:
                self._states[streams] = state
            packed = self._packer.pack(codes.reshape(-1, channels * codebooks))
            for stream, packet in zip(streams, packed, strict=True):
                packets[stream].append(packet.tobytes())
        return packets


class _Input:
    """Samples of one stream on their way to the model: collected, resampled, cut into tokens."""

    resampler: LiveResampler | LiveDenoisingResampler

    def __init__(
        self, model: Model, samplerate: int, channels: int, denoise: bool, threads: int
    ) -> None:
        self._model, self._samplerate = model, samplerate
        self._empty = np.empty((0, channels), np.float32)
        rates = samplerate, model.samplerate
        if denoise:
            self.resampler = LiveDenoisingResampler(*rates, channels, threads)
        else:
            self.resampler = LiveResampler(*rates, channels)
        self.reset()

    def reset(self) -> None:
        self.resampler.reset()
        self._pieces: list[np.ndarray] = []  # not yet resampled
        self._waiting = self._empty  # at the model's rate
        self._taken = 0
        self._end: int | None = None  # at the model's rate, when it is known
        self.frames = 0

    def copy(self) -> _Input:
        other = copy.copy(self)  # arrays are replaced, never changed
        other.resampler, other._pieces = self.resampler.copy(), list(self._pieces)
        return other

    def push(self, frames: np.ndarray) -> None:
        self._pieces.append(frames.copy())  # the caller may reuse its array
        self.frames += len(frames)

    def finish(self) -> None:
        """End the stream: complete the last token, and add those of the decoder's delay."""
        model = self._model
        self._resample()
        rest = self.resampler.finish()
        self._end = model.tokens_for(self.frames, self._samplerate) * model.hop
        silence = self._end - model.samples_for(self.frames, self._samplerate)
        padding = np.zeros((silence, rest.shape[1]), np.float32)
        self._waiting = np.concatenate([self._waiting, rest, padding])

    def ready(self) -> bool:
        """Whether a token is complete."""
        there = self.resampler.ready(self.frames) if self._end is None else self._end
        return there - self._taken >= self._model.hop

    def take(self) -> np.ndarray:
        """The next token's samples, ``float32[channels, hop]``."""
        self._resample()
        hop = self._model.hop
        token: np.ndarray = self._waiting[:hop].T
        self._waiting = self._waiting[hop:]
        self._taken += token.shape[1]
        return token

    def _resample(self) -> None:
        if self._pieces:
            new = self.resampler.push(np.concatenate(self._pieces))
            self._waiting = np.concatenate([self._waiting, new])
            self._pieces = []


class Decoders:
    """The decoders of some streams: their states, and one network for all."""

    def __init__(
        self, model: Model, streams: int, samplerate: int, channels: int, threads: int = 1
    ) -> None:
        self._model, self._format = model, (samplerate, channels)
        self._threads = threads
        self._tokens = ConcealingDecoder(model, streams * channels, threads)
        self._packer = PackedCoder(model.code_bits)
        # The size of a packet tells how many codebooks it has.
        bits = channels * model.code_bits
        self._codebooks = {-(-bits * k // 8): k for k in range(1, model.codebooks + 1)}
        self._resamplers = [
            LiveResampler(model.samplerate, samplerate, channels) for _ in range(streams)
        ]
        self._early = [model.delay] * streams  # samples to come from before the signal
        self._lock = threading.Lock()
        self.delay = model.delay / model.samplerate + self._resamplers[0].delay

    def push(self, packets: Mapping[int, bytes | None]) -> dict[int, np.ndarray]:
        _, channels = self._format
        with self._lock:
            for stream in packets:
                _checked(stream, len(self._early))
            if not packets:
                return {}
            codes = self._parse(list(packets.values()))
            rows = np.array(list(packets))[:, None] * channels + np.arange(channels)
            samples = self._tokens.step(rows.ravel(), codes.reshape(-1, codes.shape[2]))
            return {
                stream: self._give(stream, part.T)
                for stream, part in zip(
                    packets, samples.reshape(len(packets), channels, -1), strict=True
                )
            }

    def flush(self, stream: int) -> np.ndarray:
        with self._lock:
            rest = self._resamplers[_checked(stream, len(self._early))].finish()
            self._reset(stream)
            return self._shaped(rest)

    def reset(self, stream: int) -> None:
        with self._lock:
            self._reset(_checked(stream, len(self._early)))

    def copy(self) -> Decoders:
        with self._lock:
            other = Decoders(self._model, len(self._early), *self._format, self._threads)
            self._tokens.copy_to(other._tokens)
            other._resamplers = [resampler.copy() for resampler in self._resamplers]
            other._early = list(self._early)
            return other

    def _parse(self, packets: list[bytes | None]) -> np.ndarray:
        """``int32[packets, channels, codebooks]``: `LOST` where no code is there."""
        (_, channels), model = self._format, self._model
        codes = np.full((len(packets), channels, model.codebooks), LOST, np.int32)
        by_size: dict[int, dict[int, bytes]] = {}
        for i, packet in enumerate(packets):
            if packet is not None:
                by_size.setdefault(len(packet), {})[i] = bytes(packet)
        for size, there in by_size.items():
            codebooks = self._codebooks.get(size)
            if codebooks is None:
                sizes = ", ".join(map(str, self._codebooks))
                raise FormatError(f"packet of {size} bytes: must have one of {sizes}")
            packed = np.frombuffer(b"".join(there.values()), np.uint8).reshape(-1, size)
            found = self._packer.unpack(packed, channels * codebooks)
            if int(found.max()) >= model.codebook_size:
                raise FormatError("packet: a code is beyond the model's codebooks")
            codes[list(there), :, :codebooks] = found.reshape(-1, channels, codebooks)
        return codes

    def _give(self, stream: int, samples: np.ndarray) -> np.ndarray:
        early = min(self._early[stream], len(samples))
        self._early[stream] -= early
        return self._shaped(self._resamplers[stream].push(samples[early:]))

    def _shaped(self, frames: np.ndarray) -> np.ndarray:
        shaped: np.ndarray = frames[:, 0].copy() if frames.shape[1] == 1 else frames.copy()
        return shaped

    def _reset(self, stream: int) -> None:
        _, channels = self._format
        self._tokens.reset(slice(stream * channels, (stream + 1) * channels))
        self._resamplers[stream].reset()
        self._early[stream] = self._model.delay


def _checked(stream: int, streams: int) -> int:
    if not 0 <= stream < streams:
        raise IndexError(f"stream {stream}: there are {streams}")
    return stream
