"""Samples: recordings through soundfile or `media`, sample types, limits, channels.

This module knows what arrays of samples are and how they are scaled, clipped and checked. It knows
nothing of networks, of codes or of ``.vx`` files. Frames are ``[frames, channels]`` throughout,
float32 with full scale at 1.0 once they are inside. soundfile is imported when first needed.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ..fileio import File, is_seekable, name_of
from . import completeness, mpeg, pages, riff
from .arrays import to_numpy
from .channels import from_vorbis
from .chatter import hushed
from .flac import Digest
from .formats import Raw
from .media.kinds import HEAD, Kind, kind_of
from .window import Part, Window

if TYPE_CHECKING:
    import soundfile

    from .media.reader import MediaFile

__all__ = [
    "Recording",
    "check_dtype",
    "check_finite",
    "check_format",
    "check_out",
    "clipped",
    "empty",
    "from_float",
    "mix_down",
    "native",
    "to_float",
    "to_frames",
]

SAMPLERATES = 1_000, 768_000
"""Lowest and highest sample rate that can be coded, in Hz."""

CHANNELS = 32
"""Channels at most."""

_DTYPES = ("float32", "float64", "int16", "int32")
# By what `dtype.str` says but for the byte order: live streams ask often, and `name` is slow.
_KNOWN = {np.dtype(name).str[1:] for name in _DTYPES}
_SCALE = {"i2": 2.0**15, "i4": 2.0**31}
_AT_ONCE = 1 << 20  # frames looked at in one go
_LOOKED_AT = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"}
_MAX_FRAMES = 1 << 48  # more are not meant as a number of frames
_CONTAINERS = {"wav", "ogg", "flac", "caf"}  # that libsndfile reads, if not what is in them
_MPEG_SLACK = 4 * 1152  # frames that a WAV file with MPEG audio may count in vain


def check_format(samplerate: Any, channels: Any) -> tuple[int, int]:
    """Sample rate and channel count as plain integers; `AudioError` if they cannot be coded."""
    low, high = SAMPLERATES
    if not _is_integer(samplerate) or not low <= samplerate <= high:
        raise AudioError(f"sample rate of {samplerate} Hz: must be an integer, {low} to {high}")
    if not _is_integer(channels) or not 1 <= channels <= CHANNELS:
        raise AudioError(f"{channels} channels: must be 1 to {CHANNELS}")
    return int(samplerate), int(channels)


def check_dtype(dtype: Any) -> np.dtype:
    """The sample type that `dtype` names; `ValueError` if there is none such."""
    try:
        found: np.dtype | None = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.name not in _DTYPES or not found.isnative:
        raise ValueError(f"dtype must be one of {sorted(_DTYPES)!r} and not {dtype!r}")
    return found


def to_frames(data: Any, channels: int | None = None) -> np.ndarray:
    """`data` as ``[frames, channels]`` in the sample type that it came in.

    Parameters
    ----------
    data : array_like
        ``[frames, channels]``, or ``[frames]`` for one channel.
    channels : int, optional
        How many channels there must be.

    Raises
    ------
    AudioError
        If shape or type is not that of samples.
    """
    data = to_numpy(data)
    if data.ndim not in (1, 2):
        raise AudioError(f"shape {data.shape}: must be (frames,) or (frames, channels)")
    if data.dtype.str[1:] not in _KNOWN:
        raise AudioError(f"samples of type {data.dtype}: must be one of {', '.join(_DTYPES)}")
    frames: np.ndarray = data[:, None] if data.ndim == 1 else data
    if channels is not None and frames.shape[1] != channels:
        raise AudioError(f"shape {data.shape}: {channels} channels expected")
    return frames


def check_finite(frames: np.ndarray, first: int = 0) -> None:
    """`AudioError` that names the first frame with a NaN or infinite sample, if there is one.

    Parameters
    ----------
    frames : ndarray
        ``[frames, channels]`` of any sample type.
    first : int
        Number of the first frame, for the message.
    """
    if frames.dtype.str[1:] in _SCALE:
        return
    for i in range(0, len(frames), _AT_ONCE):
        finite = np.isfinite(frames[i : i + _AT_ONCE])
        if not finite.all():
            at = first + i + int(finite.all(axis=1).argmin())
            raise AudioError(f"frame {at} has a sample that is NaN or infinite")


def to_float(frames: np.ndarray) -> NDArray[np.float32]:
    """Samples of any type, all finite, to float32 within ±1.

    Integers are divided by 2^15 or 2^31; floating-point samples beyond full scale are clipped, as
    soundfile clips them on the way into a file.
    """
    scale = _SCALE.get(frames.dtype.str[1:])
    if scale is not None:
        scaled: NDArray[np.float32] = frames.astype(np.float32) / np.float32(scale)
        return scaled
    clipped: np.ndarray = np.maximum(np.minimum(frames, 1), -1)
    return clipped.astype(np.float32, copy=False)


def from_float(frames: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float32 to any sample type.

    Integers are scaled by 2^15 or 2^31, rounded to the nearest and clipped, as soundfile does when
    it reads a lossy format as integers; floating-point samples are left alone.
    """
    scale = _SCALE.get(dtype.str[1:])
    if scale is None:
        return frames.astype(dtype, copy=False)
    # In float64: 2^31 - 1 is no float32.
    return np.clip(np.rint(frames.astype(np.float64) * scale), -scale, scale - 1).astype(dtype)


