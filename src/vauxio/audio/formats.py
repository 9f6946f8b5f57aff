"""Formats of decoded recordings, by the ending of a file's name."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["FORMATS", "MAX_CHUNK", "NEVER_EMPTY", "Format"]


class Format(NamedTuple):
    """In soundfile's terms, and the type that its samples are best given in."""

    major: str
    subtype: str = "PCM_16"
    dtype: Literal["float32", "float64", "int16", "int32"] = "int16"


FORMATS = {
    ".wav": Format("WAV"),
    ".flac": Format("FLAC"),
    ".ogg": Format("OGG", "VORBIS", "float32"),
    ".opus": Format("OGG", "OPUS", "float32"),
    ".mp3": Format("MP3", "MPEG_LAYER_III", "float32"),
    ".aiff": Format("AIFF"),
    ".aif": Format("AIFF"),
    ".au": Format("AU"),
    ".caf": Format("CAF"),
    ".rf64": Format("RF64"),
    ".w64": Format("W64"),
}

NEVER_EMPTY = {"FLAC", "MP3", "OPUS"}
"""Formats and subtypes that hold at least one sample."""

MAX_CHUNK = (1 << 32) - 1024
"""Bytes of samples in a WAV or AIFF file, headers left out."""
