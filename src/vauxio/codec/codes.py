"""Codes with the properties needed to decode them, of one recording or of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy import allocation
from .bandwidth_extension import NO_BANDS, Bands
from .concealment import LOST
from .stereo.layout import NO_STEREO, Stereo

__all__ = ["Codes", "CodesBatch"]


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of a recording, with the properties needed to decode them.

    Attributes
    ----------
    codes : ndarray
        ``uint16[channels, codebooks, tokens]``. Any number of codebooks from the first on is a
        valid signal: ``codes[:, :4]`` is the same recording at half the bitrate of ``[:, :8]``.
        Where tokens may have different numbers of codes, as in files, or be lost: ``int32``, with
        -1 where there is no code and -2 where one is lost.
    samplerate, frames : int
        Of the recording.
    model : str
        Name of the model that made them.
    levels : ndarray or None
        ``uint8[channels, bands, tokens]``: how loud the recording was above the model's band, as a
        file says it; None if it does not.
    bands : Bands
        Those that have levels.
    values : ndarray or None
        ``uint8[pairs, 2, bands, tokens]``: differences and coherences of joint stereo, as a file
        says them.
    stereo : Stereo
        How pairs of channels are coded: channels of `codes` are main channels and sides then.
    """

    codes: NDArray[np.integer]
    samplerate: int
    frames: int
    model: str
    levels: NDArray[np.uint8] | None = None
    bands: Bands = NO_BANDS
    values: np.ndarray | None = None
    stereo: Stereo = NO_STEREO

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which codes exist, ``bool[channels, codebooks, tokens]``."""
        return self.codes >= 0

    @property
    def counts(self) -> NDArray[np.uint8]:
        """How many codes each token has, ``uint8[channels, tokens]``: those from the first
        codebook on."""
        counts: NDArray[np.uint8] = self.mask.sum(axis=1, dtype=np.uint8)
        return counts

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Which tokens are lost, and concealed when they are decoded: ``bool[tokens]``."""
        if self.codes.dtype == np.uint16:
            return np.zeros(self.codes.shape[2], bool)
        lost: NDArray[np.bool_] = (self.codes[:, 0] == LOST).any(axis=0)
        return lost

    def __repr__(self) -> str:
        channels, codebooks, tokens = self.codes.shape
        return (
            f"{type(self).__name__}({channels} channels x {codebooks} codebooks x {tokens} tokens, "
            f"samplerate={self.samplerate}, frames={self.frames}, model={self.model!r})"
        )


@dataclass(frozen=True, eq=False)
class CodesBatch:
    """Codes of several recordings in one array. A sequence of `Codes`.

    Attributes
    ----------
    codes : ndarray
        ``uint16[batch, channels, codebooks, tokens]``; zeros after the end of the shorter ones.
    mask : ndarray
        ``bool[batch, tokens]``: which tokens each has.
    samplerates, frames : tuple of int
        Of each recording.
    model : str
        Name of the model that made them.
    """

    codes: np.ndarray
    mask: np.ndarray
    samplerates: tuple[int, ...]
    frames: tuple[int, ...]
    model: str

    @classmethod
    def of(cls, each: list[Codes]) -> CodesBatch:
        """Batch of recordings with the same number of channels and codebooks."""
        first, longest = each[0].codes, max(one.codes.shape[2] for one in each)
        codes = np.zeros((len(each), *first.shape[:2], longest), np.uint16)
        mask = np.zeros((len(each), longest), bool)
        for one, row, there in zip(each, codes, mask, strict=True):
            tokens = one.codes.shape[2]
            row[..., :tokens] = one.codes
            there[:tokens] = True
        return cls(
            codes, mask, tuple(one.samplerate for one in each),
            tuple(one.frames for one in each), each[0].model,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> Codes:
        codes = self.codes[index][..., : np.count_nonzero(self.mask[index])]
        return Codes(codes, self.samplerates[index], self.frames[index], self.model)

    def __iter__(self) -> Iterator[Codes]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        batch, channels, codebooks, tokens = self.codes.shape
        return (
            f"CodesBatch({batch} x {channels} channels x {codebooks} codebooks x {tokens} tokens, "
            f"model={self.model!r})"
        )


def check(array: np.ndarray, codebooks: int, size: int) -> str:
    """What is wrong with codes ``[channels, codebooks, tokens]`` of a model; empty if nothing is.

    Parameters
    ----------
    array : ndarray
        Integers.
    codebooks, size : int
        Of the model, and entries of each.
    """
    if not 1 <= array.shape[1] <= codebooks:
        return f"{array.shape[1]} codebooks: the model has 1 to {codebooks}"
    if not array.size:
        return ""
    low, high = int(array.min()), int(array.max())
    if low < LOST or high >= size:
        return f"codes must be 0 to {size - 1}, -1 where there is none, or -2 where it is lost"
    if low >= 0:
        return ""
    lost = (array == LOST).any(axis=1, keepdims=True)
    there = allocation.present((array >= 0).sum(axis=1), array.shape[1])
    if not np.where(lost, array == LOST, (array >= 0) == there).all():
        return "codes are absent before others that are not"
    return ""
