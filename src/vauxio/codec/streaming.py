"""Live streams: samples to packets and packets to samples, as they come.

A packet is one token of all channels, its codes packed (``docs/format.md``, section 16). This
module knows packets, their loss, and many streams at a time; it knows nothing of files or networks.
The classes are made by `Codec.stream_encoder`, `Codec.stream_decoder` and `Codec.stream_batch`.

Every object may be used from several threads: each call is done before the next begins.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..model.models import Model
from .stream_batch import Decoders, Encoders

__all__ = ["StreamBatch", "StreamDecoder", "StreamEncoder"]

T = TypeVar("T")
U = TypeVar("U")


class StreamEncoder:
    """Samples to packets. See `Codec.stream_encoder`.

    Attributes
    ----------
    samplerate, channels, codebooks : int
    packet_size : int
        Bytes of every packet.
    delay : float
        Seconds that it holds back at most: a token, half the filter of a change of rate, and what
        the denoiser looks ahead. With the decoder's `delay`, the algorithmic delay of a stream.
    """

    def __init__(
        self,
        model: Model,
        samplerate: int,
        channels: int,
        codebooks: int,
        denoise: bool = False,
        threads: int = 1,
    ) -> None:
        self._core = Encoders(model, 1, samplerate, channels, codebooks, denoise, threads)
        self.samplerate, self.channels, self.codebooks = samplerate, channels, codebooks
        self.packet_size = -(-channels * codebooks * model.code_bits // 8)
        self.delay = self._core.delay

    def push(self, data: Any) -> list[bytes]:
        """Samples that follow the last to the packets that they complete.

        Packets do not depend on how samples are pushed.

        Parameters
        ----------
        data : array_like
            ``[frames, channels]``, or ``[frames]`` for one channel, of float32, float64, int16 or
            int32; any number of frames.

        Returns
        -------
        list of bytes
            One packet for each token; often none.

        Raises
        ------
        AudioError
            If it cannot be coded; the stream goes on as if `push` had not been called.
        """
        return self._core.push({0: data})[0]

    def flush(self) -> list[bytes]:
        """The packets that remain: with them, a decoder gives the last sample.

        What is pushed next is a new signal.
        """
        return self._core.flush(0)

    def reset(self) -> None:
        """Back to the start of a signal. Waiting samples are dropped."""
        self._core.reset(0)

    def copy(self) -> StreamEncoder:
        """An independent copy that continues from here."""
        other = copy.copy(self)
        other._core = self._core.copy()
        return other


class StreamDecoder:
    """Packets to samples. See `Codec.stream_decoder`.

    Attributes
    ----------
    samplerate, channels : int
    delay : float
        Seconds by which its output is late: the model's delay, and half the filter of a change of
        rate.
    """

    def __init__(self, model: Model, samplerate: int, channels: int, threads: int = 1) -> None:
        self._core = Decoders(model, 1, samplerate, channels, threads)
        self.samplerate, self.channels = samplerate, channels
        self.delay = self._core.delay

    def push(self, packet: bytes | None) -> NDArray[np.float32]:
        """The next packet to the samples that it completes.

        The first samples are given after some packets, when there are any of the signal that was
        encoded; from then on every packet gives as many as it stands for.

        Parameters
        ----------
        packet : bytes or None
            None if it is lost: something like it is given.

        Returns
        -------
        ndarray
            ``float32[frames]``, or ``float32[frames, channels]`` for more channels than one.

        Raises
        ------
        FormatError
            If it is no packet of such a stream, which goes on as if `push` had not been called.
        """
        return self._core.push({0: packet})[0]

    def flush(self) -> NDArray[np.float32]:
        """The samples that remain: what a change of rate holds back, else none.

        As a token is the least that is coded, up to that much silence follows the last sample that
        was encoded. What is pushed next is a new signal.
        """
        return self._core.flush(0)

    def reset(self) -> None:
        """Back to the start of a signal."""
        self._core.reset(0)

    def copy(self) -> StreamDecoder:
        """An independent copy that continues from here."""
        other = copy.copy(self)
        other._core = self._core.copy()
        return other


class StreamBatch:
    """Many streams, coded together: for a server. See `Codec.stream_batch`.

    Each stream is one of its own, as `StreamEncoder` and `StreamDecoder` would make it. They need
    not be in step; those that have a token at the same time go through the network in one call.
    Encoding and decoding may be done in different threads at the same time.

    Attributes
    ----------
    samplerate, channels, codebooks : int
    delay : float
        Algorithmic delay in seconds: encoder and decoder.
    """

    def __init__(
        self,
        model: Model,
        streams: int,
        samplerate: int,
        channels: int,
        codebooks: int,
        threads: int = 1,
    ) -> None:
        self._encoders = Encoders(model, streams, samplerate, channels, codebooks, threads=threads)
        self._decoders = Decoders(model, streams, samplerate, channels, threads)
        self._streams = streams
        self.samplerate, self.channels, self.codebooks = samplerate, channels, codebooks
        self.delay = self._encoders.delay + self._decoders.delay

    def __len__(self) -> int:
        return self._streams

    @overload
    def encode(self, data: Mapping[int, Any]) -> dict[int, list[bytes]]: ...

    @overload
    def encode(self, data: Sequence[Any]) -> list[list[bytes]]: ...

    def encode(
        self, data: Mapping[int, Any] | Sequence[Any]
    ) -> dict[int, list[bytes]] | list[list[bytes]]:
        """Samples of some streams to the packets that they complete.

        Parameters
        ----------
        data : mapping of int to array_like, or sequence of array_like
            By the number of the stream, or of all streams. As in `StreamEncoder.push`.

        Returns
        -------
        dict or list
            As `data`: for each stream a list of packets.
        """
        return self._each(self._encoders.push, data)

    @overload
    def decode(self, packets: Mapping[int, bytes | None]) -> dict[int, NDArray[np.float32]]: ...

    @overload
    def decode(self, packets: Sequence[bytes | None]) -> list[NDArray[np.float32]]: ...

    def decode(
        self, packets: Mapping[int, bytes | None] | Sequence[bytes | None]
    ) -> dict[int, NDArray[np.float32]] | list[NDArray[np.float32]]:
        """A packet each of some streams to the samples that they complete.

        Parameters
        ----------
        packets : mapping of int to bytes or None, or sequence of bytes or None
            By the number of the stream, or of all streams. None if it is lost; a stream whose
            packet is not due is left out.

        Returns
        -------
        dict or list
            As `packets`: for each stream an array, as in `StreamDecoder.push`.
        """
        return self._each(self._decoders.push, packets)

    def flush_encoder(self, stream: int) -> list[bytes]:
        """As `StreamEncoder.flush`, of one stream."""
        return self._encoders.flush(stream)

    def flush_decoder(self, stream: int) -> NDArray[np.float32]:
        """As `StreamDecoder.flush`, of one stream."""
        return self._decoders.flush(stream)

    def reset(self, stream: int | None = None) -> None:
        """Reset one stream, or all: encoder and decoder are back at the start of a signal."""
        for number in range(self._streams) if stream is None else [stream]:
            self._encoders.reset(number)
            self._decoders.reset(number)

    def copy(self) -> StreamBatch:
        """An independent copy that continues from here."""
        other = copy.copy(self)
        other._encoders, other._decoders = self._encoders.copy(), self._decoders.copy()
        return other

    def _each(
        self, push: Callable[[Mapping[int, T]], dict[int, U]], given: Mapping[int, T] | Sequence[T]
    ) -> dict[int, U] | list[U]:
        if isinstance(given, Mapping):
            return push(given)
        if len(given) != self._streams:
            raise ValueError(f"{len(given)} items for {self._streams} streams; use a dict for some")
        return list(push(dict(enumerate(given))).values())
