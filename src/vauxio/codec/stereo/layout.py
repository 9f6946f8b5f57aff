"""What the values of joint stereo mean: bands, level differences and coherences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CENTRE", "COHERENCES", "DIFFERENCES", "EDGES", "FINE_SPAN", "HELD", "LOW", "NO_STEREO",
           "SIZES", "SPAN", "Stereo", "pairs_of", "turns"]  # fmt: skip

_HIGH = (63, 74, 87, 102, 120, 140, 164, 192, 224, 261, 304, 354, 412, 480)
LOW = 52
"""Where low bands end: at 2 kHz. Below it, values gain more."""

EDGES: tuple[tuple[int, ...], ...] = (
    (0, 3, 6, 9, 12, 15, 18, 22, 27, 32, 38, 45, 53, *_HIGH),
    (*range(0, LOW + 1, 2), *_HIGH),
)
"""Where bands begin, in MDCT coefficients of 37.5 Hz, by resolution: of about 1.5 ERB, 112 Hz at
least, or of 75 Hz up to 2 kHz. Narrower ones above gain next to nothing of a decoded signal."""

DIFFERENCES = (-np.inf, -20, -14, -10, -7, -4.5, -2.2, 0, 2.2, 4.5, 7, 10, 14, 20, np.inf)
"""Levels of the left channel over the right one, in dB."""

COHERENCES = (1.0, 0.95, 0.8, 0.6, 0.35, 0.1, -0.5, -1.0)
"""Of both channels: 1 where they are alike but for their level, -1 where one is upside down."""

SIZES = len(DIFFERENCES), len(COHERENCES)

CENTRE = len(DIFFERENCES) // 2, 0
"""Difference and coherence of channels that are equal."""

SPAN = 5
"""Tokens that have the same values: those of bit allocation, 67 ms."""

FINE_SPAN = 3
"""The same where there are bits enough: 40 ms, after which values gain little."""

HELD = 255
"""In the place of a value that is lost: what it was before goes on."""


@dataclass(frozen=True)
class Stereo:
    """How the pairs of channels of a file are coded.

    Attributes
    ----------
    span : int
        Tokens that have the same values; 0 where channels are coded each by itself.
    resolution : int
        Which of `EDGES` bands have.
    side : int
        Coefficients of the side that are coded, from the lowest on; 0 for none.
    """

    span: int = 0
    resolution: int = 0
    side: int = 0

    def __bool__(self) -> bool:
        return self.span > 0

    def coded(self, channels: int) -> list[int]:
        """The channels of the codes that have any: main ones, and the sides if they are coded."""
        if not self or self.side:
            return list(range(channels))
        return [ch for ch in range(channels) if ch % 2 == 0]

    def starts(self, stop: int) -> list[int]:
        """Where bands begin that have values, if there is sound below coefficient `stop`."""
        return [edge for edge in EDGES[self.resolution] if edge < stop]


NO_STEREO = Stereo()


def pairs_of(channels: int) -> int:
    """How many pairs there are: of the first channel and the second, and so on."""
    return channels // 2


def turns(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values ``uint8[2, ...]``: cosine and sine of the angle, and the amplitude of the side."""
    cosine, sine, amplitude = _TURNS[:, values[0], values[1]]
    return cosine, sine, amplitude


def _turns() -> np.ndarray:
    """``float32[3, differences, coherences]``"""
    ratio = 10 ** (np.array(DIFFERENCES)[:, None] / 10)
    across = np.tanh(np.log(ratio) / 2)  # (ratio - 1) / (ratio + 1), of infinity too
    along = np.array(COHERENCES) * np.sqrt(1 - across * across)
    angle = np.arctan2(along, across) / 2
    shared = np.minimum(np.hypot(across, along), 1)
    amplitude = np.sqrt((1 - shared) / (1 + shared))
    return np.stack([np.cos(angle), np.sin(angle), amplitude]).astype(np.float32)


with np.errstate(divide="ignore"):
    _TURNS = _turns()
