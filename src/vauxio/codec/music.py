"""Whether a signal is music, as far as its beginning tells.

This module hears. What follows from that is decided where files are written.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from .hifi.character import Loudness

__all__ = ["beginning", "hear", "is_music"]

_SECONDS = 10  # about a block, which a file waits for anyway
_LARGEST = 1 << 23  # values that may wait: five seconds of 32 channels at 48 kHz
_FEWEST = 140  # spans, three seconds: of one second of speech, 15 in 100 sound like music
_SPREAD = 8.0  # dB: 1 in 100 recordings of speech is below, 92 of music
_SUDDEN = 2.75  # of skewness: no recording of 500 of speech that spreads is above, drums are
_RANGE = 40.0  # dB below the loudest, where a change is no longer heard
_TIME = 2  # spans, 43 ms, over which loudness changes: in a shorter time speech is sudden, too
_LOUD = 30.0  # dB below the loudest, where sounds end
_BRIEF = 7  # spans, 150 ms: shorter than syllables
_BRIEFLY = 0.6  # of the time of sounds: no recording of 1500 of speech is above .46, dry drums are
_SOUNDS = 8  # at least: fewer may be clicks beside a voice
_REGULAR = 0.55  # of correlation: of ten seconds of speech 1 in 1000 is above, of three 4
_FASTEST, _SLOWEST = 9, 103  # spans, 0.2 to 2.2 s: from beat to beat, from bar to bar


def beginning(samplerate: int, channels: int) -> int:
    """How many frames are heard: ten seconds, fewer of very many channels or samples."""
    return min(_SECONDS * samplerate, _LARGEST // channels)


def is_music(frames: np.ndarray, samplerate: int) -> bool:
    """Whether the `beginning` of a signal, ``float32[n, channels]``, is music and not speech.

    It is if its loudness spreads little, as that of a band does and of rain, if it rises much
    faster than it falls, as that of a drum does, if most sounds are shorter than syllables, as
    those of dry drums are, or if it rises again and again at the same distance, as that of a drum
    machine does. Silence is not, nor is what is shorter than three seconds. Silence around it and
    gaps do not count.
    """
    frames, loudness = frames[: beginning(samplerate, frames.shape[1])], Loudness(samplerate)
    step = 64 * loudness.span
    for i in range(0, len(frames), step):
        loudness.push(frames[i : i + step].T.astype(np.float64) * 2**15)
    decibels = loudness.decibels
    if len(decibels) < _FEWEST:
        return False
    if decibels.std() < _SPREAD:
        return True
    audible = np.maximum(decibels, decibels.max() - _RANGE)
    return (
        _skewness_of_changes(audible) > _SUDDEN
        or _briefness(decibels) > _BRIEFLY
        or _regularity(audible) > _REGULAR
    )


def _skewness_of_changes(decibels: np.ndarray) -> float:
    """Of changes of loudness: large where it rises quickly and falls slowly."""
    change = decibels[_TIME:] - decibels[:-_TIME]
    return float(np.mean(change**3) / (np.mean(change**2) ** 1.5 + 1e-9))


def _briefness(decibels: np.ndarray) -> float:
    """Of the time of all sounds, the share of brief ones; 0 of a few sounds."""
    loud = decibels > decibels.max() - _LOUD
    edges = np.flatnonzero(np.diff(loud, prepend=False, append=False))
    lengths = edges[1::2] - edges[::2]
    if len(lengths) < _SOUNDS:
        return 0.0
    return float(lengths[lengths <= _BRIEF].sum() / lengths.sum())


def _regularity(decibels: np.ndarray) -> float:
    """How well rises of loudness fit those a beat or a bar later, at most nearly 1.

    After the pulse metric of Scheirer and Slaney, "Construction and Evaluation of a Robust
    Multifeature Speech/Music Discriminator", ICASSP 1997, of one band.
    """
    rises = np.convolve(np.maximum(np.diff(decibels), 0), (0.5, 1, 0.5), "same")
    rises -= rises.mean()
    last = min(_SLOWEST, len(rises) // 2)
    fits = [float(rises[lag:] @ rises[:-lag]) for lag in range(_FASTEST, last)]
    return max(fits) / (float(rises @ rises) + 1e-9)


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
