"""Arrays of samples: sample types, limits, channels.

This module knows how samples are scaled, clipped and checked. It knows nothing of files, networks
or codes. Frames are ``[frames, channels]`` throughout, float32 with full scale at 1.0 once they are
inside.
"""

from __future__ import annotations

import numbers
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from .arrays import to_numpy

__all__ = [
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


def check_format(samplerate: Any, channels: Any) -> tuple[int, int]:
    """Sample rate and channel count as plain integers; `AudioError` if they cannot be coded."""
    low, high = SAMPLERATES
    if not _is_integer(samplerate) or not low <= samplerate <= high:
        given = samplerate if isinstance(samplerate, numbers.Real) else repr(samplerate)
        raise AudioError(f"sample rate of {given} Hz: must be an integer, {low} to {high}")
    if not _is_integer(channels) or not 1 <= channels <= CHANNELS:
        given = channels if isinstance(channels, numbers.Real) else repr(channels)
        raise AudioError(f"{given} channels: must be an integer, 1 to {CHANNELS}")
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
    if len(frames) <= CHANNELS < frames.shape[1]:  # as torchaudio and librosa have it
        raise AudioError(f"shape {data.shape}: must be (frames, channels); give data.T")
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


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
