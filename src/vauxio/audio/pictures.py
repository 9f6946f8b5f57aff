"""Sound to see and to hear in a page: spectrograms as PNG, samples as FLAC.

A spectrogram needs no plotting library: one byte for a point, and colours that are evenly lighter.
"""

from __future__ import annotations

import base64
import io
import math
import struct
import zlib

import numpy as np

__all__ = ["flac", "png", "spectrogram", "spectrum"]

_COLUMNS = 900  # of a picture
_ROWS = 220
_DEPTH = 90.0  # dB from the lightest to the darkest colour
_WINDOW = 0.04  # seconds

# Dark to light, evenly lighter; drawn for this page.
_COLOURS = np.array(
    [[8, 8, 20], [44, 22, 86], [120, 34, 110], [200, 60, 82], [244, 128, 52], [252, 204, 96],
     [255, 252, 222]], np.float64,
)  # fmt: skip


def png(picture: np.ndarray, palette: np.ndarray) -> bytes:
    """A PNG (ISO/IEC 15948) of palette colours.

    Parameters
    ----------
    picture : ndarray
        ``uint8[rows, columns]``, indices of colours; the first row is the top.
    palette : ndarray
        ``uint8[colours, 3]``, red, green and blue.
    """
    rows, columns = picture.shape
    lines = np.zeros((rows, columns + 1), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = picture
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            (b"PLTE", palette.tobytes()),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def spectrum(data: np.ndarray, samplerate: int) -> np.ndarray:
    """Power ``[columns, bins]``: one window of `_WINDOW` for each column, channels mixed."""
    window = 1 << round(math.log2(_WINDOW * samplerate))
    mono = np.pad(data.mean(axis=1), window // 2)
    at = np.linspace(0, len(data) - 1, min(_COLUMNS, len(data))).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(mono, window)[at]
    return np.abs(np.fft.rfft(frames * np.hanning(window))) ** 2


def spectrogram(data: np.ndarray, samplerate: int, loudest: float) -> bytes:
    """PNG, low frequencies at the bottom; the lightest colour is `loudest`, 0 being black."""
    power = spectrum(data, samplerate)
    edges = np.linspace(0, power.shape[1], _ROWS, endpoint=False).astype(int)
    power = np.maximum.reduceat(power, edges, axis=1)
    level = 10 * np.log10(np.maximum(power, 1e-30) / max(loudest, 1e-30))
    shade = np.clip(1 + level / _DEPTH, 0, 1)
    at = np.linspace(0, len(_COLOURS) - 1, 128)
    palette = [np.interp(at, range(len(_COLOURS)), _COLOURS[:, i]) for i in range(3)]
    picture = np.rint(127 * shade.T[::-1]).astype(np.uint8)
    return png(picture, np.rint(np.stack(palette, axis=1)).astype(np.uint8))


def flac(data: np.ndarray, samplerate: int) -> str:
    """Samples ``[frames, channels]`` for a page: 16-bit FLAC, in base64."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(data, -1, 1), samplerate, "PCM_16", format="FLAC")
    return base64.b64encode(file.getvalue()).decode()
