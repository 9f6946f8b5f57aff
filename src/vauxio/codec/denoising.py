"""Denoising of speech, before coding or alone.

This module runs the denoiser and knows the timing of its output: rates, delay, exact
lengths. It knows nothing of codes, files or bits.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio import pcm
from ..audio.live_resample import LiveResampler
from ..audio.resample import Resampler
from ..model.installed import find_denoiser
from .tokens import CHUNK, Stateful

__all__ = ["DenoisingResampler", "LiveDenoisingResampler", "SignalDenoiser", "denoise"]


def denoise(data: Any, samplerate: int) -> NDArray[np.float32]:
    """Take noise out of a recording of speech.

    Each channel is worked on by itself. What is not speech counts as noise, music for one. Nothing
    above 12 kHz remains.

    Parameters
    ----------
    data : array_like
        ``[frames]`` or ``[frames, channels]`` of float32, float64, int16 or int32. Integers are
        scaled to full scale 1.0; floating-point samples beyond it are clipped.
    samplerate : int
        In Hz, 1,000 to 768,000.

    Returns
    -------
    ndarray
        float32 of the same shape, aligned to the sample.

    Raises
    ------
    AudioError
        If it is not a recording: type, shape, sample rate, NaN or infinite samples.
    ModelError
        If no denoiser is installed.

    Examples
    --------
    >>> import soundfile, vauxio
    >>> data, samplerate = soundfile.read('noisy.wav')
    >>> soundfile.write('speech.wav', vauxio.denoise(data, samplerate), samplerate)
    """
    frames = pcm.to_frames(data)
    samplerate, channels = pcm.check_format(samplerate, frames.shape[1])
    pcm.check_finite(frames)
    denoiser = SignalDenoiser(samplerate, channels)
    pieces = range(0, len(frames), samplerate)
    parts = [denoiser.push(pcm.to_float(frames[i : i + samplerate])) for i in pieces]
    clean: NDArray[np.float32] = np.concatenate([*parts, denoiser.finish()]).reshape(np.shape(data))
    return clean


class SignalDenoiser:
    """Frames at any rate, pushed in pieces of any size, to as many without noise, none late.

    The result does not depend on how a signal is pushed.

    Parameters
    ----------
    samplerate, channels : int
        Of the frames.

    Raises
    ------
    ModelError
        If no denoiser is installed.
    """

    def __init__(self, samplerate: int, channels: int) -> None:
        self._model = find_denoiser()
        self._samplerate = samplerate
        self._down = DenoisingResampler(samplerate, self._model.samplerate, channels)
        self._up = Resampler(self._model.samplerate, samplerate, channels)
        self._pushed = self._given = 0

    def push(self, frames: np.ndarray) -> np.ndarray:
        """``float32[n, channels]`` to whatever ``float32[m, channels]`` it completes."""
        self._pushed += len(frames)
        return self._give(self._up.push(self._down.push(frames)))

    def finish(self) -> np.ndarray:
        """The frames that remain."""
        samples = -(-self._pushed * self._model.samplerate // self._samplerate)
        rest = self._give(self._up.push(self._down.finish(samples)))
        return np.concatenate([rest, self._give(self._up.finish(self._pushed))])

    def _give(self, frames: np.ndarray) -> np.ndarray:
        frames = frames[: self._pushed - self._given]
        self._given += len(frames)
        return frames


class DenoisingResampler:
    """A `Resampler` whose output has no noise.

    Wherever one starts, its output is the same bit for bit: the network sees the same pieces of
    the signal, from far enough before it for its state to be the same.

    Parameters
    ----------
    in_rate, out_rate : int
        In Hz. The denoiser's own rate must be `out_rate`.
    channels : int
    threads : int, optional
        Of the network.
    start : int, optional
        The output frame to begin with.

    Attributes
    ----------
    first : int
        The input frame to begin with, at or before `start`. Push frames from here on.

    Raises
    ------
    ModelError
        If no denoiser is installed.
    ValueError
        If it works at another rate.
    """

    def __init__(
        self, in_rate: int, out_rate: int, channels: int, threads: int = 1, start: int = 0
    ) -> None:
        model = find_denoiser(out_rate)
        self._network = Stateful(model.network, channels, threads)
        self._hop, self._delay = model.hop, model.delay
        # The network is given pieces of CHUNK tokens from the beginning of the signal, as always.
        settle = -(-model.network.receptive_field // CHUNK)
        begin = max(0, (start + model.delay) // (CHUNK * model.hop) - settle) * CHUNK * model.hop
        restart = Resampler.restart(in_rate, out_rate, begin)
        self._resampler = Resampler(in_rate, out_rate, channels, restart)
        self.first = self._resampler.first
        self._early = begin - restart  # samples to come before those for the network
        self._late = start + model.delay - begin  # samples of its output that lie before `start`
        self._waiting = np.empty((0, channels), np.float32)
        self._pushed, self._given = begin, start

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Input ``float32[n, channels]`` that follows the last; whatever output it completes."""
        return self._denoise(self._taken(self._resampler.push(frames)), CHUNK)

    def finish(self, frames: int) -> np.ndarray:
        """The rest of the output, up to frame `frames`, as if silence followed the input."""
        rest = self._taken(self._resampler.finish(frames))
        silence = self._delay + -(self._pushed + self._delay) % self._hop
        samples = np.concatenate([rest, np.zeros((silence, rest.shape[1]), np.float32)])
        out = self._denoise(samples, CHUNK)
        last = len(self._waiting) // self._hop
        if last:
            out = np.concatenate([out, self._denoise(self._waiting[:0], last)])
        return out[: len(out) - (self._given - self._pushed)]

    def _taken(self, samples: np.ndarray) -> np.ndarray:
        """The samples that the network gets."""
        early = min(self._early, len(samples))
        self._early -= early
        self._pushed += len(samples) - early
        return samples[early:]

    def _denoise(self, samples: np.ndarray, tokens: int) -> np.ndarray:
        """Waiting samples and new ones in pieces of exactly `tokens` hops; the rest waits."""
        waiting = np.concatenate([self._waiting, samples])
        size = tokens * self._hop
        whole = len(waiting) // size * size
        self._waiting = waiting[whole:].copy()
        parts = [self._network.run("pcm", waiting[i : i + size].T).T for i in range(0, whole, size)]
        out = np.concatenate([self._waiting[:0], *parts])
        late = min(self._late, len(out))
        self._late -= late
        self._given += len(out) - late
        return out[late:]


