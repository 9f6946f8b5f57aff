"""One exception for each way to fail.

Messages are one line: what is wrong, and what to do about it where that can be said.
"""

from __future__ import annotations

__all__ = [
    "AudioError",
    "BitrateError",
    "ChecksumError",
    "FormatError",
    "LimitError",
    "ModelError",
    "TruncatedError",
    "UnsupportedError",
    "VauxError",
    "first_line",
]


class VauxError(Exception):
    """Base of everything that this library raises on purpose."""


class AudioError(VauxError, ValueError):
    """Samples, arrays or recordings that cannot be coded."""


class BitrateError(VauxError, ValueError):
    """A bitrate that a model does not have for that number of channels."""


class FormatError(VauxError, ValueError):
    """Not a ``.vx`` file, or a malformed one."""


class TruncatedError(FormatError):
    """A ``.vx`` file that ends before its end."""


class ChecksumError(FormatError):
    """Stored bytes or decoded codes that differ from what was written."""


class UnsupportedError(FormatError):
    """A ``.vx`` file that needs something this version does not have."""


class LimitError(VauxError, ValueError):
    """A ``.vx`` file with more frames than its reader was told to accept."""


class ModelError(VauxError):
    """A model that is missing, damaged, or not the one that a file was written with."""


def first_line(error: Exception) -> str:
    """What another library's exception says, in a line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
