"""Payloads of blocks to samples at 48 kHz."""

from __future__ import annotations

import numpy as np

from ...errors import ChecksumError
from . import mdct
from .enhancer import Enhancer
from .layout import FRAME
from .network import Tables
from .unpack import unpack

__all__ = ["Decoder"]

_MARGIN = 1024


class Decoder:
    """Push payloads, get samples, at most 1024 later, or as late as the enhancer gives them.

    The first block pushed may be any of a file. Before it there is silence then, and samples
    within 1024 of its beginning, or what an enhancer reaches more, are not what they are in the
    whole.

    Parameters
    ----------
    tables : Tables
    channels : int
    start : bool, optional
        Whether the first block is the first of the file.
    enhancer : Enhancer, optional
        For speech of few bits.
    """

    def __init__(
        self,
        tables: Tables,
        channels: int,
        start: bool = True,
        enhancer: Enhancer | None = None,
    ) -> None:
        self._tables, self._channels, self._enhancer = tables, channels, enhancer
        # All that was decoded, and for the enhancer the same without noise.
        self._held = np.zeros((2 if enhancer else 1, channels, 0 if start else _MARGIN))
        self._speech = False  # whether the block before was speech of few bits
        self._last = 0 if start else FRAME  # size of the transform block that the held ones end

    def push(self, payload: bytes | None, frames: int, checksum: int | None = None) -> np.ndarray:
        """The next samples, ``float32[channels, n]``.

        Parameters
        ----------
        payload : bytes or None
            None where it is lost: what came before fades out, what comes after fades in.
        frames : int
            Of the block.
        checksum : int, optional
            Of its values, see `unpack.checksum`.

        Raises
        ------
        FormatError
            If the payload is none of that many frames, or has another checksum. The next may be
            pushed then.
        """
        before, self._speech = self._speech, False
        if payload is None:
            sizes = np.full(frames, FRAME)
            found = np.zeros((1, self._channels, frames * FRAME))
        else:
            block = unpack(payload, self._channels, frames, self._tables)
            if checksum not in (None, block.checksum):
                raise ChecksumError(
                    "decoded to values with a wrong checksum; "
                    "the file is damaged or was written with another model"
                )
            sizes = block.sizes
            parts = [block.coefficients]
            if self._enhancer is not None and block.coded is not None:
                self._speech = True
                parts.append(block.coded)
            found = np.stack([mdct.inverse(part, sizes) for part in parts])
        if self._speech and not before:
            self._held[1] = self._held[0]  # what comes before was not coded as noise
        if len(found) < len(self._held):
            found = np.concatenate([found, np.zeros_like(found)])
        whole = np.concatenate([self._held, found], axis=2)
        half = min(self._last, int(sizes[0])) // 2
        for part in whole:
            mdct.unfold(part, np.array([self._held.shape[2]]), np.array([half]))
        self._last = int(sizes[-1])
        self._held = whole[..., -_MARGIN:]
        return self._enhance(whole[..., :-_MARGIN])

    def finish(self) -> np.ndarray:
        """The samples that are left, ``float32[channels, n]``."""
        held, self._held = self._held, self._held[..., :0]
        found = self._enhance(held)
        if self._enhancer is not None:
            rest = self._enhancer.finish().astype(np.float32)
            found = np.concatenate([found, rest], axis=1)
        return found

    def _enhance(self, parts: np.ndarray) -> np.ndarray:
        sound = parts[0]
        if self._enhancer is not None:
            sound = self._enhancer.push(sound, parts[1] if self._speech else None)
        return np.ascontiguousarray(sound, np.float32)
