"""Formats of decoded recordings, by the ending of a file's name; samples without a header."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["FORMATS", "MAX_CHUNK", "NEVER_EMPTY", "Format", "Raw"]


class Format(NamedTuple):
    """An output format in soundfile's terms, and the best type for its samples."""

    major: str
    subtype: str = "PCM_16"
    dtype: Literal["float32", "float64", "int16", "int32"] = "int16"

    def samplerate_for(self, samplerate: int) -> int:
        """The rate in Hz at which the format can hold a recording: the same, or the next higher."""
        rates = _RATES.get(self.subtype, (samplerate,))
        return min((rate for rate in rates if rate >= samplerate), default=max(rates))


_RATES = {
    "OPUS": (8000, 12000, 16000, 24000, 48000),
    "MPEG_LAYER_III": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}
"""All that they have; others have any."""


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


class Raw(NamedTuple):
    """Samples without a header.

    Attributes
    ----------
    samplerate, channels : int
    subtype : str
        As soundfile names it.
    endian : {'LITTLE', 'BIG'}
    bytes : int
        Of a frame.
    """

    samplerate: int
    channels: int
    subtype: str
    endian: Literal["LITTLE", "BIG"]
    bytes: int

    @classmethod
    def parse(cls, text: str) -> Raw:
        """Parse ``RATE,CHANNELS,TYPE``, such as ``16000,1,s16``; `ValueError` if it is wrong.

        Types are those of FFmpeg: u8, s8, s16, s24, s32, f32, f64, with ``be`` or ``le``, which is
        what they are without; ulaw and alaw.
        """
        rate, _, rest = text.partition(",")
        channels, _, name = rest.partition(",")
        name = name.strip().lower()
        kind = name.removesuffix("le").removesuffix("be")
        if not (rate.strip().isdecimal() and channels.strip().isdecimal() and kind in _TYPES):
            known = " ".join(_TYPES)
            raise ValueError(f"{text}: must be RATE,CHANNELS,TYPE; a type is one of {known}")
        subtype, size = _TYPES[kind]
        endian: Literal["LITTLE", "BIG"] = "BIG" if name.endswith("be") else "LITTLE"
        count = int(channels)
        return cls(int(rate), count, subtype, endian, size * count)


_TYPES = {
    "s16": ("PCM_16", 2), "s24": ("PCM_24", 3), "s32": ("PCM_32", 4), "f32": ("FLOAT", 4),
    "f64": ("DOUBLE", 8), "u8": ("PCM_U8", 1), "s8": ("PCM_S8", 1), "ulaw": ("ULAW", 1),
    "alaw": ("ALAW", 1),
}  # fmt: skip