def empty(frames: int, channels: int, dtype: np.dtype, always_2d: bool) -> np.ndarray:
    """Room for frames: ``[frames, channels]``, or ``[frames]`` for one channel if that will do."""
    shape = (frames, channels) if always_2d or channels > 1 else (frames,)
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):  # a small file may claim to be a very long one
        raise AudioError(
            f"{frames} frames of {channels} channels do not fit in memory; "
            "read the file in pieces with blocks()"
        ) from None


def check_out(out: np.ndarray, channels: int) -> None:
    """`ValueError` if frames of that many channels cannot be put into `out`."""
    check_dtype(out.dtype)
    if out.ndim not in (1, 2) or (1 if out.ndim == 1 else out.shape[1]) != channels:
        raise ValueError(f"out of shape {out.shape}: {channels} channels expected")


def mix_down(frames: np.ndarray) -> np.ndarray:
    """All channels to one, ``[frames, 1]``: their mean."""
    mean: np.ndarray = frames.mean(axis=1, keepdims=True, dtype=frames.dtype)
    return mean


def native(path: str | bytes | os.PathLike[str]) -> str | bytes:
    """A path for soundfile, which takes names that are no text as bytes only."""
    return os.fsencode(path) if os.name == "posix" else os.fsdecode(path)


def clipped(peak: float) -> str:
    """In words, that samples up to `peak` were clipped."""
    return f"samples beyond full scale, up to {peak:.6g}, were clipped; lower its level first"


