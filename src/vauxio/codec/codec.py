"""Samples to codes and back, whole or as they come.

This module is the codec by itself. It knows nothing of files, of bits or of entropy coding.

A token is one time step of a model (`Model.hop` samples at the model's rate); a code is one number
of a token, one per codebook. Codes are ``uint16[channels, codebooks, tokens]`` throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..audio import pcm
from ..entropy.allocation import Allocation
from ..errors import AudioError
from ..model.bundles import Model
from ..model.installed import find_model
from .signal import SignalDecoder, SignalEncoder
from .streaming import StreamBatch, StreamDecoder, StreamEncoder
from .tokens import CHUNK

__all__ = ["Codec", "Codes"]


@dataclass(frozen=True, eq=False)
class Codes:
    """A recording as codes, and what it takes to decode them.

    Attributes
    ----------
    codes : ndarray
        ``uint16[channels, codebooks, tokens]``. Any number of codebooks from the first on is a
        valid signal: ``codes[:, :4]`` is the same recording at half the bitrate of ``[:, :8]``.
    samplerate, frames : int
        Of the recording.
    model : str
        Name of the model that made them.
    """

    codes: np.ndarray
    samplerate: int
    frames: int
    model: str

    def __repr__(self) -> str:
        channels, codebooks, tokens = self.codes.shape
        return (
            f"Codes({channels} channels x {codebooks} codebooks x {tokens} tokens, "
            f"samplerate={self.samplerate}, frames={self.frames}, model={self.model!r})"
        )


class Codec:
    """A model at work: samples to codes, codes to samples.

    Parameters
    ----------
    model : str or Model, optional
        Name of an installed model (see `vauxio.models`), or the model itself. ``'auto'`` is
        general-24k here, as nothing is known of the signal yet.
    threads : int, optional
        Threads of each network.

    Raises
    ------
    ModelError
        If the model is not installed or damaged. Networks are loaded when first used.

    Examples
    --------
    >>> import numpy as np, vauxio
    >>> codec = vauxio.Codec()
    >>> codes = codec.encode(np.zeros(44100, 'float32'), 44100, bitrate=3)
    >>> codes.codes.shape
    (1, 4, 79)
    >>> codec.decode(codes).shape
    (44100,)
    """

    def __init__(self, model: str | Model = "auto", *, threads: int = 1) -> None:
        self.model = model if isinstance(model, Model) else find_model(model)
        self.threads = threads

    def __repr__(self) -> str:
        return f"Codec({self.model.name!r})"

    def encode(self, data: Any, samplerate: int, bitrate: float | None = None) -> Codes:
        """Samples to codes.

        Parameters
        ----------
        data : array_like
            ``[frames]`` or ``[frames, channels]`` of float32, float64, int16 or int32.
        samplerate : int
            In Hz, 8,000 to 192,000.
        bitrate : float, optional
            Nominal kbps per channel; see `Model.codebooks_for`. All codebooks if not given.

        Raises
        ------
        AudioError
            If it cannot be coded: type, shape, sample rate, NaN or infinite samples.
        ValueError
            If the model does not have that bitrate.
        """
        frames = pcm.to_frames(data)
        samplerate, channels = pcm.check_format(samplerate, frames.shape[1])
        codebooks = self.model.codebooks if bitrate is None else self.model.codebooks_for(bitrate)
        encoder = SignalEncoder(
            self.model, samplerate, channels, Allocation.constant(codebooks), threads=self.threads
        )
        pcm.check_finite(frames)
        parts = [
            encoder.push(pcm.to_float(frames[i : i + samplerate]))
            for i in range(0, len(frames), samplerate)
        ]
        parts.append(encoder.finish())
        return Codes(np.concatenate(parts, axis=2), samplerate, len(frames), self.model.name)

    def decode(self, codes: Codes) -> np.ndarray:
        """Codes to samples.

        Parameters
        ----------
        codes : Codes
            With as many tokens as its `frames` need, and the first codebooks of the model, or all.

        Returns
        -------
        ndarray
            ``float32[frames]``, or ``float32[frames, channels]`` for more channels than one.

        Raises
        ------
        AudioError
            If shape, type or values are not those of codes of this model.
        """
        array = self._check_codes(codes)
        channels, codebooks, tokens = array.shape
        decoder = SignalDecoder(
            self.model, codes.samplerate, channels, frames=codes.frames, threads=self.threads
        )
        parts = [decoder.push(array[..., i : i + CHUNK]) for i in range(0, tokens, CHUNK)]
        data = np.concatenate([*parts, decoder.finish()])
        return data[:, 0] if channels == 1 else data

    def stream_encoder(
        self,
        samplerate: int | None = None,
        channels: int = 1,
        bitrate: float | None = None,
        *,
        denoise: bool = False,
    ) -> StreamEncoder:
        """A live stream's samples to packets, each as soon as its token is complete.

        Parameters
        ----------
        samplerate : int, optional
            In Hz, 8,000 to 192,000; the model's if not given. Others cost time, and delay: 4 ms
            where the rate is not below the model's.
        channels : int, optional
        bitrate : float, optional
            Nominal kbps per channel; see `Model.codebooks_for`. The model's default if not given.
        denoise : bool, optional
            Take noise out of speech before it is coded; 13 ms more delay.

        Raises
        ------
        AudioError, ValueError
            If there can be no such stream.
        ModelError
            If no denoiser is installed.

        Examples
        --------
        >>> import numpy as np, vauxio
        >>> codec = vauxio.Codec()
        >>> encoder = codec.stream_encoder(48000, bitrate=6)
        >>> decoder = codec.stream_decoder(48000)
        >>> for packet in encoder.push(np.zeros(4800, 'float32')):
        ...     samples = decoder.push(packet)
        >>> concealed = decoder.push(None)  # a packet that was lost
        """
        checked = self._check_stream(samplerate, channels, bitrate)
        return StreamEncoder(self.model, *checked, denoise, self.threads)

    def stream_decoder(self, samplerate: int | None = None, channels: int = 1) -> StreamDecoder:
        """A live stream's packets to samples, at once. Of any bitrate: packets tell.

        Parameters
        ----------
        samplerate : int, optional
            In Hz; need not be that of the encoder. The model's if not given.
        channels : int, optional
            As many as were encoded.

        Raises
        ------
        AudioError
            If there can be no such stream.
        """
        samplerate, channels, _ = self._check_stream(samplerate, channels, None)
        return StreamDecoder(self.model, samplerate, channels, self.threads)

    def stream_batch(
        self,
        n: int,
        samplerate: int | None = None,
        channels: int = 1,
        bitrate: float | None = None,
    ) -> StreamBatch:
        """`n` live streams that are encoded and decoded together, for a server.

        Parameters
        ----------
        n : int
        samplerate, channels, bitrate
            Of each stream, as of `stream_encoder`.

        Raises
        ------
        AudioError, ValueError
            If there can be no such streams.

        Examples
        --------
        >>> import numpy as np, vauxio
        >>> batch = vauxio.Codec().stream_batch(16)
        >>> packets = batch.encode([np.zeros(320, 'float32')] * 16)
        >>> samples = batch.decode({3: packets[3][0], 5: None})  # the fifth stream lost its packet
        """
        if n < 1:
            raise ValueError(f"{n} streams: must be 1 or more")
        checked = self._check_stream(samplerate, channels, bitrate)
        return StreamBatch(self.model, n, *checked, threads=self.threads)

    def _check_stream(
        self, samplerate: int | None, channels: int, bitrate: float | None
    ) -> tuple[int, int, int]:
        samplerate = self.model.samplerate if samplerate is None else samplerate
        return *pcm.check_format(samplerate, channels), self.model.codebooks_for(bitrate)

    def _check_codes(self, codes: Codes) -> np.ndarray:
        model, array = self.model, np.asarray(codes.codes)
        if codes.model != model.name:
            raise AudioError(f"codes of {codes.model}, not of {model.name}")
        if array.ndim != 3 or not np.issubdtype(array.dtype, np.integer):
            raise AudioError(
                f"codes {array.dtype}{list(array.shape)}: "
                "must be integers [channels, codebooks, tokens]"
            )
        channels, codebooks, tokens = array.shape
        pcm.check_format(codes.samplerate, channels)
        if not 1 <= codebooks <= model.codebooks:
            raise AudioError(f"{codebooks} codebooks: {model.name} has 1 to {model.codebooks}")
        needed = model.tokens_for(codes.frames, codes.samplerate)
        if tokens != needed:
            raise AudioError(f"{tokens} tokens: {codes.frames} frames need {needed}")
        if array.size and not 0 <= int(array.min()) <= int(array.max()) < model.codebook_size:
            raise AudioError(f"codes must be 0 to {model.codebook_size - 1}")
        return array
