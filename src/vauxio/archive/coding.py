"""Recordings to codes where `VauxFile` is not enough: a stretch of a long one, many short at once.

Both give the very codes that coding each recording by itself would: the networks' results for a
token do not depend on how many others go through with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .. import pcm
from ..codec import CHUNK, Codec, TokenEncoder
from ..pcm import Recording
from ..resample import Resampler

__all__ = ["PIECE", "encode_stretch", "encode_together", "is_divisible"]

PIECE = 1 << 16
"""Frames that are read at a time."""

_EXACT = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"}
_SIMPLE = {"FLOAT", "DOUBLE", "ULAW", "ALAW"}


def is_divisible(recording: Recording) -> bool:
    """Whether reading from the middle gives just what reading from the beginning would."""
    file = recording._file
    plain = file.subtype.startswith("PCM_") or file.subtype in _SIMPLE
    return recording.frames is not None and file.format in _EXACT and plain


def encode_stretch(
    recording: Recording, codec: Codec, codebooks: int, mono: bool, first: int, stop: int
) -> np.ndarray:
    """Codes ``uint16[channels, codebooks, stop - first]`` of the tokens `first` to `stop`."""
    model, frames = codec.model, recording.frames
    assert frames is not None
    begin = max(0, first - -(-model.encoder.receptive_field // CHUNK) * CHUNK)
    samples = _samples(recording, model.samplerate, mono, begin * model.hop, stop * model.hop,
                       model.samples_for(frames, recording.samplerate))  # fmt: skip
    encoder = TokenEncoder(codec, 1 if mono else recording.channels, codebooks)
    parts = [encoder.push(piece.T) for piece in _pieces(samples, CHUNK * model.hop)]
    return np.concatenate(parts, axis=2)[..., first - begin :]


def encode_together(
    signals: Sequence[tuple[np.ndarray, int]], codec: Codec, codebooks: int
) -> list[np.ndarray]:
    """The codes of short signals, in one call of the network.

    Parameters
    ----------
    signals : sequence of (frames, samplerate)
        ``float32[frames, channels]`` each. The call takes memory for the longest, as many times
        as there are channels in all.
    codec : Codec
    codebooks : int

    Returns
    -------
    list of ndarray
        ``uint16[channels, codebooks, tokens]``
    """
    model = codec.model
    tokens = [model.tokens_for(len(frames), rate) for frames, rate in signals]
    rows = sum(frames.shape[1] for frames, _ in signals)
    batch = np.zeros((rows, max(tokens) * model.hop), np.float32)
    places, row = [], 0
    for frames, rate in signals:
        resampler = Resampler(rate, model.samplerate, frames.shape[1])
        wanted = model.samples_for(len(frames), rate)
        samples = np.concatenate([resampler.push(frames), resampler.finish(wanted)])[:wanted]
        places.append(slice(row, row + frames.shape[1]))
        batch[places[-1], :wanted] = samples.T
        row += frames.shape[1]
    codes = TokenEncoder(codec, rows, codebooks).push(batch)
    return [codes[place, :, :n].copy() for place, n in zip(places, tokens, strict=True)]


def _samples(
    recording: Recording, rate: int, mono: bool, begin: int, stop: int, end: int
) -> Iterator[np.ndarray]:
    """Samples `begin` to `stop` at `rate`, ``float32[n, channels]`` each; silence after `end`."""
    channels = 1 if mono else recording.channels
    at = Resampler.restart(recording.samplerate, rate, begin)
    resampler = Resampler(recording.samplerate, rate, channels, at)
    for block in _resampled(recording, resampler, mono, end):
        piece = block[max(0, begin - at) : stop - at]
        at += len(block)
        if len(piece):
            yield piece
        if at >= stop:
            return
    if stop > at:
        yield np.zeros((stop - max(at, begin), channels), np.float32)


def _resampled(
    recording: Recording, resampler: Resampler, mono: bool, end: int
) -> Iterator[np.ndarray]:
    for block in recording.blocks(PIECE, resampler.first):
        yield resampler.push(pcm.mix_down(block) if mono else block)
    yield resampler.finish(end)


def _pieces(arrays: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same rows in pieces of `size`, but for the last."""
    waiting: list[np.ndarray] = []
    count = 0
    for array in arrays:
        waiting.append(array)
        count += len(array)
        if count >= size:
            rows = np.concatenate(waiting)
            whole = count // size * size
            yield from (rows[i : i + size] for i in range(0, whole, size))
            waiting, count = [rows[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)
