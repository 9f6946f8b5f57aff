"""Signals and files that several tests need."""

from __future__ import annotations

import io

import numpy as np


def voice(frames: int, samplerate: int = 24000, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Something voiced: harmonics of a wandering pitch, in syllables; ``float32[frames, n]``."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / samplerate
    out = np.zeros((frames, channels), np.float32)
    for channel in range(channels):
        pitch = 140 + 30 * channel + 25 * np.sin(2 * np.pi * (0.7 + 0.1 * channel) * t)
        phase = 2 * np.pi * np.cumsum(pitch) / samplerate + rng.uniform(0, 6)
        tone = sum(np.sin(k * phase) / k for k in range(1, 12) if k * 250 < samplerate / 2)
        syllables = np.clip(np.sin(2 * np.pi * 3.1 * t + channel), 0, None)
        out[:, channel] = 0.2 * tone * syllables + 0.002 * rng.standard_normal(frames)
    return out


def noise(like: np.ndarray, seed: int = 0) -> np.ndarray:
    """White noise as long as another signal."""
    return np.random.default_rng(seed).standard_normal(len(like)).astype("float32")


def low_pass(x: np.ndarray, samplerate: int, cutoff: float) -> np.ndarray:
    """Nothing left above so many Hz."""
    spectrum = np.fft.rfft(x)
    spectrum[np.fft.rfftfreq(len(x), 1 / samplerate) > cutoff] = 0
    return np.fft.irfft(spectrum, len(x))


def lag(a: np.ndarray, b: np.ndarray) -> int:
    """Frames by which `b` comes after `a`: the peak of their cross-correlation."""
    size = 1 << (len(a) + len(b)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    peak = int(np.argmax(correlation))
    return peak if peak < size // 2 else peak - size


class Pipe(io.BytesIO):
    """Bytes that can only be had in order, and not always as many as one asks for."""

    def seekable(self) -> bool:
        return False

    def seek(self, *args: int) -> int:
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")


class Full(io.RawIOBase):
    """A disk that is full after so many bytes."""

    def __init__(self, space: int) -> None:
        self.space = space
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        if len(self.content) + len(data) > self.space:
            raise OSError(28, "No space left on device")
        self.content += bytes(data)
        return len(data)
