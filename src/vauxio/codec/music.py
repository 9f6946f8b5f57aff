"""Whether a signal is music, as far as its beginning tells.

This module hears. What follows from that is decided where files are written.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from .hifi.character import Character

__all__ = ["beginning", "hear", "is_music"]

_SECONDS = 10  # about a block, which a file waits for anyway
_LARGEST = 1 << 23  # values that may wait: five seconds of 32 channels at 48 kHz
_FEWEST = 3  # seconds: of one second of speech, 15 in 100 sound like music
_SILENT = 1e-5  # of the loudest moment's power; before the first sound and after the last
_HALF = 0.5  # of `Character`: 8 dB, which 1 in 100 recordings of speech is below, 92 of music


def beginning(samplerate: int, channels: int) -> int:
    """How many frames are heard: ten seconds, fewer of very many channels or samples."""
    return min(_SECONDS * samplerate, _LARGEST // channels)


def is_music(frames: np.ndarray, samplerate: int) -> bool:
    """Whether the `beginning` of a signal, ``float32[n, channels]``, is music and not speech.

    Silence is not, nor is what is shorter than three seconds. Silence around it does not count.
    """
    frames = _sounding(frames[: beginning(samplerate, frames.shape[1])], samplerate)
    character, speech = Character(samplerate), 1.0
    for i in range(0, len(frames), samplerate):
        speech = character.push(frames[i : i + samplerate].T.astype(np.float64) * 2**15)
    return len(frames) >= _FEWEST * samplerate and speech < _HALF


def _sounding(frames: np.ndarray, samplerate: int) -> np.ndarray:
    """Without what is silent at its beginning and at its end."""
    span = samplerate // 50
    spans = frames[: len(frames) // span * span].reshape(-1, span, frames.shape[1])
    powers = np.square(spans, dtype=np.float64).mean(axis=(1, 2))
    there = np.flatnonzero(powers > powers.max(initial=0) * _SILENT)
    return frames[there[0] * span : (there[-1] + 1) * span] if len(there) else frames[:0]


def hear(
    blocks: Iterable[np.ndarray], samplerate: int, channels: int
) -> tuple[bool, Iterator[np.ndarray]]:
    """`is_music` of a signal in blocks ``float32[n, channels]``, and the same blocks again.

    No more are taken than it needs.
    """
    rest = iter(blocks)
    heard, missing = [np.empty((0, channels), np.float32)], beginning(samplerate, channels)
    while missing > 0 and (block := next(rest, None)) is not None:
        heard.append(block)
        missing -= len(block)
    return is_music(np.concatenate(heard), samplerate), itertools.chain(heard[1:], rest)
