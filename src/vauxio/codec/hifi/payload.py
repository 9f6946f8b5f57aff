"""What a payload is made of, for `pack` and `unpack`.

A payload has ten bytes of parameters, then a range code, then bits that no model predicts. The
range code has, of the whole block, the sizes of its transform blocks, with joint stereo the angles,
then all levels, with balanced sides their differences, then the magnitudes of the coefficients. The
other bits are the lowest bits of large values, and then all signs.
``docs/hifi.md`` has it to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import FormatError
from . import contexts, steps
from .layout import FRAME, LAYOUTS

__all__ = ["BEYOND", "HEAD", "LEVEL_BITS", "Groups", "Settings", "bands_of", "group", "levels_of",
           "parse_head"]  # fmt: skip

HEAD = 10
"""Bytes of parameters."""

BEYOND = 20
"""Differences of levels up to here have a symbol."""

LEVEL_BITS = 7
"""Of a level that is told by itself."""

_MOST_BANDS = LAYOUTS[FRAME].bands


@dataclass(frozen=True)
class Settings:
    """How a block is coded.

    Attributes
    ----------
    rule : steps.Rule
    bands : int
        Of transform blocks of 2048; shorter ones have those that begin below the same frequency.
    coarse : bool
        Whether levels are told to 3 dB instead of 1.5.
    joint : bool
        Whether the first two channels are turned, see `stereo`.
    noisy : bool
        Whether bands with few values get as much noise as they had, which suits speech.
    balanced : bool
        Whether left and right of joint stereo are made as loud as told, see `sides`.
    copied : int
        The share of copies in the noise of noisy payloads, see `copies`.
    weight : float
        For encoders: what a bit is worth in squared steps, in choosing between values.
    """

    rule: steps.Rule
    bands: int
    coarse: bool = False
    joint: bool = False
    noisy: bool = False
    balanced: bool = False
    copied: int = 0
    weight: float = 0.1

    @property
    def enhanced(self) -> bool:
        """Whether decoders may enhance the sound: speech of at most 20 kbps a channel."""
        return self.noisy and self.coarse

    def head(self, length: int) -> bytes:
        """The parameters of a payload with a range code of so many bytes."""
        rule = self.rule
        flags = self.coarse | self.joint << 1 | self.noisy << 2 | self.balanced << 3
        flags |= self.copied << 4
        return (
            bytes([flags, self.bands, rule.slope, rule.total])
            + rule.tilt.to_bytes(1, "little", signed=True)
            + rule.gain.to_bytes(2, "little")
            + length.to_bytes(3, "little")
        )


def parse_head(payload: bytes) -> tuple[Settings, int]:
    """The parameters, and the length of the range code; `FormatError` if they cannot be."""
    if len(payload) < HEAD:
        raise FormatError("transform block: too short for its parameters")
    flags, bands, slope, total = payload[:4]
    tilt = int.from_bytes(payload[4:5], "little", signed=True)
    gain = int.from_bytes(payload[5:7], "little")
    if gain > 4095 or bands > _MOST_BANDS or slope > 16 or total > 31:
        raise FormatError("transform block: parameters are out of range")
    if flags >> 4 and not flags >> 2 & 1:
        raise FormatError("transform block: copies without noise of speech")
    rule = steps.Rule(slope, total, tilt, gain)
    length = int.from_bytes(payload[7:10], "little")
    coarse, joint, noisy, balanced = (bool(flags >> bit & 1) for bit in range(4))
    return Settings(rule, bands, coarse, joint, noisy, balanced, copied=flags >> 4), length


def bands_of(size: int, bands: int) -> int:
    """How many bands a transform block has where one of 2048 has `bands`."""
    stop = int(LAYOUTS[FRAME].edges[bands]) * size
    layout = LAYOUTS[size]
    return int(np.count_nonzero(layout.edges[:-1] * FRAME < stop))


@dataclass(frozen=True)
class Groups:
    """Transform blocks by their size: what can be worked out of many at once.

    Attributes
    ----------
    members : dict of int to ndarray
        By size, the numbers of the blocks.
    levels, logs : dict of int to ndarray
        By size, ``int64[blocks, channels, bands]``: quarters of an octave; steps of `steps.steps`.
    blocks : list of contexts.Block
        What is known of each.
    """

    members: dict[int, np.ndarray]
    levels: dict[int, np.ndarray]
    logs: dict[int, np.ndarray]
    blocks: list[contexts.Block]


def members_of(sizes: np.ndarray) -> dict[int, np.ndarray]:
    """By size, the numbers of the transform blocks that have it."""
    return {size: np.flatnonzero(sizes == size) for size in np.unique(sizes).tolist()}


def levels_of(
    members: dict[int, np.ndarray], told: list[np.ndarray], settings: Settings
) -> dict[int, np.ndarray]:
    """Levels by the size of the blocks, in quarters of an octave: as of `group`."""
    return {
        size: np.stack([told[i] for i in numbers]) << settings.coarse
        for size, numbers in members.items()
    }


def steps_of(levels: dict[int, np.ndarray], settings: Settings) -> dict[int, np.ndarray]:
    """Logarithms of step sizes, as of `steps.steps`, from levels as of `levels_of`."""
    logs = {}
    for size, level in levels.items():
        loud = level
        if settings.joint:  # the same noise in both, however they are turned
            loud = level.copy()
            loud[:, :2] = level[:, :2].max(axis=1, keepdims=True)
        logs[size] = steps.steps(loud, LAYOUTS[size], settings.rule)
    return logs


def group(members: dict[int, np.ndarray], told: list[np.ndarray], settings: Settings) -> Groups:
    """What follows from the levels of all transform blocks.

    Parameters
    ----------
    members : dict of int to ndarray
        As of `members_of`.
    told : list of ndarray
        ``int64[channels, bands]`` of each block, as of `envelope.LevelWalk.step`.
    settings : Settings
    """
    levels = levels_of(members, told, settings)
    logs = steps_of(levels, settings)
    return Groups(members, levels, logs, contexts.prepare(members, levels, logs, settings.coarse))
