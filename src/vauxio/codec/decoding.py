"""Codes to whole signals: one, or a batch of them; codes that come as arrays are checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..audio import pcm
from ..audio.arrays import to_numpy
from ..errors import AudioError
from ..model.models import Model
from ..model.networks import Providers
from .batches import in_parallel
from .codes import Codes, check
from .concealment import ConcealingDecoder
from .signal import SignalDecoder
from .tokens import CHUNK

__all__ = ["codes_of", "decode", "decode_all", "rows_of"]


def decode(model: Model, codes: Codes, threads: int, providers: Providers) -> np.ndarray:
    """The signal that codes stand for, with lost tokens concealed.

    Returns
    -------
    ndarray
        ``float32[frames]``, or ``float32[frames, channels]`` for more channels than one.

    Raises
    ------
    AudioError
        If they are not codes of this model.
    """
    array = _checked(model, codes)
    channels, _, tokens = array.shape
    concealing = None
    if codes.lost.any():
        coded = len(codes.stereo.coded(channels))
        concealing = ConcealingDecoder(model, coded, threads, providers)
    decoder = SignalDecoder(
        model, codes.samplerate, channels, frames=codes.frames, bands=codes.bands,
        stereo=codes.stereo, tokens=concealing, threads=threads, providers=providers,
    )  # fmt: skip
    parts = []
    for i in range(0, tokens, CHUNK):
        levels = None if codes.levels is None else codes.levels[..., i : i + CHUNK]
        values = None if codes.values is None else codes.values[..., i : i + CHUNK]
        parts.append(decoder.push(array[..., i : i + CHUNK], levels, values))
    data = np.concatenate([*parts, decoder.finish()])
    return data[:, 0] if channels == 1 else data


def decode_all(
    model: Model, each: list[Codes], threads: int, providers: Providers, workers: int | None
) -> list[np.ndarray]:
    """The signals of several codes, `workers` at once; as `decode`."""
    model.decoder.open(threads, providers)
    tokens = [one.codes.shape[-1] for one in each]
    return in_parallel(
        lambda i: decode(model, each[i], threads, providers), tokens, threads, workers
    )


def codes_of(model: Model, codes: Any, samplerate: int | None, frames: int | None) -> Codes:
    """An array as `Codes`; `Codes` as they are.

    Parameters
    ----------
    model : Model
    codes : Codes or array
        ``[codebooks, tokens]`` or ``[channels, codebooks, tokens]``.
    samplerate, frames : int or None
        Of the signal; None stands for the model's rate, and for as many as the tokens give.
    """
    if isinstance(codes, Codes):
        return codes
    array = to_numpy(codes)
    array = array[None] if array.ndim == 2 else array
    samplerate = model.samplerate if samplerate is None else samplerate
    if frames is None and array.ndim == 3:
        frames = model.frames_in(array.shape[2], samplerate)
        array = array[..., : model.tokens_for(frames, samplerate)]
    return Codes(array, samplerate, frames or 0, model.name)


def rows_of(batch: np.ndarray, mask: Any) -> list[np.ndarray]:
    """The arrays of a batch ``[batch, channels, codebooks, tokens]``, each as long as it is.

    Parameters
    ----------
    batch : ndarray
    mask : array or None
        ``bool[batch, tokens]``: which tokens each has, from the first on.
    """
    if not len(batch):
        raise AudioError("a batch of no signals")
    if mask is None:
        return list(batch)
    there = to_numpy(mask).astype(bool)
    if there.shape != (len(batch), batch.shape[3]):
        raise AudioError(f"mask {list(there.shape)}: must be [batch, tokens]")
    lengths = there.sum(axis=1)
    if not np.array_equal(there, np.arange(there.shape[1]) < lengths[:, None]):
        raise AudioError("mask: tokens must be there from the first on")
    return [row[..., :n] for row, n in zip(batch, lengths, strict=True)]


def _checked(model: Model, codes: Codes) -> np.ndarray:
    """The array of codes that `model` can decode."""
    array = np.asarray(codes.codes)
    if codes.model != model.name:
        raise AudioError(f"codes of {codes.model}, not of {model.name}")
    if array.ndim != 3 or not np.issubdtype(array.dtype, np.integer):
        raise AudioError(
            f"codes {array.dtype}{list(array.shape)}: "
            "must be integers [channels, codebooks, tokens]"
        )
    channels, _, tokens = array.shape
    pcm.check_format(codes.samplerate, channels)
    if wrong := check(array, model.codebooks, model.codebook_size):
        raise AudioError(wrong)
    needed = model.tokens_for(codes.frames, codes.samplerate)
    if tokens != needed:
        raise AudioError(f"{tokens} tokens: {codes.frames} frames need {needed}")
    return array
