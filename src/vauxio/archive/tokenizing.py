"""The tokens of one recording, or of a ``.vx`` file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ..audio import pcm
from ..audio.recording import Recording
from ..audio.tags import read_tags
from ..codec.encoding import count_for
from ..codec.signal import SignalEncoder
from ..entropy.allocation import Allocation
from ..errors import AudioError
from ..file.vauxfile import VauxFile
from ..model.installed import choose_model, find_model
from ..model.models import Model
from .coding import PIECE
from .planning import tokens_bitrate
from .plans import Settings
from .token_files import Tokens

__all__ = ["tokens_of_file", "wanted_codebooks"]


def tokens_of_file(file: Any, source: str, settings: Settings) -> Tokens:
    """The tokens of a recording; of a ``.vx`` file, those that it holds.

    Parameters
    ----------
    file : path or binary file object
    source : str
        The name that it goes by.
    settings : Settings

    Raises
    ------
    AudioError, FormatError, ModelError, ValueError, OSError
        If it cannot be read or encoded so.
    """
    if PurePosixPath(source).suffix.lower() == ".vx":
        return _tokens_of_vx(file, source, settings)
    tags = read_tags(file)
    with Recording(file) as recording:
        rate, channels = recording.samplerate, 1 if settings.mono else recording.channels
        model = choose_model(settings.model, rate, channels, tokens_bitrate(settings, channels))
        allocation = Allocation.constant(wanted_codebooks(model, settings, channels))
        encoder = SignalEncoder(model, rate, channels, allocation, settings.denoise)
        parts = [
            encoder.push(pcm.mix_down(block) if settings.mono else block)
            for block in recording.blocks(PIECE)
        ]
        codes = np.concatenate([*parts, encoder.finish()], axis=2)
    return Tokens(source, _small(codes, model), rate, encoder.frames, model, dict(tags.tags),
                  (*tags.notes, *recording.notes))  # fmt: skip


def _tokens_of_vx(file: Any, source: str, settings: Settings) -> Tokens:
    with VauxFile(file) as f:
        found = f.codes()
    model = find_model(found.model, bytes.fromhex(found.code_space))
    codes = found.codes
    if settings.codebooks is not None or settings.bitrate is not None:
        wanted = wanted_codebooks(model, settings, codes.shape[0])
        if wanted > codes.shape[1]:
            raise AudioError(f"{wanted} codebooks are wanted, it has {codes.shape[1]}")
        codes = codes[:, :wanted]
    return Tokens(source, _small(codes, model), found.samplerate, found.frames, model,
                  dict(found.tags))  # fmt: skip


def wanted_codebooks(model: Model, settings: Settings, channels: int) -> int:
    """The number of codes of every token; `ValueError` if the model does not have it."""
    return count_for(model, settings.bitrate, settings.codebooks, channels)


def _small(codes: np.ndarray, model: Model) -> np.ndarray:
    return codes.astype(np.int16 if model.codebook_size <= 1 << 15 else np.int32)
