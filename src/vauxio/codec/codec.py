"""The class `Codec`: samples to codes and back, of whole signals and of live streams.

It sorts out what it was given; `encoding`, `decoding`, `latents` and `streaming` do the work. It
knows nothing of files, of bits or of entropy coding.

A token is one time step of a model (`Model.hop` samples at the model's rate); a code is one number
of a token, one per codebook. Codes are ``uint16[channels, codebooks, tokens]`` throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..arguments import to_integer
from ..audio import pcm
from ..audio.arrays import give_back, is_array, to_numpy
from ..errors import AudioError
from ..model.installed import find_model
from ..model.models import Model
from ..model.networks import check_providers
from .batches import is_batch, pad
from .codes import Codes, CodesBatch, check
from .decoding import codes_of, decode, decode_all, rows_of
from .encoding import count_for, encode, encode_all, latents_of
from .latents import embed
from .streaming import StreamBatch, StreamDecoder, StreamEncoder

__all__ = ["Codec", "Codes", "CodesBatch"]


class Codec:
    """Encode samples to codes, decode codes to samples.

    Parameters
    ----------
    model : str or Model, optional
        Name of an installed model (see `vauxio.models`), or the model itself. ``'auto'`` is
        general-24k here, as it is chosen before there is a signal.
    threads : int, optional
        Threads of each network.
    providers : sequence, optional
        Execution providers of ONNX Runtime, the preferred first: names, or pairs of a name and its
        options. The CPU if not given. Where codes are made elsewhere than on a CPU, a few may
        differ. Live streams run on the CPU.

    Attributes
    ----------
    model : Model
    threads : int
    providers : tuple

    Raises
    ------
    ModelError
        If the model is not installed or damaged, or ONNX Runtime has no such provider. Networks are
        loaded when first used.

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

    def __init__(
        self,
        model: str | Model = "auto",
        *,
        threads: int = 1,
        providers: Sequence[str | tuple[str, dict[str, Any]]] | None = None,
    ) -> None:
        self.model = model if isinstance(model, Model) else find_model(model)
        self.threads = to_integer("threads", threads)
        self.providers = check_providers(providers)

    @property
    def token_rate(self) -> float:
        """Tokens per second."""
        return self.model.token_rate

    @property
    def codebooks(self) -> int:
        """Largest number of codes of a token."""
        return self.model.codebooks

    @property
    def codebook_size(self) -> int:
        """Entries of each codebook. Codes are 0 to one less."""
        return self.model.codebook_size

    def __repr__(self) -> str:
        return f"Codec({self.model.name!r})"

    @overload
    def encode(
        self, data: Sequence[np.ndarray], samplerate: int | Sequence[int],
        bitrate: float | None = None, *, codebooks: int | None = None, workers: int | None = None,
    ) -> CodesBatch: ...  # fmt: skip

    @overload
    def encode(
        self, data: Any, samplerate: int, bitrate: float | None = None, *,
        codebooks: int | None = None, workers: int | None = None,
    ) -> Codes: ...  # fmt: skip

    def encode(
        self,
        data: Any,
        samplerate: int | Sequence[int],
        bitrate: float | None = None,
        *,
        codebooks: int | None = None,
        workers: int | None = None,
    ) -> Codes | CodesBatch:
        """Encode samples. Every token gets the same number of codes.

        Parameters
        ----------
        data : array_like, or list of arrays
            ``[frames]`` or ``[frames, channels]`` of float32, float64, int16 or int32: of NumPy,
            or what has ``__array__`` or DLPack (PyTorch, JAX, CuPy). A list of arrays is a batch
            of signals of any lengths, of as many channels each.
        samplerate : int, or sequence of int
            In Hz, 1,000 to 768,000; of a batch, one for all or one for each.
        bitrate : float, optional
            Nominal kbps of all channels, each having one of `Model.bitrates`; the model's default
            for each if neither this nor `codebooks` is given. Each channel is coded by itself: of
            stereo, `vauxio.compress` and `vauxio.read_codes` give codes of joint stereo.
        codebooks : int, optional
            How many codes every token is to have, instead of `bitrate`.
        workers : int, optional
            Signals of a batch that are worked on at once; as many as there are cores if not given.

        Returns
        -------
        Codes or CodesBatch
            Of a batch, the codes of each are those of the signal alone, bit for bit.

        Raises
        ------
        AudioError
            If it cannot be coded: type, shape, sample rate, NaN or infinite samples.
        TypeError
            If both `bitrate` and `codebooks` are given.
        ValueError
            If the model does not have that bitrate, or so many codebooks.

        Examples
        --------
        >>> import numpy as np, vauxio
        >>> codec = vauxio.Codec('speech-24k')
        >>> batch = codec.encode([np.zeros(24000), np.zeros(8000)], 24000, codebooks=4)
        >>> batch.codes.shape, batch.mask.sum(axis=1)
        ((2, 1, 4, 79), array([79, 29]))
        """
        running = self.threads, self.providers
        if not is_batch(data):
            signal = pcm.to_frames(data)
            count = count_for(self.model, bitrate, codebooks, signal.shape[1])
            return encode(self.model, signal, samplerate, count, *running)
        rates = [samplerate] * len(data) if isinstance(samplerate, int) else list(samplerate)
        if len(rates) != len(data):
            raise ValueError(f"{len(rates)} sample rates for {len(data)} signals")
        signals = [pcm.to_frames(signal) for signal in data]
        if len({signal.shape[1] for signal in signals}) > 1:
            raise AudioError("signals of a batch must have as many channels")
        count = count_for(self.model, bitrate, codebooks, signals[0].shape[1])
        return encode_all(self.model, signals, rates, count, *running, workers)

    @overload
    def decode(
        self, codes: Codes | NDArray[np.integer], samplerate: int | None = None,
        frames: int | None = None, *, mask: Any = None, like: None = None,
        workers: int | None = None,
    ) -> NDArray[np.float32]: ...  # fmt: skip

    @overload
    def decode(
        self, codes: CodesBatch | list[Codes], samplerate: int | None = None,
        frames: int | None = None, *, mask: Any = None, like: None = None,
        workers: int | None = None,
    ) -> list[NDArray[np.float32]]: ...  # fmt: skip

    @overload
    def decode(
        self, codes: Any, samplerate: int | None = None, frames: int | None = None, *,
        mask: Any = None, like: Any = None, workers: int | None = None,
    ) -> Any: ...  # fmt: skip

    def decode(
        self,
        codes: Any,
        samplerate: int | None = None,
        frames: int | None = None,
        *,
        mask: Any = None,
        like: Any = None,
        workers: int | None = None,
    ) -> Any:
        """Codes to samples.

        Parameters
        ----------
        codes : Codes, CodesBatch, array, or list of them
            An array of integers is ``[codebooks, tokens]`` of one channel,
            ``[channels, codebooks, tokens]``, or a batch
            ``[batch, channels, codebooks, tokens]``; it has any number of codebooks from the first
            on, and -1 where a token has fewer.
        samplerate : int, optional
            In Hz, of what an array is decoded to; the model's if not given.
        frames : int, optional
            Of what an array is decoded to; as many as its tokens give if not given.
        mask : array, optional
            ``bool[batch, tokens]``, of a batch that is an array: which tokens each has, from the
            first on.
        like : array, optional
            Give arrays as this one is, of PyTorch, say, and on its device.
        workers : int, optional
            Signals of a batch that are worked on at once; as many as there are cores if not given.

        Returns
        -------
        ndarray or list of ndarray
            ``float32[frames]``, or ``float32[frames, channels]`` for more channels than one. Of a
            `CodesBatch` or a list, a list of these; of a batch that is an array, one array with
            ``batch`` in front and silence after the shorter signals.

        Raises
        ------
        AudioError
            If shape, type or values are not those of codes of this model.

        Examples
        --------
        >>> import numpy as np, vauxio
        >>> codec = vauxio.Codec()
        >>> codec.decode(np.zeros((3, 79), int)).shape  # three codebooks, 79 tokens
        (24000,)
        """
        if not isinstance(codes, (Codes, CodesBatch, list, tuple)) and not is_array(codes):
            raise AudioError(f"codes of type {type(codes).__name__}: must be Codes or an array")
        running = self.threads, self.providers
        found: Any
        if isinstance(codes, (CodesBatch, list, tuple)):
            each = [codes_of(self.model, one, samplerate, frames) for one in codes]
            found = decode_all(self.model, each, *running, workers)
        elif isinstance(codes, Codes):
            found = decode(self.model, codes, *running)
        elif (array := to_numpy(codes)).ndim == 4:
            each = [codes_of(self.model, row, samplerate, frames) for row in rows_of(array, mask)]
            found = pad(decode_all(self.model, each, *running, workers))
        else:
            found = decode(self.model, codes_of(self.model, array, samplerate, frames), *running)
        if like is None:
            return found
        if isinstance(found, list):
            return [give_back(one, like) for one in found]
        return give_back(found, like)

    def codebook_vectors(self) -> NDArray[np.float32]:
        """The vectors that codes stand for.

        Returns
        -------
        ndarray
            ``float32[codebooks, codebook_size, latent_dim]``, read-only. A token is the sum of
            those of its codes, and that is near what `latents` gives.

        Raises
        ------
        ModelError
            If the model does not show them.
        """
        from ..model.graphs import vectors_of

        return vectors_of(self.model).codebooks

    @overload
    def embed(self, codes: Any, *, like: None = None) -> NDArray[np.float32]: ...

    @overload
    def embed(self, codes: Any, *, like: Any) -> Any: ...

    def embed(self, codes: Any, *, like: Any = None) -> Any:
        """What codes stand for: the sum of the vectors of each token's codes.

        Parameters
        ----------
        codes : Codes or array
            ``[codebooks, tokens]``, with any number of dimensions in front: any number of codebooks
            from the first on, negative where there is no code.
        like : array, optional
            Give an array as this one is, of PyTorch, say.

        Returns
        -------
        ndarray
            ``float32[..., latent_dim, tokens]``. A token without codes is what silence is.

        Raises
        ------
        AudioError
            If they are no codes of this model.
        ModelError
            If the model does not show its vectors.
        """
        from ..model.graphs import vectors_of

        array = codes.codes if isinstance(codes, Codes) else to_numpy(codes)
        if array.ndim < 2 or not np.issubdtype(array.dtype, np.integer):
            raise AudioError(f"codes {array.dtype}{list(array.shape)}: must be integers "
                             "[..., codebooks, tokens]")  # fmt: skip
        flat = array.reshape(-1, *array.shape[-2:])
        if wrong := check(flat, self.model.codebooks, self.model.codebook_size):
            raise AudioError(wrong)
        vectors = vectors_of(self.model)
        found = embed(vectors.codebooks, vectors.silence, array)
        return found if like is None else give_back(found, like)

    @overload
    def latents(self, data: Any, samplerate: int, *, like: None = None) -> NDArray[np.float32]: ...

    @overload
    def latents(self, data: Any, samplerate: int, *, like: Any) -> Any: ...

    def latents(self, data: Any, samplerate: int, *, like: Any = None) -> Any:
        """Latents: the output of the encoder before quantisation.

        Parameters
        ----------
        data : array_like
            One signal, as for `encode`.
        samplerate : int
            In Hz, as for `encode`.
        like : array, optional
            Return an array of the same library and device, such as PyTorch.

        Returns
        -------
        ndarray
            ``float32[channels, latent_dim, tokens]``; `embed` of the signal's codes is the nearer,
            the more codebooks there are.

        Raises
        ------
        AudioError
            If it cannot be coded.
        ModelError
            If the model does not show its latents.
        """
        found = latents_of(
            self.model, pcm.to_frames(data), samplerate, self.threads, self.providers
        )
        return found if like is None else give_back(found, like)

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
            In Hz, 1,000 to 768,000; the model's if not given. Others cost time, and delay: 4 ms
            where the rate is not below the model's.
        channels : int, optional
            Each is coded by itself, with an equal part of the bitrate: joint stereo, as of files,
            looks five seconds ahead.
        bitrate : float, optional
            Nominal kbps of all channels; see `Model.codebooks_for` for what each can have. The
            model's default for each if not given.
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
        """A live stream's packets to samples, at once. Packets can have any bitrate.

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
        checked = self._check_stream(samplerate, channels, None)[:2]
        return StreamDecoder(self.model, *checked, threads=self.threads)

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
            Number of streams.
        samplerate : int, optional
            Of each stream, in Hz, as for `stream_encoder`.
        channels : int, optional
            Of each stream.
        bitrate : float, optional
            Of each stream, in kbps per channel.

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
        n = to_integer("n", n)
        if n < 1:
            raise ValueError(f"{n} streams: must be 1 or more")
        checked = self._check_stream(samplerate, channels, bitrate)
        return StreamBatch(self.model, n, *checked, threads=self.threads)

    def _check_stream(
        self, samplerate: int | None, channels: int, bitrate: float | None
    ) -> tuple[int, int, int]:
        samplerate = self.model.samplerate if samplerate is None else samplerate
        checked = pcm.check_format(samplerate, channels)
        return *checked, self.model.codebooks_for(bitrate, channels)
