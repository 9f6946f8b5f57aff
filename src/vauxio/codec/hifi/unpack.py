"""A payload to the coefficients of a block: the inverse of `pack`."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ...entropy import fixed
from ...errors import FormatError
from . import block_sizes, noise, sides, stereo
from .envelope import LevelWalk
from .layout import FRAME, LAYOUTS
from .network import ESCAPE, Tables
from .payload import (
    BEYOND,
    HEAD,
    LEVEL_BITS,
    Groups,
    Settings,
    bands_of,
    group,
    members_of,
    parse_head,
)
from .raw_bits import BitReader
from .walk import LIMIT, Walk

__all__ = ["Unpacked", "checksum", "unpack"]


@dataclass(frozen=True)
class Unpacked:
    """What a payload holds.

    Attributes
    ----------
    sizes : ndarray
        ``int64[blocks]``: of the transform blocks.
    values : list of ndarray
        ``int64[channels, n]`` of each transform block: what was coded, the same on every machine.
    coefficients : ndarray
        ``float64[channels, frames * 2048]``: of the channels themselves; 1 is full scale.
    coded : ndarray or None
        The same without the noise that is in place of zeros. Only of speech with few bits.
    """

    sizes: np.ndarray
    values: list[np.ndarray]
    coefficients: np.ndarray
    coded: np.ndarray | None

    @property
    def checksum(self) -> int:
        """See `checksum`."""
        return checksum(self.values)


def checksum(values: list[np.ndarray]) -> int:
    """CRC-32 of the values of all transform blocks, channel by channel, as 32-bit numbers."""
    flat = [np.empty(0, "<i4"), *(one.ravel().astype("<i4") for one in values)]
    return zlib.crc32(np.concatenate(flat).tobytes())


def unpack(payload: bytes, channels: int, frames: int, tables: Tables) -> Unpacked:
    """The coefficients of a block.

    Parameters
    ----------
    payload : bytes
    channels, frames : int
        As the file has it.
    tables : Tables

    Raises
    ------
    FormatError
        If it cannot be a payload of that many frames.
    """
    settings, length = parse_head(payload)
    if settings.joint and channels < 2:
        raise FormatError("transform block: joint stereo of one channel")
    if settings.balanced and not settings.joint:
        raise FormatError("transform block: balanced sides without joint stereo")
    words = payload[HEAD : HEAD + length]
    if len(words) < length or words.endswith(b"\0"):
        raise FormatError("transform block: the range code has another length")
    decoder = fixed.decoder(words)
    raw = BitReader(payload[HEAD + length :])
    sizes = _sizes(decoder, frames, tables)
    angles = _angles(decoder, frames, settings.bands, tables) if settings.joint else None
    levels = _levels(decoder, raw, sizes, channels, settings, tables)
    differences = None
    if settings.balanced:
        differences = _differences(decoder, frames, settings.bands, tables)
    groups = group(members_of(np.array(sizes)), levels, settings)
    values = _magnitudes(decoder, raw, groups, tables)
    _sign(raw, values)
    raw.finish()
    parts = _sound(np.array(sizes), values, groups, settings, angles, differences) / 2**15
    return Unpacked(np.array(sizes), values, parts[0], parts[1] if settings.enhanced else None)


def _sizes(decoder: fixed.Decoder, frames: int, tables: Tables) -> list[int]:
    last = [0] * 4

    def decide(depth: int) -> bool:
        row = np.array([2 * depth + last[depth]])
        last[depth] = int(decoder.decode_rows(tables.splits, row)[0])
        return bool(last[depth])

    return [size for _ in range(frames) for size in block_sizes.from_splits(decide)]


def _angles(decoder: fixed.Decoder, frames: int, bands: int, tables: Tables) -> np.ndarray:
    def code(_: int, __: slice, expected: np.ndarray, context: np.ndarray) -> np.ndarray:
        changes = decoder.decode_rows(tables.angles, context)
        return np.asarray((expected + changes) % stereo.ANGLES)

    return stereo.walk(frames, bands, code)


def _differences(decoder: fixed.Decoder, frames: int, bands: int, tables: Tables) -> np.ndarray:
    told = len(range(bands)[sides.bands_with(bands)])
    symbols = decoder.decode_rows(tables.differences, np.zeros(frames * told, np.int64))
    return np.asarray(symbols.reshape(frames, told) - sides.MOST)


def _levels(
    decoder: fixed.Decoder,
    raw: BitReader,
    sizes: list[int],
    channels: int,
    settings: Settings,
    tables: Tables,
) -> list[np.ndarray]:
    walk = LevelWalk(channels, int(settings.coarse), tables.levels)

    def code(_: slice, expected: np.ndarray, row: np.ndarray) -> np.ndarray:
        symbols = decoder.decode_rows(tables.residuals, row.ravel())
        found: np.ndarray = expected + (symbols.reshape(expected.shape) - BEYOND)
        if symbols.max() > 2 * BEYOND:
            beyond = symbols.reshape(expected.shape) > 2 * BEYOND
            found[beyond] = raw.take(np.full(np.count_nonzero(beyond), LEVEL_BITS))
        return found

    bands = {size: bands_of(size, settings.bands) for size in LAYOUTS}
    found = [walk.step(size, bands[size], code) for size in sizes]
    if sizes and settings.bands:
        every = np.concatenate(found, axis=1)
        if every.min() < 0 or every.max() > walk.highest:
            raise FormatError("transform block: a level is out of range")
    return found


def _magnitudes(
    decoder: fixed.Decoder, raw: BitReader, groups: Groups, tables: Tables
) -> list[np.ndarray]:
    walk, found = Walk(), []
    for block in groups.blocks:
        walk.begin(block)
        values = np.zeros(block.shape, np.int64)
        flat = values.ravel()
        for half in range(2):
            if not len(block.at[half]):
                continue
            classes = tables.classify(walk.rows(half, values), half)
            symbols = decoder.decode_rows(tables.classes, classes)
            flat[block.at[half]] = _complete(raw, symbols, walk.shifts(half))
        walk.end(values)
        found.append(values)
    return found


def _complete(raw: BitReader, symbols: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
    """Magnitudes, with what symbols do not say."""
    large = symbols.max() >= ESCAPE
    if not large and shift is None:
        return symbols
    values = symbols.astype(np.int64)
    if large:
        escaped = symbols == ESCAPE
        length = raw.take(np.full(np.count_nonzero(escaped), 5))
        if length.max() > 20:
            raise FormatError("transform block: a value is out of range")
        values[escaped] = raw.take(length) + (1 << length) + ESCAPE - 1
    if shift is not None:
        values = (values << shift) + raw.take(shift)
    if values.max() > LIMIT:
        raise FormatError("transform block: a value is out of range")
    return values


def _sign(raw: BitReader, values: list[np.ndarray]) -> None:
    """Give values their signs, in place."""
    for magnitudes in values:
        there: np.ndarray = magnitudes > 0
        negative = raw.bits(int(np.count_nonzero(there))).astype(np.int64)
        magnitudes[there] *= 1 - 2 * negative


def _sound(
    sizes: np.ndarray,
    values: list[np.ndarray],
    groups: Groups,
    settings: Settings,
    angles: np.ndarray | None,
    differences: np.ndarray | None,
) -> np.ndarray:
    """The coefficients, and of what is enhanced the same without any noise."""
    channels = values[0].shape[0] if values else 0
    out = np.zeros((2 if settings.enhanced else 1, channels, int(sizes.sum())))
    begins = np.cumsum(sizes) - sizes
    for size, members in groups.members.items():
        rounded = np.stack([values[i] for i in members])
        filled = noise.fill(
            rounded,
            groups.levels[size],
            groups.logs[size],
            LAYOUTS[size],
            begins[members] * channels,
            noisy=settings.noisy,
            copied=settings.copied,
            balanced=settings.balanced,
        )
        parts = [filled, filled * (rounded != 0)] if settings.enhanced else [filled]
        if angles is not None:
            frames = begins[members] // FRAME
            for part in parts:
                stereo.turn(part, angles, frames, size, back=True)
            if differences is not None:
                gain = sides.gains(filled, groups.levels[size], angles, differences, frames, size)
                for part in parts:
                    part[:, :2, : gain.shape[2]] *= gain
        place = begins[members][:, None] + np.arange(filled.shape[2])
        for whole, part in zip(out, parts, strict=True):
            whole[:, place] = part.transpose(1, 0, 2)
    return out
