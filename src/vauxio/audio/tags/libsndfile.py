"""Texts that libsndfile reads and mutagen does not: of RIFF's INFO list, of RF64 and CAF."""

from __future__ import annotations

from typing import Any

from ..chatter import hushed
from ..pcm import native
from .collection import Tags

__all__ = ["from_libsndfile"]


def from_libsndfile(file: Any, found: Tags) -> None:
    """Add the texts of a file, a path or a binary file object that can seek."""
    import soundfile

    try:
        place = file if hasattr(file, "read") else native(file)
        with hushed(), soundfile.SoundFile(place) as sound:
            texts = sound.copy_metadata()
    except (soundfile.SoundFileError, OSError, TypeError):  # the last for samples without a header
        return
    for key, text in texts.items():
        if key not in ("software", "loop"):  # libsndfile writes its own name there
            found.add(key, [text])
