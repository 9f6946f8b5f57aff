"""``.vx`` files in one call: thin wrappers over `VauxFile`, named and shaped as soundfile's."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ..audio import pcm
from ..audio.formats import FORMATS
from ..container.metadata import Picture
from ..fileio import File
from .codes import FileCodes
from .info import Info, describe
from .vauxfile import Dtype, OnError, VauxFile

__all__ = ["blocks", "compress", "decompress", "info", "read", "read_codes", "write"]


@overload
def read(
    file: File, frames: int = -1, start: int = 0, stop: int | None = None,
    dtype: Literal["float32"] = "float32", always_2d: bool = False,
    fill_value: float | None = None, out: None = None, *, on_error: OnError = "stop",
    max_frames: int | None = None, closefd: bool = True,
) -> tuple[NDArray[np.float32], int]: ...  # fmt: skip


@overload
def read(
    file: File, frames: int = -1, start: int = 0, stop: int | None = None,
    dtype: Dtype = "float32", always_2d: bool = False, fill_value: float | None = None,
    out: np.ndarray | None = None, *, on_error: OnError = "stop", max_frames: int | None = None,
    closefd: bool = True,
) -> tuple[NDArray[Any], int]: ...  # fmt: skip


def read(
    file: File,
    frames: int = -1,
    start: int = 0,
    stop: int | None = None,
    dtype: Dtype = "float32",
    always_2d: bool = False,
    fill_value: float | None = None,
    out: np.ndarray | None = None,
    *,
    on_error: OnError = "stop",
    max_frames: int | None = None,
    closefd: bool = True,
) -> tuple[np.ndarray, int]:
    """Decode a ``.vx`` file, or a part of it.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        See `VauxFile`.
    frames : int, optional
        Number of frames to read; all up to the end if negative. Not together with `stop`.
    start : int, optional
        First frame. A negative value counts from the end.
    stop : int, optional
        The frame after the last. A negative value counts from the end.
    dtype : {'float32', 'float64', 'int32', 'int16'}, optional
        Integers are scaled from full scale, rounded and clipped.
    always_2d : bool, optional
        ``[frames, channels]`` also for one channel.
    fill_value : float, optional
        Value of frames beyond the end; without it the array is shorter.
    out : ndarray, optional
        Array that receives the samples. `dtype` and `always_2d` are then ignored, and `frames` is
        its length if not given.
    on_error : {'stop', 'conceal'}, optional
        On damage, raise an error, or conceal it and continue. `VauxFile.damage` lists what was
        concealed.
    max_frames : int, optional
        Refuse a file that has more, before anything of it is decoded.
    closefd : bool, optional
        Whether to close a file descriptor.

    Returns
    -------
    data : ndarray
        ``[frames]`` or ``[frames, channels]``; `out`, or the part of it that was filled, if given.
    samplerate : int
        In Hz.

    Raises
    ------
    FormatError
        If it is not a ``.vx`` file or is damaged; its subclass `TruncatedError` if the end that
        was asked for is missing. Read what is there by naming `frames` (see `info`).
    LimitError
        If it has more than `max_frames`.
    ModelError
        If the model that the file needs is not installed.

    Examples
    --------
    >>> import vauxio
    >>> data, samplerate = vauxio.read('speech.vx')
    >>> second, _ = vauxio.read('speech.vx', start=samplerate, stop=2 * samplerate)
    """
    with VauxFile(file, on_error=on_error, max_frames=max_frames, closefd=closefd) as f:
        frames = f._prepare(start, stop, frames)
        data = f.read(frames, dtype, always_2d, fill_value, out)
        return data, f.samplerate


def write(
    file: File,
    data: Any,
    samplerate: int,
    *,
    model: str = "auto",
    bitrate: float | None = None,
    quality: float | None = None,
    tags: Mapping[str, str] | None = None,
    pictures: Sequence[Picture] = (),
    lm: bool = True,
    denoise: bool = False,
    closefd: bool = True,
) -> None:
    """Code samples into a ``.vx`` file.

    A file of that name is replaced, but only once the new one is complete.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        See `VauxFile`.
    data : array_like
        ``[frames]`` or ``[frames, channels]`` of float32, float64, int16 or int32. Integers are
        scaled to full scale 1.0; floating-point samples beyond it are clipped, with a warning.
    samplerate : int
        In Hz, 1,000 to 768,000.
    model : str, optional
        Name of a model of `vauxio.models`. ``'auto'`` chooses one; see `VauxFile`.
    bitrate : float, optional
        Nominal kbps of the whole file, all channels together, on average over every five seconds.
        Not together with `quality`. By default the model's default for each channel.
    quality : float, optional
        0 to 20, instead of `bitrate`: the average varies with the signal. Above 10 with hifi-48k.
    tags : mapping of str to str, optional
        Tags by key, such as ``title``.
    pictures : sequence of Picture, optional
        Pictures, such as a cover; see `vauxio.container.Picture`.
    lm : bool, optional
        False writes plain codes, without entropy coding. The file is larger, the sound the same.
    denoise : bool, optional
        Remove noise from speech before coding; see `vauxio.denoise`.
    closefd : bool, optional
        Whether to close a file descriptor.

    Raises
    ------
    AudioError
        If the samples cannot be coded: type, shape, sample rate, NaN or infinite samples.
    ModelError
        If the model is not installed.
    ValueError
        If the model does not have that bitrate or quality, or the file is named as one of another
        format: ``.wav`` and the like.

    Examples
    --------
    >>> import numpy as np, vauxio
    >>> t = np.arange(48000) / 48000
    >>> vauxio.write('a.vx', 0.5 * np.sin(2 * np.pi * 440 * t), 48000, bitrate=3)
    """
    _check_name(file)
    frames = pcm.to_frames(data)
    channels = frames.shape[1]
    pcm.check_finite(frames)  # before the file is touched
    with VauxFile(
        file, "w", samplerate, channels, model=model, bitrate=bitrate, quality=quality, tags=tags,
        pictures=pictures, lm=lm, denoise=denoise, frames=len(frames), exact=True,
        closefd=closefd,
    ) as f:  # fmt: skip
        f.write(frames)


@overload
def blocks(
    file: File, blocksize: int | None = None, overlap: int = 0, frames: int = -1, start: int = 0,
    stop: int | None = None, dtype: Literal["float32"] = "float32", always_2d: bool = False,
    fill_value: float | None = None, out: None = None, *, on_error: OnError = "stop",
    max_frames: int | None = None, closefd: bool = True,
) -> Iterator[NDArray[np.float32]]: ...  # fmt: skip


@overload
def blocks(
    file: File, blocksize: int | None = None, overlap: int = 0, frames: int = -1, start: int = 0,
    stop: int | None = None, dtype: Dtype = "float32", always_2d: bool = False,
    fill_value: float | None = None, out: np.ndarray | None = None, *, on_error: OnError = "stop",
    max_frames: int | None = None, closefd: bool = True,
) -> Iterator[NDArray[Any]]: ...  # fmt: skip


def blocks(
    file: File,
    blocksize: int | None = None,
    overlap: int = 0,
    frames: int = -1,
    start: int = 0,
    stop: int | None = None,
    dtype: Dtype = "float32",
    always_2d: bool = False,
    fill_value: float | None = None,
    out: np.ndarray | None = None,
    *,
    on_error: OnError = "stop",
    max_frames: int | None = None,
    closefd: bool = True,
) -> Iterator[np.ndarray]:
    """Decode a ``.vx`` file piece by piece, in constant memory.

    Parameters
    ----------
    blocksize : int
        Frames per piece. Either this or `out` must be given.
    overlap : int, optional
        Frames that a piece has in common with the one before.
    file : path, file descriptor or binary file object
        See `VauxFile`.
    frames : int, optional
        Number of frames to read; see `read`.
    start : int, optional
        First frame; see `read`.
    stop : int, optional
        The frame after the last; see `read`.
    dtype : {'float32', 'float64', 'int32', 'int16'}, optional
        See `read`.
    always_2d : bool, optional
        ``[frames, channels]`` also for one channel.
    fill_value : float, optional
        Value of frames beyond the end of the file: the last piece is as long as the others.
    out : ndarray, optional
        Array that receives each piece.
    on_error : {'stop', 'conceal'}, optional
        See `read`.
    max_frames : int, optional
        See `read`.
    closefd : bool, optional
        Whether to close a file descriptor.

    Yields
    ------
    ndarray
        A new array each time, unless `out` is given. The last may be shorter.

    Examples
    --------
    >>> import numpy as np, vauxio
    >>> loudest = max(np.abs(block).max() for block in vauxio.blocks('speech.vx', 65536))
    """
    with VauxFile(file, on_error=on_error, max_frames=max_frames, closefd=closefd) as f:
        frames = f._prepare(start, stop, frames)
        yield from f.blocks(blocksize, overlap, frames, dtype, always_2d, fill_value, out)


def read_codes(
    file: File,
    start: int = 0,
    frames: int = -1,
    *,
    on_error: OnError = "stop",
    closefd: bool = True,
) -> FileCodes:
    """The codes of a ``.vx`` file, or of a part of it, without decoding them to samples.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        See `VauxFile`.
    start : int, optional
        First frame; see `VauxFile.codes`.
    frames : int, optional
        Number of frames; see `VauxFile.codes`.
    on_error : {'stop', 'conceal'}, optional
        See `read`.
    closefd : bool, optional
        Whether to close a file descriptor.

    Returns
    -------
    FileCodes
        Codes with their `mask` and `counts`, tags, and what else the file says. `Codec.decode`
        takes it, and `write_codes`.

    Raises
    ------
    FormatError, ModelError
        As of `read`.

    Examples
    --------
    >>> import vauxio
    >>> codes = vauxio.read_codes('speech.vx')
    >>> codes.codes.shape[0], codes.counts.shape == codes.codes.shape[::2]
    (1, True)
    """
    with VauxFile(file, on_error=on_error, closefd=closefd) as f:
        return f.codes(start, frames)


def info(file: File) -> Info:
    """Describe a ``.vx`` file without decoding it.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        From a pipe, it is read to its end.

    Returns
    -------
    Info
        Its repr is the report.

    Examples
    --------
    >>> import vauxio
    >>> vauxio.info('speech.vx')
    speech.vx
    ...
    """
    return describe(file)


def compress(
    data: Any,
    samplerate: int,
    *,
    model: str = "auto",
    bitrate: float | None = None,
    quality: float | None = None,
    tags: Mapping[str, str] | None = None,
    pictures: Sequence[Picture] = (),
    lm: bool = True,
    denoise: bool = False,
) -> bytes:
    """Code samples into the bytes of a ``.vx`` file. Parameters as of `write`.

    Examples
    --------
    >>> import numpy as np, vauxio
    >>> blob = vauxio.compress(np.zeros(48000, 'int16'), 48000)
    >>> data, samplerate = vauxio.decompress(blob)
    """
    file = io.BytesIO()
    write(
        file, data, samplerate, model=model, bitrate=bitrate, quality=quality, tags=tags,
        pictures=pictures, lm=lm, denoise=denoise,
    )  # fmt: skip
    return file.getvalue()


def decompress(
    blob: bytes | bytearray | memoryview, *, max_frames: int | None = None
) -> tuple[NDArray[np.float32], int]:
    """Decode what `compress` made: ``(data, samplerate)``, as `read` gives it.

    A server sets `max_frames`: more are refused before anything is decoded.
    """
    return read(io.BytesIO(blob), max_frames=max_frames)


def _check_name(file: File) -> None:
    """Refuse a path that ends as recordings of other formats do."""
    if not isinstance(file, (str, bytes, os.PathLike)):
        return
    stem, ending = os.path.splitext(os.fsdecode(file))
    if ending.lower() in FORMATS:
        raise ValueError(
            f"{stem}{ending}: only .vx files can be written; name it {stem}.vx, or use "
            f"soundfile.write for {ending}"
        )
