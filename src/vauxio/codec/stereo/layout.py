"""What the values of joint stereo mean: bands, level differences and coherences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CENTRE", "COHERENCES", "DIFFERENCES", "EDGES", "FINE_SPAN", "HELD", "LOW", "NO_STEREO",
           "SIZES", "SPAN", "Stereo", "pairs_of", "shares", "turns"]  # fmt: skip

_HIGH = (66, 77, 91, 106, 125, 146, 170, 199, 232, 271, 315, 367, 428, 498)
_LOWEST = (0, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15)
LOW = 56
"""Where low bands end: at 2.1 kHz."""

EDGES: tuple[tuple[int, ...], ...] = (
    (*_LOWEST, 16, 19, 23, 28, 33, 40, 47, LOW, *_HIGH),
    (*_LOWEST, 16, 18, 20, 22, 24, 27, 29, 32, 35, 39, 43, 46, 51, LOW, *_HIGH),
)
"""Where bands begin, in MDCT coefficients of 37.5 Hz, by resolution: of 1.5 ERB from 100 Hz on
(Glasberg & Moore, 1990), half as wide up to 600 Hz, or up to 2 kHz. Narrower ones above gain next
to nothing of a decoded signal."""

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


def shares(values: np.ndarray) -> np.ndarray:
    """Values ``uint8[2, ...]``: what left and right have of the power of both, ``[2, ...]``."""
    found: np.ndarray = _SHARES[:, values[0]]
    return found


def _turns() -> np.ndarray:
    """``float32[3, differences, coherences]``"""
    across = _ACROSS[:, None]
    along = np.array(COHERENCES) * np.sqrt(1 - across * across)
    angle = np.arctan2(along, across) / 2
    shared = np.minimum(np.hypot(across, along), 1)
    amplitude = np.sqrt((1 - shared) / (1 + shared))
    return np.stack([np.cos(angle), np.sin(angle), amplitude]).astype(np.float32)


# (ratio - 1) / (ratio + 1) of powers, of infinity too
_ACROSS = np.tanh(np.array(DIFFERENCES) * np.log(10) / 20)
_SHARES = np.stack([1 + _ACROSS, 1 - _ACROSS]).astype(np.float32) / 2
_TURNS = _turns()
