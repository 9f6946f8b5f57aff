"""What all that write frames into a file have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .. import container

__all__ = ["Writer"]


class Writer(Protocol):
    """Frames to a file, whatever the codec.

    Attributes
    ----------
    header : container.Header
    bitrate : float
        Nominal kbps of all channels, the most that any moment can have.
    frames : int
        How many have been pushed.
    """

    header: container.Header

    @property
    def bitrate(self) -> float: ...

    @property
    def frames(self) -> int: ...

    def push(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""

    def finish(self) -> None:
        """Write what is left, then the trailer."""
