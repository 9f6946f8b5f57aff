"""vauxio: a neural audio codec for speech and music.

>>> import vauxio
>>> vauxio.write('speech.vx', data, samplerate, bitrate=6)
>>> data, samplerate = vauxio.read('speech.vx')
"""

from .codec import Codec, Codes
from .denoising import denoise
from .errors import (
    AudioError,
    ChecksumError,
    FormatError,
    ModelError,
    TruncatedError,
    UnsupportedError,
    VauxError,
)
from .file import blocks, compress, decompress, info, read, write
from .models import models
from .vauxfile import VauxFile

__all__ = [
    "AudioError",
    "ChecksumError",
    "Codec",
    "Codes",
    "FormatError",
    "ModelError",
    "TruncatedError",
    "UnsupportedError",
    "VauxError",
    "VauxFile",
    "blocks",
    "compress",
    "decompress",
    "denoise",
    "info",
    "models",
    "read",
    "write",
]

__version__ = "0.1.0"