class LiveDenoisingResampler:
    """A `LiveResampler` whose output has no noise: a hop at a time, so late by whole hops more.

    Parameters
    ----------
    in_rate, out_rate : int
        In Hz. The denoiser's own rate must be `out_rate`.
    channels : int
    threads : int, optional
        Of the network.

    Attributes
    ----------
    delay : float
        Seconds by which output is late, where hops begin and end with the tokens that follow.

    Raises
    ------
    ModelError
        If no denoiser is installed.
    ValueError
        If it works at another rate.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, threads: int = 1) -> None:
        model = find_denoiser(out_rate)
        self._resampler = LiveResampler(in_rate, out_rate, channels)
        self._network = Stateful(model.network, channels, threads)
        self._hop, self._delay = model.hop, model.delay
        self._empty = np.empty((0, channels), np.float32)
        self.delay = self._resampler.delay + -(-self._delay // self._hop) * self._hop / out_rate
        self.reset()

    def reset(self) -> None:
        """Back to the start of a signal."""
        self._resampler.reset()
        self._network.reset()
        self._waiting = self._empty
        self._late = self._delay  # samples of the network's output that lie before the signal
        self._pushed = self._given = 0  # samples after the resampler, samples of the output

    def copy(self) -> LiveDenoisingResampler:
        """An independent copy that continues from here."""
        other = copy.copy(self)  # arrays are replaced, never changed
        other._resampler, other._network = self._resampler.copy(), copy.copy(self._network)
        return other

    def ready(self, pushed: int) -> int:
        """How many output frames there are of `pushed` input frames in all."""
        return max(0, self._resampler.ready(pushed) // self._hop * self._hop - self._delay)

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Input ``float32[n, channels]`` that follows the last; whatever output it completes."""
        return self._denoise(self._resampler.push(frames))

    def finish(self) -> np.ndarray:
        """The output that remains, up to the last input frame, as if silence followed."""
        out = self._denoise(self._resampler.finish())
        left = self._pushed - self._given
        silence = np.zeros((self._delay + self._hop, out.shape[1]), np.float32)
        return np.concatenate([out, self._denoise(silence)[:left]])

    def _denoise(self, samples: np.ndarray) -> np.ndarray:
        self._pushed += len(samples)
        waiting = np.concatenate([self._waiting, samples])
        whole = len(waiting) // self._hop * self._hop
        self._waiting = waiting[whole:].copy()
        hops = range(0, whole, self._hop)
        parts = [self._network.run("pcm", waiting[i : i + self._hop].T).T for i in hops]
        out = np.concatenate([self._empty, *parts])
        late = min(self._late, len(out))
        self._late -= late
        self._given += len(out) - late
        return out[late:]
