"""vauxio: a neural audio codec for speech and music.

>>> import vauxio
>>> vauxio.write('speech.vx', data, samplerate, bitrate=6)
>>> data, samplerate = vauxio.read('speech.vx')

Names are imported when they are first used: ``import vauxio`` alone loads neither NumPy nor ONNX
Runtime.
"""

from __future__ import annotations

from . import early  # noqa: F401  # isort: skip  # before what takes time to load

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import archive as archive
    from . import container as container
    from .codec.codec import Codec, Codes, CodesBatch
    from .codec.denoising import denoise
    from .errors import (
        AudioError,
        BitrateError,
        ChecksumError,
        FormatError,
        LimitError,
        ModelError,
        TruncatedError,
        UnsupportedError,
        VauxError,
    )
    from .file.codes import FileCodes, write_codes
    from .file.functions import blocks, compress, decompress, info, read, read_codes, write
    from .file.vauxfile import VauxFile
    from .model.installed import models

__all__ = [
    "AudioError",
    "BitrateError",
    "ChecksumError",
    "Codec",
    "Codes",
    "CodesBatch",
    "FileCodes",
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
    "read_codes",
    "write",
    "write_codes",
]

__version__ = "0.1.0"

_MODULES = ("archive", "container", "errors")  # which are public themselves

_FROM = {
    "codec.codec": ("Codec", "Codes", "CodesBatch"),
    "codec.denoising": ("denoise",),
    "errors": (
        "AudioError",
        "BitrateError",
        "ChecksumError",
        "FormatError",
        "LimitError",
        "ModelError",
        "TruncatedError",
        "UnsupportedError",
        "VauxError",
    ),
    "file.codes": ("FileCodes", "write_codes"),
    "file.functions": (
        "blocks",
        "compress",
        "decompress",
        "info",
        "read",
        "read_codes",
        "write",
    ),
    "file.vauxfile": ("VauxFile",),
    "model.installed": ("models",),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for (PEP 562)."""
        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        for module, names in _FROM.items():
            if name in names:
                found = getattr(importlib.import_module(f".{module}", __name__), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
