"""One exception for each way to fail.

Messages are one line: what is wrong, and what to do about it where that can be said.
"""

from __future__ import annotations

from .text import printable

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
    "reason_of",
]


class VauxError(Exception):
    """Base of everything that this library raises on purpose.

    Attributes
    ----------
    filename : str or None
        The file that could not be read, if it has a name. The message begins with it.
    """

    filename: str | None = None

    @property
    def reason(self) -> str:
        """The message without the file's name."""
        return printable(super().__str__())

    def __str__(self) -> str:
        name = "" if self.filename is None else f"{printable(self.filename)}: "
        return name + self.reason


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


def reason_of(error: VauxError | OSError) -> str:
    """What is wrong, for those who name the file themselves."""
    return error.reason if isinstance(error, VauxError) else error.strerror or str(error)
