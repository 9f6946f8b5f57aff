"""A recording to read: whatever soundfile or `media` takes, from a file or a pipe.

This module opens files, and tells what is wrong with them. It knows nothing of networks, of codes
or of ``.vx`` files. soundfile is imported when first needed.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import AudioError
from ..fileio import File, is_seekable, name_of, naming
from . import completeness, mpeg, pages, riff
from .channels import from_vorbis
from .chatter import hushed
from .findings import Findings
from .flac import Digest
from .formats import Raw
from .media.kinds import HEAD, Kind, kind_of
from .pcm import check_finite, check_format, clipped, native, to_float
from .pipes import through_pipe
from .window import Part, Window

if TYPE_CHECKING:
    import soundfile

    from .media.reader import MediaFile

__all__ = ["Recording"]

_LOOKED_AT = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"}
_MAX_FRAMES = 1 << 48  # more are not meant as a number of frames
_CONTAINERS = {"wav", "ogg", "flac", "caf"}  # that libsndfile reads, if not what is in them
_MPEG_SLACK = 4 * 1152  # frames that a WAV file with MPEG audio may count in vain


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
        self._given = file
        try:
            with naming(file):
                self._file = self._open(file) if raw is None else self._open_raw(file, raw)
                self._owned.append(self._file)
                self.samplerate, self.channels = check_format(
                    self._file.samplerate, self._file.channels
                )
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
        with naming(self._given):
            yield from self._blocks(frames, start)

    def _blocks(self, frames: int, start: int) -> Iterator[np.ndarray]:
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
                raise AudioError(f"damaged after frame {done}: {_reason(e)}") from e
            if not len(block):
                break
            check_finite(block, done)
            done = self._at
            if digest:
                digest.add(block)
            if self._surround:
                block = from_vorbis(block)
            self._look_for_clipping(block)
            yield to_float(block)
        if self._least is not None and done < self._least:
            raise AudioError(f"cut off: {done} of {self.frames} frames can be read")
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
        kind = None if isinstance(source, int) else _kind(source, name_of(self._given))
        if piped or (kind and kind.demuxer not in _CONTAINERS):
            pass
        elif short := completeness.missing(source):
            if short > completeness.SLACK:
                raise AudioError(
                    f"cut off: its last {short:,} bytes are missing; "
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
                return soundfile.SoundFile(through_pipe(b"", file))
        except TypeError as e:  # by the ending of its name, samples without a header
            raise AudioError(
                "samples without a header, of which nobody knows the rate; "
                "say it: --raw RATE,CHANNELS,TYPE"
            ) from e
        except soundfile.SoundFileError as e:
            raise AudioError(f"not a recording that can be read: {_reason(e)}") from e

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
            raise AudioError(f"cannot be read so: {_reason(e)}") from e

    def _open_media(self, source: Any, kind: Kind, piped: bool) -> MediaFile:
        from .media.reader import MediaFile

        self._media = MediaFile(source, kind, lenient=piped)
        return self._media

    @staticmethod
    def _is_short(frames: int, found: mpeg.Frames) -> bool:
        """Whether so many are fewer than an MP3 file has."""
        return frames < found.samples - (_MPEG_SLACK if found.stated else 0)

    def _look(self, source: Any, piped: bool, finished: bool) -> int:
        """Look for damage, and for parts that would be left out, which libsndfile does not report.

        Where the samples of a file end, behind which libsndfile would read on; else 0.
        """
        found: Findings | None
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
                    "several recordings one after the other in one file: only the "
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
            raise AudioError(found.wrong)
        return 0

    def _from_pipe(self, stream: BinaryIO) -> Any:
        head = stream.read(io.DEFAULT_BUFFER_SIZE)
        if kind_of(head) is None and completeness.streams(head):
            return through_pipe(head, stream)
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
                f"its header says that it has no samples, but {follow:,} bytes "
                "follow: it was never finished; repair its header first"
            )
        return through_pipe(head, stream)

    def _own(self, resource: Any) -> Any:
        self._owned.append(resource)
        return resource


def _kind(file: Any, name: str) -> Kind | None:
    """The format of a file that FFmpeg reads; None for one that libsndfile reads."""
    at = file.tell()
    head = file.read(HEAD)
    file.seek(at)
    return kind_of(head, name)


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    # libsndfile's message for an MP3 file that libmpg123 refuses.
    if text.startswith("File does not exist"):
        return "unknown format"
    # libsndfile cannot seek in what it cannot decode.
    return "not what it should be" if "psf_fseek" in text else text.rstrip(". ")
