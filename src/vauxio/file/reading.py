"""Samples and codes of a ``.vx`` file that is read, from a position on.

This module knows what `VauxFile` and the functions on files promise: how many frames there will
be, and which error tells that there are fewer. It knows nothing of names on disk.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arguments import to_integer
from ..audio import pcm
from ..errors import LimitError
from .block_reader import TokenReader
from .codes import FileCodes, codes_of
from .frames import FrameReader
from .transform import TransformFrames

__all__ = ["Reading"]

_PIECE = 1 << 20  # frames taken at a time where nobody says how many


class Reading:
    """A file that is read. Parameters of its methods are those of `VauxFile`.

    Parameters
    ----------
    file : BinaryIO
        Not closed.
    conceal : bool
        Whether damage is concealed.
    max_frames : int or None
        More frames are refused.

    Attributes
    ----------
    reader : TokenReader
    position : int
        The frame that is read next.
    """

    def __init__(self, file: Any, conceal: bool, max_frames: int | None) -> None:
        self.reader = TokenReader(file, conceal)
        self.position = 0
        self._conceal, self._max_frames = conceal, max_frames
        header = self.reader.header
        self._samplerate, self._channels = header.samplerate, header.channels
        self._check_limit()
        kind = TransformFrames if header.rate else FrameReader
        self._frames: FrameReader | TransformFrames = kind(self.reader, conceal)

    def seek(self, frames: int, whence: int) -> int:
        """Set the position, and return it."""
        if not self.reader.seekable:
            raise io.UnsupportedOperation("this file is not seekable")
        length = self.reader.frames or 0
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: length}
        if whence not in origins:
            raise ValueError(f"whence must be SEEK_SET, SEEK_CUR or SEEK_END and not {whence!r}")
        position = frames + origins[whence]
        if not 0 <= position <= length:
            raise ValueError(f"frame {position}: there are {length}")
        self.position = position
        return position

    def read(
        self, frames: int, dtype: Any, always_2d: bool, fill_value: float | None,
        out: np.ndarray | None,
    ) -> np.ndarray:  # fmt: skip
        """Frames from the position on."""
        left = self._left()
        if out is None:
            sample = pcm.check_dtype(dtype)
            wanted = math.inf if frames < 0 else frames
            self._check_end(wanted, left)
            if frames < 0 and left is None:
                out = self._read_pipe(sample)
                return out if always_2d or self._channels > 1 else out[:, 0]
            out = pcm.empty(_limit(frames, left, fill_value), self._channels, sample, always_2d)
        else:
            pcm.check_out(out, self._channels)
            wanted = len(out) if frames < 0 else min(frames, len(out))
            self._check_end(wanted, left)
        done = self._fill(out if wanted > len(out) else out[: int(wanted)])
        if left is None and done < wanted:
            self._check_end(math.inf, 0)
        if fill_value is not None:
            out[done:] = fill_value
        return out if fill_value is not None else out[:done]

    def blocks(
        self, blocksize: int | None, overlap: int, frames: int, dtype: Any, always_2d: bool,
        fill_value: float | None, out: np.ndarray | None,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        """Frames from the position on, piece by piece."""
        if (blocksize is None) == (out is None):
            raise TypeError("One of {blocksize, out} must be specified, and only one")
        left = self._left()
        rest = math.inf if left is None and frames < 0 else _limit(frames, left, fill_value)
        if out is None:
            sample = pcm.check_dtype(dtype)
        else:
            pcm.check_out(out, self._channels)
            blocksize = len(out)
        assert blocksize is not None
        if not 0 <= overlap < blocksize:
            raise ValueError(f"overlap must be 0 to {blocksize - 1} and not {overlap}")
        tail = None  # frames that the next piece shares with the last
        while rest > 0:
            kept = 0 if tail is None else overlap
            size = blocksize if fill_value is not None else int(min(blocksize, kept + rest))
            if out is None:
                piece = pcm.empty(size, self._channels, sample, always_2d)
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

    def codes(self, start: int, frames: int) -> FileCodes:
        """Codes; the position stays where it is."""
        if not self.reader.seekable and (self.position or self._frames.failed):
            raise io.UnsupportedOperation("some of this pipe has been read")
        found = codes_of(self.reader, start, frames)
        self._check_end(math.inf if frames < 0 else frames, 0 if frames < 0 else found.frames)
        return found

    def prepare(self, start: int, stop: int | None, frames: int) -> int:
        """Go to `start`. Returns the number of frames to ask `read` or `blocks` for."""
        start, frames = to_integer("start", start), to_integer("frames", frames)
        stop = None if stop is None else to_integer("stop", stop)
        if start != 0 and not self.reader.seekable:
            raise ValueError("start is only allowed for seekable files")
        if frames >= 0 and stop is not None:
            raise TypeError("Only one of {frames, stop} may be used")
        known = self.reader.frames
        if known is None:
            if stop is not None and stop < 0:
                raise ValueError("a negative stop is only allowed for seekable files")
            return frames if stop is None else stop
        begin, end, _ = slice(start, stop).indices(known)
        if self.reader.seekable:
            self.seek(begin, io.SEEK_SET)
        if frames >= 0:
            return frames
        if not self.reader.complete and not self._conceal and (stop is None or stop > known):
            return -1  # more than there is: `read` refuses it
        return max(0, end - begin)

    def _check_limit(self) -> None:
        """`LimitError` if the file has, or claims, more frames than it may."""
        most, reader = self._max_frames, self.reader
        if most is None:
            return
        frames = reader.stored_frames if reader.complete else reader.header.frames
        if frames is None or frames <= most:
            if reader.tokens <= reader.grid.tokens_for(most, self._samplerate):
                return
            frames = reader.grid.frames_in(reader.tokens, self._samplerate)
        raise LimitError(f"{frames} frames: at most {most} are accepted")

    def _left(self) -> int | None:
        """Frames from the position to the end, if that is known."""
        frames = self.reader.frames
        return None if frames is None else frames - self.position

    def _check_end(self, wanted: float, left: int | None) -> None:
        """An error if a file is cut off before the frames that are wanted."""
        if left is None or wanted <= left or self.reader.frames is None:
            return
        if self.reader.complete or self._conceal:
            return
        raise self.reader.shortage("; ask for no more than those")

    def _fill(self, out: np.ndarray) -> int:
        """Decode into `out`. Returns the number of frames."""
        target = out[:, None] if out.ndim == 1 else out
        done = 0
        while done < len(target):
            self._check_limit()
            piece = self._frames.take(self.position, len(target) - done)
            if not len(piece):
                break
            target[done : done + len(piece)] = pcm.from_float(piece, out.dtype)
            done += len(piece)
            self.position += len(piece)
        return done

    def _read_pipe(self, dtype: np.dtype) -> np.ndarray:
        """Read a pipe to its end."""
        pieces = [np.empty((0, self._channels), dtype)]
        while len(piece := self._frames.take(self.position, _PIECE)):
            self._check_limit()
            pieces.append(pcm.from_float(piece, dtype))
            self.position += len(piece)
        self._check_end(math.inf, 0)
        return np.concatenate(pieces)


def _limit(frames: int, left: int | None, fill_value: float | None) -> int:
    """The number of frames that a request gives; all if `frames` is negative."""
    if left is not None and (frames < 0 or (frames > left and fill_value is None)):
        return left
    return frames
