"""vauxio: a neural audio codec for speech and music.

>>> import vauxio
>>> vauxio.write('speech.vx', data, samplerate, bitrate=6)
>>> data, samplerate = vauxio.read('speech.vx')
"""

from . import early  # noqa: F401  # isort: skip  # before what takes time to load
from .codec.codec import Codec, Codes
from .codec.denoising import denoise
from .errors import (
    AudioError,
    ChecksumError,
    FormatError,
    LimitError,
    ModelError,
    TruncatedError,
    UnsupportedError,
    VauxError,
)
from .file.functions import blocks, compress, decompress, info, read, write
from .file.vauxfile import VauxFile
from .model.installed import models

__all__ = [
    "AudioError",
    "ChecksumError",
    "Codec",
    "Codes",
    "FormatError",
    "LimitError",
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
