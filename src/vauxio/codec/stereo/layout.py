"""What the values of joint stereo mean: bands, angles and widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ANGLES", "CENTRE", "EDGES", "FINE_SPAN", "HELD", "NO_STEREO", "SPAN", "WIDTHS",
           "Stereo", "band_count", "pairs_of", "turns"]  # fmt: skip

EDGES = (0, 3, 6, 9, 12, 15, 18, 22, 27, 32, 38, 45, 53, 63, 74, 87, 102, 120, 140, 164, 192, 224,
         261, 304, 354, 412, 480, 559)  # fmt: skip
"""Where bands begin and end, in MDCT coefficients of 37.5 Hz: about 1.5 ERB each, 112 Hz at
least."""

ANGLES = 24
"""Angles that a pair can be turned by, of half a turn: 7.5 degrees apart."""

WIDTHS = (0.0, 0.03, 0.08, 0.17, 0.3, 0.5, 0.72, 1.0)
"""Power of the side in relation to the main channel."""

CENTRE = ANGLES // 4, 0
"""Angle and width of channels that are equal."""

SPAN = 5
"""Tokens that have the same values: those of bit allocation, 67 ms."""

FINE_SPAN = 3
"""The same where there are bits enough: 40 ms, after which values gain nothing any more."""

HELD = 255
"""In the place of a value that is lost: what it was before goes on."""


@dataclass(frozen=True)
class Stereo:
    """How the pairs of channels of a file are coded.

    Attributes
    ----------
    span : int
        Tokens that have the same values; 0 where channels are coded each by itself.
    side : int
        Coefficients of the side that are coded, from the lowest on; 0 for none.
    """

    span: int = 0
    side: int = 0

    def __bool__(self) -> bool:
        return self.span > 0

    def coded(self, channels: int) -> list[int]:
        """The channels of the codes that have any: main ones, and the sides if they are coded."""
        if not self or self.side:
            return list(range(channels))
        return [ch for ch in range(channels) if ch % 2 == 0]


NO_STEREO = Stereo()


def pairs_of(channels: int) -> int:
    """How many pairs there are: of the first channel and the second, and so on."""
    return channels // 2


def band_count(stop: int) -> int:
    """Bands that have values, where there is sound below coefficient `stop`."""
    return sum(edge < stop for edge in EDGES[:-1])


def turns(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles and widths ``uint8[2, ...]``: cosine and sine, and the amplitude of the side."""
    angle = values[0] * (np.pi / ANGLES)
    amplitude = np.sqrt(np.array(WIDTHS))[values[1]]
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine.astype(np.float32), sine.astype(np.float32), amplitude.astype(np.float32)
