"""Whole signals to codes or latents: one signal, or a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import to_integer
from ..audio import pcm
from ..entropy.allocation import Allocation
from ..model.models import Model
from ..model.networks import Providers
from .batches import in_parallel
from .codes import Codes, CodesBatch
from .latents import LatentEncoder
from .signal import SignalEncoder

__all__ = ["count_for", "encode", "encode_all", "latents_of"]


def encode(
    model: Model, signal: np.ndarray, samplerate: Any, count: int, threads: int,
    providers: Providers,
) -> Codes:  # fmt: skip
    """The codes of a signal.

    Parameters
    ----------
    model : Model
    signal : ndarray
        ``[frames, channels]``, of any type of samples.
    samplerate : int
        In Hz.
    count : int
        Codes of every token.
    threads, providers
        How to run the network.

    Raises
    ------
    AudioError
        If it cannot be coded: sample rate, channels, NaN or infinite samples.
    """
    samplerate, channels = _check(signal, samplerate)
    encoder = SignalEncoder(
        model, samplerate, channels, Allocation.constant(count),
        threads=threads, providers=providers,
    )  # fmt: skip
    return Codes(_push_all(encoder, signal, samplerate), samplerate, len(signal), model.name)


def encode_all(
    model: Model, signals: Sequence[np.ndarray], samplerates: Sequence[int], count: int,
    threads: int, providers: Providers, workers: int | None,
) -> CodesBatch:  # fmt: skip
    """The codes of signals of as many channels each, `workers` at once; as `encode`."""
    model.encoder.open(threads, providers)

    def work(i: int) -> Codes:
        return encode(model, signals[i], samplerates[i], count, threads, providers)

    return CodesBatch.of(in_parallel(work, [len(one) for one in signals], threads, workers))


def latents_of(
    model: Model, signal: np.ndarray, samplerate: Any, threads: int, providers: Providers
) -> np.ndarray:
    """The latents of a signal, ``float32[channels, latent_dim, tokens]``; as `encode`."""
    samplerate, channels = _check(signal, samplerate)
    latents = LatentEncoder(model, channels, threads, providers)
    encoder = SignalEncoder(model, samplerate, channels, Allocation.constant(1), tokens=latents)
    return _push_all(encoder, signal, samplerate)


def count_for(model: Model, bitrate: float | None, codebooks: int | None, channels: int) -> int:
    """How many codes every token is to have. Unlike in files, nothing is rounded.

    Parameters
    ----------
    model : Model
    bitrate : float or None
        Nominal kbps of all channels.
    codebooks : int or None
        The number itself, instead.
    channels : int

    Raises
    ------
    TypeError
        If both are given.
    ValueError
        If the model has no such bitrate, or not so many codebooks.
    """
    if codebooks is not None:
        if bitrate is not None:
            raise TypeError("Only one of {bitrate, codebooks} may be used")
        codebooks = to_integer("codebooks", codebooks)
        if not 1 <= codebooks <= model.codebooks:
            raise ValueError(f"{codebooks} codebooks: {model.name} has 1 to {model.codebooks}")
        return codebooks
    count = model.codebooks_for(bitrate, channels)
    each = None if bitrate is None else bitrate / channels
    if each is not None and abs(model.bitrate(count) - each) > 1e-6 * each:
        below = int(each / model.bitrate(1))
        has = " and ".join(f"{channels * model.bitrate(k):g}" for k in (below, below + 1))
        of_all = f" of {channels} channels" * (channels > 1)
        raise ValueError(
            f"bitrate of {bitrate:g} kbps{of_all}: {model.name} has {has}, "
            f"{below} and {below + 1} codebooks"
        )
    return count


def _check(signal: np.ndarray, samplerate: Any) -> tuple[int, int]:
    """Sample rate and channels of a signal that can be coded."""
    checked = pcm.check_format(samplerate, signal.shape[1])
    pcm.check_finite(signal)
    return checked


def _push_all(encoder: SignalEncoder, signal: np.ndarray, samplerate: int) -> np.ndarray:
    parts = [
        encoder.push(pcm.to_float(signal[i : i + samplerate]))
        for i in range(0, len(signal), samplerate)
    ]
    return np.concatenate([*parts, encoder.finish()], axis=2)
