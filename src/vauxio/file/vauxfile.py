"""An open ``.vx`` file: the class that all functions on files use.

It checks how it is used, and knows the file's name and when to close it. `reading` and `writing` do
the work. It follows `soundfile.SoundFile`: the unit is the frame.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ..arguments import to_integer
from ..audio import pcm
from ..container import Header
from ..container.metadata import Foreign, Picture
from ..errors import AudioError, VauxError
from ..fileio import File, Input, Output, naming
from .codes import FileCodes
from .damage import Damage, damage_in
from .reading import Reading
from .writer import Writer
from .writing import writer_for

__all__ = ["Damage", "VauxFile"]

OnError = Literal["stop", "conceal"]
Dtype = Literal["float32", "float64", "int16", "int32"]


class VauxFile:
    """A ``.vx`` file, open for reading or for writing.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        A file object needs ``read`` or ``write``. To read from any position, it must be seekable.
        `close` does not close it.
    mode : {'r', 'w', 'x'}, optional
        Read; write, and replace a file of that name; write, and fail if there is one.
    samplerate : int
        To write: 1,000 to 768,000 Hz.
    channels : int
        To write: 1 to 32.
    model : str, optional
        Name of the model to write with; see `vauxio.models`. ``'auto'`` is speech-24k for one
        channel at 16 kHz or less, if it is installed and has the bitrate; hifi-48k for a bitrate
        of 12 or more for each channel (8 or more for music), or a quality above 10; else
        general-24k. Where it depends on that, ten seconds are held back and heard before the file
        begins.
    bitrate : float, optional
        Nominal kbps of the whole file, all channels together, on average over every five seconds.
        For one channel the nearest that the model has is taken (of two equally near ones, the
        higher). By default the model's default for each channel.
    quality : float, optional
        0 to 20, instead of `bitrate`: the average varies with the signal, so that all of it is
        coded about equally well. Up to 10 with codes, above with hifi-48k, which sounds nearly
        like the original from 15 or 16 on.
    tags : mapping of str to str, optional
        Tags to write.
    pictures : sequence of Picture, optional
        Pictures to write; see `vauxio.container.Picture`.
    lm : bool, optional
        False: write plain codes, without a probability model. The sound is the same.
    denoise : bool, optional
        Remove noise from speech before coding; see `vauxio.denoise`.
    foreign : sequence of Foreign, optional
        Metadata of other formats to write, as they were; see `vauxio.container.Foreign`.
    frames : int, optional
        Number of frames to be written, if known. A recording of up to fifteen seconds is then one
        block, which takes fewer bytes. Another number may be written, unless `exact`.
    exact : bool, optional
        Whether `frames` is exact. The header then has it, and `close` raises an error if another
        number was written.
    max_frames : int, optional
        Refuse a file with more frames before decoding. If a pipe does not say how many it has,
        refuse it as soon as there are more. For servers.
    on_error : {'stop', 'conceal'}, optional
        On damage in a file that is read, raise an error, or conceal it and add it to `damage`.
        With ``'conceal'``, a file that is cut off is read as far as it goes.
    closefd : bool, optional
        Whether `close` closes a file descriptor.

    Raises
    ------
    FormatError
        If it is not a ``.vx`` file.
    AudioError, ModelError, ValueError
        If nothing can be written that way: sample rate, channels, model, bitrate, quality.
    OSError
        If it cannot be opened.

    Notes
    -----
    A path is written under a temporary name in the same folder. `close` renames it. If an exception
    leaves the ``with`` block, the temporary file is removed and a file of that name stays as it
    was. A file descriptor or file object receives complete blocks of about ten seconds; after an
    exception it holds a file that is cut off, readable up to there.

    Memory does not grow with the length of the file.

    Use an object from one thread at a time. Different objects are independent.

    Examples
    --------
    >>> import soundfile, vauxio
    >>> with vauxio.VauxFile('a.vx', 'w', 44100, 2, bitrate=6) as f:
    ...     for block in soundfile.blocks('a.wav', 65536, dtype='float32'):
    ...         f.write(block)
    >>> with vauxio.VauxFile('a.vx') as f:
    ...     f.seek(44100)
    ...     data = f.read(1000)
    """

    _source: Input | None = None  # when open for reading
    _output: Output | None = None  # when open for writing

    _reading: Reading
    _writer: Writer

    def __init__(
        self,
        file: File,
        mode: str | None = "r",
        samplerate: int | None = None,
        channels: int | None = None,
        *,
        model: str = "auto",
        bitrate: float | None = None,
        quality: float | None = None,
        tags: Mapping[str, str] | None = None,
        pictures: Sequence[Picture] = (),
        lm: bool = True,
        denoise: bool = False,
        foreign: Sequence[Foreign] = (),
        frames: int | None = None,
        exact: bool = False,
        max_frames: int | None = None,
        on_error: OnError = "stop",
        closefd: bool = True,
    ) -> None:
        mode = getattr(file, "mode", None) if mode is None else mode
        if not isinstance(mode, str):
            raise TypeError(f"Invalid mode: {mode!r}")
        if mode.replace("b", "", 1) not in ("r", "w", "x"):
            raise ValueError(f"mode must be 'r', 'w' or 'x' and not {mode!r}")
        self._name = os.fspath(file) if isinstance(file, os.PathLike) else file
        self._mode = mode
        if on_error not in ("stop", "conceal"):
            raise ValueError(f"on_error must be 'stop' or 'conceal' and not {on_error!r}")
        self._conceal = on_error == "conceal"
        if "r" in mode:
            if any(value is not None for value in (samplerate, channels, frames)):
                raise TypeError("Not allowed for existing files: samplerate, channels, frames")
            self._open_to_read(file, closefd, max_frames)
            return
        if samplerate is None or channels is None:
            raise TypeError("samplerate and channels must be specified")
        samplerate, channels = pcm.check_format(samplerate, channels)
        if frames is not None and (frames := to_integer("frames", frames)) < 0:
            raise ValueError(f"{frames} frames: must be 0 or more")
        self._failed = self._warned = False
        begin = writer_for(
            model, samplerate, channels, bitrate=bitrate, quality=quality, tags=tags or {},
            pictures=pictures, lm=lm, denoise=denoise, foreign=foreign, frames=frames, exact=exact,
        )  # fmt: skip
        output = Output(file, "x" in mode, closefd)
        try:
            self._writer = begin(output.file)
        except BaseException:
            output.discard()
            raise
        self._output = output

    def _open_to_read(self, file: File, closefd: bool, max_frames: int | None) -> None:
        max_frames = None if max_frames is None else to_integer("max_frames", max_frames)
        source = Input(file, closefd)
        try:
            with naming(file):
                self._reading = Reading(source.file, self._conceal, max_frames)
        except BaseException:
            source.close()
            raise
        self._reader = self._reading.reader
        self._source = source

    @property
    def _header(self) -> Header:
        """That of the file, or that it will have."""
        return self._reader.header if "r" in self._mode else self._writer.header

    @property
    def name(self) -> Any:
        """The file, as it was given."""
        return self._name

    @property
    def mode(self) -> str:
        """The mode that it was opened in."""
        return self._mode

    @property
    def samplerate(self) -> int:
        """Frames per second."""
        return self._header.samplerate

    @property
    def channels(self) -> int:
        """Channels of a frame."""
        return self._header.channels

    @property
    def frames(self) -> int | None:
        """Number of frames: readable, or written so far; None from a pipe before its end."""
        if "r" not in self._mode:
            return self._written
        with naming(self._name):
            return self._reader.frames

    @property
    def model(self) -> str:
        """Name of the model. While frames are written, ``'auto'`` until it is chosen."""
        return self._header.model

    @property
    def bitrate(self) -> float:
        """Nominal kbps of all channels, the most that any moment can have: where that varies, more
        than what was asked for. Of a transform codec, what was asked for, or what the quality that
        was asked for takes on average over many files. `info` has the actual one of the whole file.
        """
        if "r" not in self._mode:
            return self._writer.bitrate
        if self._header.rate:
            return self._header.channels * self._header.rate / 10
        coded = self._reader.stereo.coded(self._header.channels)
        return len(coded) * self._reader.model.bitrate(self._header.codebooks)

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags of the file."""
        return self._header.tags

    @property
    def pictures(self) -> Sequence[Picture]:
        """Pictures of the file."""
        return self._header.pictures

    @property
    def foreign(self) -> Sequence[Foreign]:
        """Metadata of other formats that the file has."""
        return self._header.foreign

    @property
    def complete(self) -> bool:
        """Whether the file has its end; False while it is being written or read from a pipe."""
        return "r" in self._mode and self._reader.complete

    @property
    def damage(self) -> list[Damage]:
        """Damage found so far in a file that is read with ``on_error='conceal'``."""
        if "r" not in self._mode:
            return []
        with naming(self._name):
            return damage_in(self._reader)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._source is None and self._output is None

    def __repr__(self) -> str:
        return (
            f"VauxFile({self.name!r}, mode={self.mode!r}, samplerate={self.samplerate}, "
            f"channels={self.channels}, model={self.model!r})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: numbers, and of a file that can seek, up to 30 s of its sound."""
        from .notebook import SECONDS, show

        rows = [("mode", self.mode), ("samplerate", f"{self.samplerate} Hz"),
                ("channels", str(self.channels)), ("model", self.model),
                ("frames", "unknown" if self.frames is None else f"{self.frames:,}")]  # fmt: skip
        data = None
        if self.mode == "r" and not self.closed and self.seekable():
            at = self.tell()
            try:
                self.seek(0)
                data = self.read(SECONDS * self.samplerate, always_2d=True)
            except VauxError as e:
                rows.append(("cannot be heard", e.reason))
            finally:
                self.seek(at)
        return show([("file", str(self.name)), *rows], data, self.samplerate)

    def __enter__(self) -> VauxFile:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is not None and self._output is not None:
            self._failed = True
        self.close()

    def __del__(self) -> None:
        if self._output is not None:
            message = f"{self!r} was never closed: discarded"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)
            self._failed = True
        self.close()

    def seekable(self) -> bool:
        """Whether frames can be read from anywhere."""
        return "r" in self._mode and self._reader.seekable

    def seek(self, frames: int, whence: Literal[0, 1, 2] = 0) -> int:
        """Set the position to read from.

        Parameters
        ----------
        frames : int
        whence : {SEEK_SET, SEEK_CUR, SEEK_END}, optional
            Whether `frames` counts from the beginning, from here, or from the end.

        Returns
        -------
        int
            The new position.
        """
        self._check_open("r")
        with naming(self._name):
            return self._reading.seek(to_integer("frames", frames), whence)

    def tell(self) -> int:
        """The frame that is read or written next."""
        self._check_open()
        return self._reading.position if "r" in self._mode else self._written

    @overload
    def read(
        self, frames: int = -1, dtype: Literal["float32"] = "float32", always_2d: bool = False,
        fill_value: float | None = None, out: None = None,
    ) -> NDArray[np.float32]: ...  # fmt: skip

    @overload
    def read(
        self, frames: int = -1, dtype: Dtype = "float32", always_2d: bool = False,
        fill_value: float | None = None, out: np.ndarray | None = None,
    ) -> NDArray[Any]: ...  # fmt: skip

    def read(
        self,
        frames: int = -1,
        dtype: Dtype = "float32",
        always_2d: bool = False,
        fill_value: float | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Decode from the position on. Parameters and errors as of `vauxio.read`.

        From a pipe, too, ``frames=-1`` reads everything up to the end.
        """
        self._check_open("r")
        frames = to_integer("frames", frames)
        with naming(self._name):
            return self._reading.read(frames, dtype, always_2d, fill_value, out)

    @overload
    def blocks(
        self, blocksize: int | None = None, overlap: int = 0, frames: int = -1,
        dtype: Literal["float32"] = "float32", always_2d: bool = False,
        fill_value: float | None = None, out: None = None,
    ) -> Iterator[NDArray[np.float32]]: ...  # fmt: skip

    @overload
    def blocks(
        self, blocksize: int | None = None, overlap: int = 0, frames: int = -1,
        dtype: Dtype = "float32", always_2d: bool = False, fill_value: float | None = None,
        out: np.ndarray | None = None,
    ) -> Iterator[NDArray[Any]]: ...  # fmt: skip

    def blocks(
        self,
        blocksize: int | None = None,
        overlap: int = 0,
        frames: int = -1,
        dtype: Dtype = "float32",
        always_2d: bool = False,
        fill_value: float | None = None,
        out: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """Decode from the position on, piece by piece. Parameters as of `vauxio.blocks`."""
        self._check_open("r")
        if blocksize is not None:
            blocksize = to_integer("blocksize", blocksize)
        overlap, frames = to_integer("overlap", overlap), to_integer("frames", frames)
        with naming(self._name):
            yield from self._reading.blocks(
                blocksize, overlap, frames, dtype, always_2d, fill_value, out
            )

    def codes(self, start: int = 0, frames: int = -1) -> FileCodes:
        """The codes of the file, or of a part of it, without decoding them to samples.

        Their checksums are checked. The position to read from stays where it is.

        Parameters
        ----------
        start : int, optional
            The first frame; negative values count from the end. Codes begin with the token that it
            falls into, `FileCodes.first`.
        frames : int, optional
            How many; all up to the end if negative. From a pipe, only all.

        Returns
        -------
        FileCodes
            With as many tokens as so many frames take, the decoder's delay included. Tokens of
            blocks that are damaged are marked in `FileCodes.lost`, with ``on_error='conceal'``.

        Raises
        ------
        FormatError
            If the file is damaged there.
        ModelError
            If the model that the file needs is not installed.

        Examples
        --------
        >>> import vauxio
        >>> with vauxio.VauxFile('speech.vx') as f:
        ...     second = f.codes(f.samplerate, f.samplerate)
        >>> second.codes.shape[0], second.mask.dtype
        (1, dtype('bool'))
        """
        self._check_open("r")
        start, frames = to_integer("start", start), to_integer("frames", frames)
        with naming(self._name):
            return self._reading.codes(start, frames)

    def _prepare(self, start: int, stop: int | None, frames: int) -> int:
        """Go to `start`. Returns the number of frames to ask `read` or `blocks` for."""
        with naming(self._name):
            return self._reading.prepare(start, stop, frames)

    def write(self, data: Any) -> None:
        """Code samples that follow the last.

        Parameters
        ----------
        data : array_like
            ``[frames, channels]``, or ``[frames]`` for one channel, of float32, float64, int16 or
            int32. Checked as a whole before any of it is coded. Floating-point samples beyond full
            scale are clipped, with one `RuntimeWarning` for each file.

        Raises
        ------
        AudioError
            If it cannot be coded; the file goes on as if `write` had not been called.
        OSError
            If the file cannot take it; it is then closed and discarded.
        """
        self._check_open("w")
        frames = pcm.to_frames(data, self.channels)
        pcm.check_finite(frames, self._written)
        if not self._warned and frames.dtype.kind == "f" and np.abs(frames).max(initial=0) > 1:
            self._warned = True
            message = pcm.clipped(float(np.abs(frames).max()))
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        try:
            for i in range(0, len(frames), self.samplerate):
                self._writer.push(pcm.to_float(frames[i : i + self.samplerate]))
        except BaseException:
            self._failed = True
            self.close()
            raise

    def flush(self) -> None:
        """Pass complete blocks, of about ten seconds each, to the operating system."""
        self._check_open()
        if self._output is not None and hasattr(self._output.file, "flush"):
            self._output.file.flush()

    def close(self) -> None:
        """Finish the file. A file that could not be written whole is discarded."""
        source, self._source = self._source, None
        output, self._output = self._output, None
        if source is not None:
            source.close()
        if output is None:
            return
        if self._failed:
            output.discard()
            return
        try:
            frames = self._written
            if self._header.frames not in (None, frames):
                raise AudioError(f"{frames} frames written, exactly {self._header.frames} promised")
            self._writer.finish()
        except BaseException:
            output.discard()
            raise
        output.commit()

    @property
    def _written(self) -> int:
        """Frames that have been written."""
        return self._writer.frames

    def _check_open(self, mode: str | None = None) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if mode is not None and (mode == "r") != ("r" in self._mode):
            raise io.UnsupportedOperation(f"not open for {'reading' if mode == 'r' else 'writing'}")
