"""An open ``.vx`` file: the class that all functions on files use.

This module combines the others: samples from `pcm`, codes from `codec`, their bits from
`blocks`, positions from `frames`, names on disk from `fileio`. It follows
`soundfile.SoundFile`: the unit is the frame.
"""

from __future__ import annotations

import io
import math
import operator
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ..audio import pcm
from ..container.metadata import Foreign, Picture
from ..errors import AudioError, LimitError, TruncatedError, VauxError
from ..fileio import File, Input, Output
from .block_reader import TokenReader
from .codes import FileCodes, codes_of
from .frames import FrameReader
from .transform import TransformFrames
from .writing import Writer, writer_for

__all__ = ["Damage", "VauxFile"]

OnError = Literal["stop", "conceal"]
Dtype = Literal["float32", "float64", "int16", "int32"]

_PIECE = 1 << 20  # frames taken at a time where nobody says how many


class Damage(NamedTuple):
    """Something in a file that is not what was written.

    Attributes
    ----------
    start, stop : int
        The frames that are concealed; equal where none are: tags, or the file's end.
    reason : str
    """

    start: int
    stop: int
    reason: str

    def describe(self, samplerate: int) -> str:
        """In a line, with times."""
        if self.start == self.stop:
            return self.reason
        times = [frame / samplerate for frame in self[:2]]
        begin, end = (f"{int(time) // 60}:{time % 60:06.3f}" for time in times)
        return f"concealed {begin} to {end}: {self.reason}"


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
        of 12 or more for each channel; else general-24k.
    bitrate : float, optional
        Nominal kbps of the whole file, all channels together, on average over every five seconds.
        For one channel the nearest that the model has is taken (of two equally near ones, the
        higher). By default the model's default for each channel.
    quality : float, optional
        0 to 10, instead of `bitrate`: the average varies with the signal, so that all of it is
        coded about equally well.
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

    _frames: FrameReader | TransformFrames
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
            self._max_frames = max_frames
            self._open_to_read(file, closefd)
            return
        if samplerate is None or channels is None:
            raise TypeError("samplerate and channels must be specified")
        samplerate, channels = pcm.check_format(samplerate, channels)
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
        self._header = self._writer.header
        self._output = output

    def _open_to_read(self, file: File, closefd: bool) -> None:
        source = Input(file, closefd)
        try:
            self._reader = TokenReader(source.file, self._conceal)
            self._header = self._reader.header
            self._check_limit()
        except BaseException:
            source.close()
            raise
        kind = TransformFrames if self._reader.header.rate else FrameReader
        self._frames = kind(self._reader, self._conceal)
        self._position = 0
        self._source = source

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
        """Frames that can be read, or have been written; None from a pipe before its end."""
        return self._reader.frames if "r" in self._mode else self._written

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._header.model

    @property
    def bitrate(self) -> float:
        """Nominal kbps of all channels, the most that any moment can have: where that varies, more
        than what was asked for. Of a transform codec, what was asked for. `info` has the actual one
        of the whole file."""
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
        """What was found damaged up to now, of a file read with ``on_error='conceal'``."""
        if "r" not in self._mode:
            return []
        reader, header = self._reader, self._header
        found = [] if reader.lost is None else [Damage(0, 0, str(reader.lost))]
        for index, error in sorted(reader.damage.items()):
            first = index * header.block_tokens
            last = min(first + header.block_tokens, reader.tokens)
            start, stop = (reader.grid.frames_in(t, header.samplerate) for t in (first, last))
            found.append(Damage(start, min(stop, self.frames or stop), str(error)))
        if reader.fault is not None and self.frames is not None:
            found.append(Damage(self.frames, self.frames, str(reader.fault)))
        return found

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
                rows.append(("cannot be heard", str(e)))
            finally:
                self.seek(at)
        return show([("file", self.name), *rows], data, self.samplerate)

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
        if not self.seekable():
            raise io.UnsupportedOperation("this file is not seekable")
        length = self._reader.frames or 0
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: length}
        if whence not in origins:
            raise ValueError(f"whence must be SEEK_SET, SEEK_CUR or SEEK_END and not {whence!r}")
        position = operator.index(frames) + origins[whence]
        if not 0 <= position <= length:
            raise ValueError(f"frame {position}: there are {length}")
        self._position = position
        return position

    def tell(self) -> int:
        """The frame that is read or written next."""
        self._check_open()
        return self._position if "r" in self._mode else self._written

    @overload
    def read(
        self,
        frames: int = -1,
        dtype: Literal["float32"] = "float32",
        always_2d: bool = False,
        fill_value: float | None = None,
        out: None = None,
    ) -> NDArray[np.float32]: ...

    @overload
    def read(
        self,
        frames: int = -1,
        dtype: Dtype = "float32",
        always_2d: bool = False,
        fill_value: float | None = None,
        out: np.ndarray | None = None,
    ) -> NDArray[Any]: ...

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
        left = self._left()
        if out is None:
            sample = pcm.check_dtype(dtype)
            wanted = math.inf if frames < 0 else frames
            self._check_end(wanted, left)
            if frames < 0 and left is None:
                out = self._read_pipe(sample)
                return out if always_2d or self.channels > 1 else out[:, 0]
            out = pcm.empty(_limit(frames, left, fill_value), self.channels, sample, always_2d)
        else:
            pcm.check_out(out, self.channels)
            wanted = len(out) if frames < 0 else min(frames, len(out))
            self._check_end(wanted, left)
        done = self._fill(out if wanted > len(out) else out[: int(wanted)])
        if left is None and done < wanted:
            self._check_end(math.inf, 0)
        if fill_value is not None:
            out[done:] = fill_value
        return out if fill_value is not None else out[:done]

    @overload
    def blocks(
        self,
        blocksize: int | None = None,
        overlap: int = 0,
        frames: int = -1,
        dtype: Literal["float32"] = "float32",
        always_2d: bool = False,
        fill_value: float | None = None,
        out: None = None,
    ) -> Iterator[NDArray[np.float32]]: ...

    @overload
    def blocks(
        self,
        blocksize: int | None = None,
        overlap: int = 0,
        frames: int = -1,
        dtype: Dtype = "float32",
        always_2d: bool = False,
        fill_value: float | None = None,
        out: np.ndarray | None = None,
    ) -> Iterator[NDArray[Any]]: ...

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
        if (blocksize is None) == (out is None):
            raise TypeError("One of {blocksize, out} must be specified, and only one")
        left = self._left()
        rest = math.inf if left is None and frames < 0 else _limit(frames, left, fill_value)
        if out is None:
            sample = pcm.check_dtype(dtype)
        else:
            pcm.check_out(out, self.channels)
            blocksize = len(out)
        assert blocksize is not None
        if not 0 <= overlap < blocksize:
            raise ValueError(f"overlap must be 0 to {blocksize - 1} and not {overlap}")
        tail = None  # what the next piece has in common with the last
        while rest > 0:
            kept = 0 if tail is None else overlap
            size = blocksize if fill_value is not None else int(min(blocksize, kept + rest))
            if out is None:
                piece = pcm.empty(size, self.channels, sample, always_2d)
            else:
                piece = out[:size]
            if kept:
                piece[:kept] = tail
            wanted = int(min(size - kept, rest))
            done = self._fill(piece[kept : kept + wanted])
            if not done and left is None:
                break
            if fill_value is None:
                piece = piece[: kept + done]
            else:
                piece[kept + done :] = fill_value
            rest = 0 if done < wanted and left is None else rest - wanted
            tail = piece[len(piece) - overlap :].copy()
            yield piece
        self._check_end(math.inf if frames < 0 else frames, 0 if left is None else left)

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
        if not self.seekable() and self._position:
            raise io.UnsupportedOperation("some of this pipe has been read")
        found = codes_of(self._reader, operator.index(start), operator.index(frames))
        self._check_end(math.inf if frames < 0 else frames, 0 if frames < 0 else found.frames)
        return found

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
        """Hand on to the system what is coded: whole blocks, of about ten seconds each."""
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

    def _check_limit(self) -> None:
        """`LimitError` if the file has, or claims, more frames than it may."""
        most, reader = self._max_frames, self._reader
        if most is None:
            return
        frames = reader.stored_frames if reader.complete else self._header.frames
        if frames is None or frames <= most:
            if reader.tokens <= reader.grid.tokens_for(most, self.samplerate):
                return
            frames = reader.grid.frames_in(reader.tokens, self.samplerate)
        raise LimitError(f"{frames} frames: at most {most} are accepted")

    @property
    def _written(self) -> int:
        """Frames that have been written."""
        return self._writer.frames

    def _left(self) -> int | None:
        """Frames from the position to the end, if that is known."""
        return None if self.frames is None else self.frames - self._position

    def _check_end(self, wanted: float, left: int | None) -> None:
        """`TruncatedError` if more is wanted than is left of a file that was cut off."""
        if left is None or wanted <= left or self.complete or self.frames is None or self._conceal:
            return
        there = f"{self.frames} frames ({self.frames / self.samplerate:.1f} s) can be read"
        fault = self._reader.fault
        if fault is None or isinstance(fault, TruncatedError):
            raise TruncatedError(f"the file is cut off: {there}; ask for no more than those")
        raise type(fault)(f"the file is damaged: {fault}; {there}; ask for no more than those")

    def _fill(self, out: np.ndarray) -> int:
        """Decode into `out`; how many frames that were."""
        target = out[:, None] if out.ndim == 1 else out
        done = 0
        while done < len(target):
            self._check_limit()
            piece = self._frames.take(self._position, len(target) - done)
            if not len(piece):
                break
            target[done : done + len(piece)] = pcm.from_float(piece, out.dtype)
            done += len(piece)
            self._position += len(piece)
        return done

    def _read_pipe(self, dtype: np.dtype) -> np.ndarray:
        """Everything that is still to come of a pipe."""
        pieces = [np.empty((0, self.channels), dtype)]
        while len(piece := self._frames.take(self._position, _PIECE)):
            self._check_limit()
            pieces.append(pcm.from_float(piece, dtype))
            self._position += len(piece)
        self._check_end(math.inf, 0)
        return np.concatenate(pieces)

    def _check_open(self, mode: str | None = None) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if mode is not None and (mode == "r") != ("r" in self._mode):
            raise io.UnsupportedOperation(f"not open for {'reading' if mode == 'r' else 'writing'}")

    def _prepare_read(self, start: int, stop: int | None, frames: int) -> int:
        """Go to `start`; how many frames `read` or `blocks` should be asked for."""
        if start != 0 and not self.seekable():
            raise ValueError("start is only allowed for seekable files")
        if frames >= 0 and stop is not None:
            raise TypeError("Only one of {frames, stop} may be used")
        known = self.frames
        if known is None:
            if stop is not None and stop < 0:
                raise ValueError("a negative stop is only allowed for seekable files")
            return frames if stop is None else stop
        begin, end, _ = slice(start, stop).indices(known)
        if self.seekable():
            self.seek(begin)
        if frames >= 0:
            return frames
        if not self.complete and not self._conceal and (stop is None or stop > known):
            return -1  # beyond what there is: to be refused
        return max(0, end - begin)


def _limit(frames: int, left: int | None, fill_value: float | None) -> int:
    """How many of the frames asked for (all if negative) there will be."""
    if left is not None and (frames < 0 or (frames > left and fill_value is None)):
        return left
    return frames
