"""Payloads of blocks to samples at 48 kHz."""

from __future__ import annotations

import numpy as np

from ...errors import ChecksumError
from . import mdct
from .layout import FRAME
from .network import Tables
from .unpack import unpack

__all__ = ["Decoder"]

_MARGIN = 1024


class Decoder:
    """Push payloads, get samples, at most 1024 later.

    The first block pushed may be any of a file. Before it there is silence then, and samples
    within 1024 of its beginning are not what they are in the whole.

    Parameters
    ----------
    tables : Tables
    channels : int
    start : bool, optional
        Whether the first block is the first of the file.
    """

    def __init__(self, tables: Tables, channels: int, start: bool = True) -> None:
        self._tables, self._channels = tables, channels
        self._held = np.zeros((channels, 0 if start else _MARGIN))
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
        if payload is None:
            sizes = np.full(frames, FRAME)
            found = np.zeros((self._channels, frames * FRAME))
        else:
            block = unpack(payload, self._channels, frames, self._tables)
            if checksum not in (None, block.checksum):
                raise ChecksumError(
                    "decoded to values with a wrong checksum; "
                    "the file is damaged or was written with another model"
                )
            sizes = block.sizes
            found = mdct.inverse(block.coefficients, sizes)
        whole = np.concatenate([self._held, found], axis=1)
        half = min(self._last, int(sizes[0])) // 2
        mdct.unfold(whole, np.array([self._held.shape[1]]), np.array([half]))
        self._last = int(sizes[-1])
        self._held = whole[:, -_MARGIN:]
        return np.ascontiguousarray(whole[:, :-_MARGIN], np.float32)

    def finish(self) -> np.ndarray:
        """The samples that are left, ``float32[channels, n]``."""
        held, self._held = self._held, self._held[:, :0]
        return np.ascontiguousarray(held, np.float32)