class Recording:
    """A recording in any format that soundfile or FFmpeg reads, as a stream of float32 frames.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        Need not be seekable. WAV, AIFF and AU are then read as they come; a format that can only
        be read from a seekable file is first copied to a temporary one. A WAV file whose header was
        never finished is read like one from a pipe.
    raw : Raw, optional
        What its samples are, if it has no header.

    Attributes
    ----------
    samplerate, channels : int
    frames : int or None
        None if it is not known beforehand.
    exact : bool
        Whether there are just so many frames; of MPEG audio, `frames` may be an estimate.
    notes : list of str
        What may be missing of it, or was changed: complete when all `blocks` have been taken.
    peak : float
        Highest magnitude beyond full scale up to now, of floating-point samples; else 0.

    Raises
    ------
    AudioError
        If it is not a recording, or none with a sample rate and channel count that can be coded; or
        if not all of it could be read: damaged, or several recordings one after the other.
    OSError
        If it cannot be opened.
    """

    def __init__(self, file: File, raw: Raw | None = None) -> None:
        self._owned: list[Any] = []
        self._at = 0
        self._surround = False  # channels in the order of Vorbis
        self._least: int | None = None  # frames that must be there
        self._mpeg: mpeg.Frames | None = None
        self._digest: Digest | None = None
        self._media: MediaFile | None = None  # where libsndfile does not read it
        self.peak = 0.0
        self.notes: list[str] = []
        self.name = name_of(file)
        try:
            self._file = self._open(file) if raw is None else self._open_raw(file, raw)
            self._owned.append(self._file)
            try:
                self.samplerate, self.channels = check_format(
                    self._file.samplerate, self._file.channels
                )
            except AudioError as e:
                raise AudioError(f"{self.name}: {e}") from None
        except BaseException:
            self.close()
            raise
        self.exact, self.frames = True, None
        if self._media is not None:
            self.exact, self.frames = self._media.exact, self._media.frames or None
            self._least = self._media.least
            return
        # FLAC that was written to a pipe, and what cannot seek and does not say so.
        if self._file.frames > _MAX_FRAMES or self._file.subtype.startswith("DWVW"):
            self._file._info.seekable = 0  # soundfile would seek after each read, and fail at last
        if raw is None and self._file.format not in _LOOKED_AT:
            self.notes.append(f"it may be cut off: of {self._file.format}, nobody can tell")
        if self._file.seekable():
            self.frames = self._file.frames
        if self._file.subtype.startswith("MPEG"):
            self.exact = False
            if self.frames is not None and self._least is None:  # in WAV
                self._least = self.frames - _MPEG_SLACK
        if self._least is None:
            self._least = self.frames
        elif self.frames is not None:
            self._least = min(self._least, self.frames)

    @property
    def has_checksum(self) -> bool:
        """Whether reading it as a whole tells more of what may be wrong than reading its parts."""
        return bool(self._digest)

    def blocks(self, frames: int, start: int = 0) -> Iterator[np.ndarray]:
        """All frames as ``float32[<= frames, channels]``, finite and within ±1.

        Parameters
        ----------
        frames : int
        start : int, optional
            The frame to begin with; only a seekable file can begin elsewhere than where it is.

        Raises
        ------
        AudioError
            If the recording is damaged or ends early, or a sample is NaN or infinite.
        """
        import soundfile

        done = start
        digest = self._digest if not start else None
        while True:
            try:
                if done != self._at:
                    self._file.seek(done)
                with hushed(self._file.subtype.startswith("MPEG")):
                    block = self._file.read(frames, dtype="float32", always_2d=True)
                self._at = done + len(block)
            except soundfile.SoundFileError as e:
                raise AudioError(f"{self.name}: damaged after frame {done}: {_reason(e)}") from e
            except AudioError as e:  # of what soundfile does not read
                raise AudioError(f"{self.name}: {e}") from e
            if not len(block):
                break
            try:
                check_finite(block, done)
            except AudioError as e:
                raise AudioError(f"{self.name}: {e}") from None
            done = self._at
            if digest:
                digest.add(block)
            if self._surround:
                block = from_vorbis(block)
            self._look_for_clipping(block)
            yield to_float(block)
        if self._least is not None and done < self._least:
            raise AudioError(f"{self.name}: cut off: {done} of {self.frames} frames can be read")
        if digest and not digest.fits():
            self.notes.append("its samples are not those that its checksum is of")
        if self._media is not None:
            self.notes += [note for note in self._media.notes if note not in self.notes]
        if self.peak:
            self.notes.append(clipped(self.peak))

    def _look_for_clipping(self, block: np.ndarray) -> None:
        """Remember samples beyond full scale, where that is no accident of lossy coding."""
        if self._file.subtype in ("FLOAT", "DOUBLE"):
            peak = float(np.abs(block).max(initial=0))
            self.peak = max(self.peak, peak) if peak > 1 else self.peak

    def close(self) -> None:
        while self._owned:
            self._owned.pop().close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _open(self, file: Any) -> Any:
        import soundfile

        source: Any = file
        if isinstance(file, int):
            source = self._own(os.fdopen(os.dup(file), "rb"))
        elif isinstance(file, (str, bytes, os.PathLike)):
            source = self._own(open(file, "rb"))  # soundfile would only say "System error"
        piped = not is_seekable(source)
        if piped:
            source = file = self._from_pipe(source)
        kind = None if isinstance(source, int) else _kind(source, self.name)
        if piped or (kind and kind.demuxer not in _CONTAINERS):
            pass
        elif short := completeness.missing(source):
            if short > completeness.SLACK:
                raise AudioError(
                    f"{self.name}: cut off: its last {short:,} bytes are missing; "
                    "read from a pipe, it gives what is there"
                )
            self.notes.append(f"bytes may be missing at its end: {short}")
        follow, end = 0, 0
        if not isinstance(source, int):
            follow = completeness.unfinished(source)
            if kind is None or kind.demuxer in _CONTAINERS:
                end = self._look(source, piped, not follow)
        if kind is not None:
            return self._open_media(source, kind, piped)
        if follow:
            source = self._to_the_end(source, follow)
        elif end:
            source = Part(source, 0, end)  # libsndfile would take what is behind it for samples
        elif not isinstance(source, int) and (head := completeness.caf_head(source)):
            self.notes.append("it may be cut off: its header says no length")
            with Window(source) as window:
                size = window.size
            source = Part(source, 0, size, head)
        elif isinstance(file, (str, bytes, os.PathLike)):
            source = native(file)  # faster than through a Python file
        try:
            with hushed():
                sound = soundfile.SoundFile(source)
                if self._mpeg is None or not self._is_short(sound.frames, self._mpeg):
                    return sound
                # libsndfile guesses how long it is, and would end there; but not of a pipe.
                sound.close()
                if isinstance(file, (str, bytes, os.PathLike)):
                    file = self._own(open(file, "rb"))
                file.seek(0)
                return soundfile.SoundFile(_piped(b"", file))
        except TypeError as e:  # by the ending of its name, samples without a header
            raise AudioError(
                f"{self.name}: samples without a header, of which nobody knows the rate; "
                "say it: --raw RATE,CHANNELS,TYPE"
            ) from e
        except soundfile.SoundFileError as e:
            raise AudioError(f"{self.name}: not a recording that can be read: {_reason(e)}") from e

    def _open_raw(self, file: Any, raw: Raw) -> soundfile.SoundFile:
        import soundfile

        check_format(raw.samplerate, raw.channels)
        source: Any = file
        if isinstance(file, (int, str, bytes, os.PathLike)):
            source = self._own(open(os.dup(file) if isinstance(file, int) else file, "rb"))
        if not is_seekable(source):
            source = self._copied(b"", source)
        begin = source.tell()
        if rest := (source.seek(0, io.SEEK_END) - begin) % raw.bytes:
            self.notes.append(f"{rest} bytes at its end are no whole frame, and were left out")
        source.seek(begin)
        try:
            return soundfile.SoundFile(
                source, "r", raw.samplerate, raw.channels, raw.subtype, raw.endian, "RAW"
            )
        except soundfile.SoundFileError as e:
            raise AudioError(f"{self.name}: cannot be read so: {_reason(e)}") from e

    def _open_media(self, source: Any, kind: Kind, piped: bool) -> MediaFile:
        from .media.reader import MediaFile

        try:
            self._media = MediaFile(source, kind, lenient=piped)
        except AudioError as e:
            raise AudioError(f"{self.name}: {e}") from e
        return self._media

    @staticmethod
    def _is_short(frames: int, found: mpeg.Frames) -> bool:
        """Whether so many are fewer than an MP3 file has."""
        return frames < found.samples - (_MPEG_SLACK if found.stated else 0)

    def _look(self, source: Any, piped: bool, finished: bool) -> int:
        """Find out what libsndfile would not say: damage, and what it would leave out.

        Where the samples of a file end, behind which libsndfile would read on; else 0.
        """
        found: pages.Pages | mpeg.Frames | None
        if found := pages.look(source):
            self._surround = found.surround
        elif found := mpeg.look(source):
            self._mpeg, self._least = found, found.samples
        if found is None:
            if not finished:
                return 0
            self._digest = Digest(source)
            with Window(source) as window:
                behind = riff.follows(window)
                reads_on = window.take(0, 4) in (b"riff", b".snd") and 0 < behind.end < window.size
            if behind.another:
                raise AudioError(
                    f"{self.name}: several recordings one after the other in one file: only the "
                    "first could be read; split it first"
                )
            if not piped:
                self.notes += behind.notes
            return behind.end if reads_on else 0
        self.notes += found.notes
        if found.wrong.startswith("cut off") and piped:
            self.notes.append(found.wrong)
            self._least = 0
        elif found.wrong:
            raise AudioError(f"{self.name}: {found.wrong}")
        return 0

    def _from_pipe(self, stream: BinaryIO) -> Any:
        head = stream.read(io.DEFAULT_BUFFER_SIZE)
        if kind_of(head) is None and completeness.streams(head):
            return _piped(head, stream)
        return self._copied(head, stream)

    def _copied(self, head: bytes, stream: BinaryIO) -> Any:
        """A temporary file with all of a pipe."""
        copy = self._own(tempfile.TemporaryFile())
        copy.write(head)
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        return copy

    def _to_the_end(self, stream: BinaryIO, follow: int) -> int:
        """All samples of a recording whose header was never finished, as from a pipe."""
        head = completeness.OPEN_ENDED.get(stream.read(8)[:4])
        if head is None:
            raise AudioError(
                f"{self.name}: its header says that it has no samples, but {follow:,} bytes "
                "follow: it was never finished; repair its header first"
            )
        return _piped(head, stream)

    def _own(self, resource: Any) -> Any:
        self._owned.append(resource)
        return resource


def _kind(file: Any, name: str) -> Kind | None:
    """Of what libsndfile does not read: which format it is."""
    at = file.tell()
    head = file.read(HEAD)
    file.seek(at)
    return kind_of(head, name)


def _piped(head: bytes, stream: BinaryIO) -> int:
    """A pipe that gives what was read of a stream, then the rest; closed with the SoundFile."""
    receiver, sender = os.pipe()
    threading.Thread(target=_pump, args=(head, stream, sender), daemon=True).start()
    return receiver


def _pump(head: bytes, stream: BinaryIO, sender: int) -> None:
    """Give what was read of a pipe, then the rest of it, to libsndfile through another pipe."""
    try:
        with os.fdopen(sender, "wb") as out:
            out.write(head)
            shutil.copyfileobj(stream, out, io.DEFAULT_BUFFER_SIZE)
    except (OSError, ValueError):
        pass  # the recording was closed before its end


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    # What libsndfile says of an MP3 file that its library does not take.
    if text.startswith("File does not exist"):
        return "unknown format"
    # It cannot seek in what it cannot decode.
    return "not what it should be" if "psf_fseek" in text else text.rstrip(". ")
