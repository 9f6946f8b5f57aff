"""Blocks of a file: coefficients to a payload, and back.

A payload has ten bytes of parameters, then a range code, then bits that no model predicts. The
range code has, of the whole block, the sizes of its transform blocks, then all levels, then the
magnitudes of the coefficients. The other bits are the lowest bits of large values, and then all
signs.
``docs/format.md`` has it to the bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import constriction
import numpy as np

from ...errors import FormatError
from . import block_sizes, noise, steps
from .contexts import LIMIT, Known, Walk, know
from .envelope import HIGHEST, LevelWalk, measure
from .layout import FRAME, LAYOUTS
from .network import ESCAPE, Tables
from .raw_bits import BitReader, BitWriter

__all__ = ["Decoded", "Settings", "bands_of", "decode", "encode"]

_BEYOND = 20  # differences of levels up to here have a symbol
_LEVEL_BITS = 7
_HEAD = 10
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
        Whether the first two channels are sum and difference.
    weight : float
        For encoders: what a bit is worth in squared steps, in choosing between values.
    """

    rule: steps.Rule
    bands: int
    coarse: bool = False
    joint: bool = False
    weight: float = 0.1


@dataclass(frozen=True)
class Decoded:
    """What a payload holds.

    Attributes
    ----------
    sizes : ndarray
        ``int64[blocks]``: of the transform blocks.
    values : list of ndarray
        ``int64[channels, n]`` of each transform block: what was coded, the same on every machine.
    coefficients : ndarray
        ``float64[channels, frames * 2048]``: of the channels themselves; 1 is full scale.
    """

    sizes: np.ndarray
    values: list[np.ndarray]
    coefficients: np.ndarray

    @property
    def checksum(self) -> int:
        """CRC-32 of the values of all transform blocks, channel by channel, as 32-bit numbers."""
        crc = 0
        for values in self.values:
            crc = _add(crc, values)
        return crc


def _add(crc: int, values: np.ndarray) -> int:
    return zlib.crc32(values.astype("<i4").tobytes(), crc)


def bands_of(size: int, bands: int) -> int:
    """How many bands a transform block has where one of 2048 has `bands`."""
    stop = int(LAYOUTS[FRAME].edges[bands]) * size
    layout = LAYOUTS[size]
    return int(np.count_nonzero(layout.edges[:-1] * FRAME < stop))


def encode(
    coefficients: np.ndarray,
    sizes: list[np.ndarray],
    settings: Settings,
    tables: Tables,
    observe: Callable[..., None] | None = None,
) -> tuple[bytes, int]:
    """The payload of a block, and the checksum of its values (see `Decoded.checksum`).

    Parameters
    ----------
    coefficients : ndarray
        ``float64[channels, frames * 2048]``, in units of a 16-bit sample; with `joint`, of sum and
        difference over the root of two.
    sizes : list of ndarray
        Of the transform blocks of each frame.
    settings : Settings
    tables : Tables
    observe : callable, optional
        Is told what is coded: for training. ``observe(what, *arrays)``.
    """
    channels = len(coefficients)
    encoder = constriction.stream.queue.RangeEncoder()
    raw, signs = BitWriter(), []
    last = [False] * 4
    for frame in sizes:
        for depth, split in block_sizes.splits(frame):
            encoder.encode(int(split), tables.splits[depth][last[depth]])
            if observe:
                observe("split", depth, last[depth], split)
            last[depth] = split
    flat = np.concatenate(sizes)
    resolution = int(settings.coarse)
    walk = LevelWalk(channels, resolution)
    levels, at = [], 0
    for size in flat:
        layout = LAYOUTS[int(size)]
        bands = bands_of(int(size), settings.bands)
        wanted = measure(coefficients[:, at : at + size], layout, bands) / (1 + resolution)
        at += int(size)

        def code(
            place: slice, expected: np.ndarray, context: np.ndarray, wanted: np.ndarray = wanted
        ) -> np.ndarray:
            exact = wanted[:, place]
            rounded = np.rint(exact).astype(np.int64)
            rounded = np.where((np.abs(exact - expected) < 0.6) & (exact > 0), expected, rounded)
            rounded = np.clip(rounded, 0, HIGHEST >> resolution)
            difference = rounded - expected
            beyond = np.abs(difference) > _BEYOND
            symbols = np.where(beyond, 2 * _BEYOND + 1, difference + _BEYOND).ravel()
            encoder.encode(
                symbols.astype(np.int32), tables.family,
                tables.residuals(resolution, context.ravel()),
            )  # fmt: skip
            told = rounded[beyond]
            raw.put(told, np.full(len(told), _LEVEL_BITS))
            if observe:
                observe("level", resolution, context.ravel(), symbols)
            return rounded

        levels.append(walk.step(layout, bands, code))
    groups = _group(flat, levels, settings)
    past, at, checksum = Walk(channels), 0, 0
    for i, size in enumerate(flat):
        known, index = groups.known[i]
        past.begin(known, index)
        logs = known.logs[index]
        stop = logs.shape[1]
        part = coefficients[:, at : at + stop]
        at += int(size)
        exact = np.abs(part) * np.exp2(-logs / 64)
        np.minimum(exact, LIMIT, out=exact)
        values = np.zeros((channels, stop), np.int64)
        for half in range(2):
            coded = past.coded[:, half::2]
            inputs = past.rows(half, values)
            if not len(inputs):
                continue
            classes = tables.classify(inputs, half)
            shift = past.shift[:, half::2][coded]
            chosen = _choose(exact[:, half::2][coded], shift, tables.bits[classes], settings.weight)
            values[:, half::2][coded] = chosen
            high = chosen >> shift
            symbols = np.minimum(high, ESCAPE)
            encoder.encode(symbols.astype(np.int32), tables.family, tables.symbols(classes))
            if observe:
                observe("value", half, inputs, symbols)
            _put_rest(raw, chosen, high, shift)
        signs.append((part < 0)[values > 0])
        past.end(values)
        checksum = _add(checksum, np.where(part < 0, -values, values))
    sign = np.concatenate(signs).astype(np.int64)
    raw.put(sign, np.ones(len(sign), np.int64))
    words = bytes(encoder.get_compressed().astype("<u4").tobytes()).rstrip(b"\0")
    return _head(settings, len(words)) + words + raw.finish(), checksum


def decode(payload: bytes, channels: int, frames: int, tables: Tables) -> Decoded:
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
    settings, length = _parse_head(payload)
    if settings.joint and channels < 2:
        raise FormatError("transform block: joint stereo of one channel")
    words = payload[_HEAD : _HEAD + length]
    if len(words) < length or words.endswith(b"\0"):
        raise FormatError("transform block: the range code has another length")
    padded = np.frombuffer(words + bytes(-length % 4), "<u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(padded)
    raw = BitReader(payload[_HEAD + length :])
    try:
        return _decode(decoder, raw, channels, frames, settings, tables)
    except AssertionError as e:  # what constriction raises for a number outside its interval
        raise FormatError("transform block: no symbols have this code") from e


def _decode(
    decoder: Any, raw: BitReader, channels: int, frames: int, settings: Settings, tables: Tables
) -> Decoded:
    last = [False] * 4

    def decide(depth: int) -> bool:
        last[depth] = bool(decoder.decode(tables.splits[depth][last[depth]]))
        return last[depth]

    flat = [size for _ in range(frames) for size in block_sizes.from_splits(decide)]
    resolution = int(settings.coarse)
    walk = LevelWalk(channels, resolution)

    def code(place: slice, expected: np.ndarray, context: np.ndarray) -> np.ndarray:
        rows = tables.residuals(resolution, context.ravel())
        symbols = decoder.decode(tables.family, rows).astype(np.int64).reshape(expected.shape)
        found = expected + symbols - _BEYOND
        beyond = symbols == 2 * _BEYOND + 1
        found[beyond] = raw.take(np.full(np.count_nonzero(beyond), _LEVEL_BITS))
        return walk.check(found)

    levels = [
        walk.step(LAYOUTS[size], bands_of(size, settings.bands), code) for size in flat
    ]  # fmt: skip
    groups = _group(np.array(flat), levels, settings)
    past = Walk(channels)
    found = []
    for i in range(len(flat)):
        known, index = groups.known[i]
        past.begin(known, index)
        values = np.zeros(known.logs.shape[1:], np.int64)
        for half in range(2):
            inputs = past.rows(half, values)
            if not len(inputs):
                continue
            rows = tables.symbols(tables.classify(inputs, half))
            symbols = decoder.decode(tables.family, rows).astype(np.int64)
            coded = past.coded[:, half::2]
            values[:, half::2][coded] = _take_rest(raw, symbols, past.shift[:, half::2][coded])
        past.end(values)
        found.append(values)
    there = np.concatenate([values.ravel() for values in found]) > 0
    signs = np.ones(len(there), np.int64)
    signs[there] = 1 - 2 * raw.take(np.ones(np.count_nonzero(there), np.int64))
    at = 0
    for values in found:
        values *= signs[at : at + values.size].reshape(values.shape)
        at += values.size
    out = np.zeros((channels, frames * FRAME))
    begins = np.cumsum(flat) - flat
    for size, members in groups.members.items():
        layout = LAYOUTS[size]
        filled = noise.fill(
            np.stack([found[i] for i in members]), np.stack([levels[i] for i in members]),
            groups.logs[size], layout, begins[members] * channels,
        )  # fmt: skip
        place = begins[members][:, None] + np.arange(filled.shape[2])
        out[:, place] = filled.transpose(1, 0, 2)
    raw.finish()
    if settings.joint:
        middle, side = out[0] * np.sqrt(0.5), out[1] * np.sqrt(0.5)
        out[0], out[1] = middle + side, middle - side
    return Decoded(np.array(flat), found, out / 2**15)


@dataclass(frozen=True)
class _Groups:
    """Transform blocks by their size: what can be worked out of many at once.

    Attributes
    ----------
    known : list of (Known, int)
        For each block, those of its size and which it is.
    members : dict of int to ndarray
        By size, the numbers of the blocks.
    logs : dict of int to ndarray
        By size, ``int64[blocks, channels, bands]``.
    """

    known: list[tuple[Known, int]]
    members: dict[int, np.ndarray]
    logs: dict[int, np.ndarray]


def _group(sizes: np.ndarray, levels: list[np.ndarray], settings: Settings) -> _Groups:
    known: dict[int, tuple[Known, int]] = {}
    members, logs = {}, {}
    for size in np.unique(sizes).tolist():
        layout = LAYOUTS[size]
        members[size] = np.flatnonzero(sizes == size)
        level = np.stack([levels[i] for i in members[size]])
        loud = level
        if settings.joint:  # the same noise in sum and difference, so in both channels
            loud = level.copy()
            loud[:, :2] = level[:, :2].max(axis=1, keepdims=True)
        logs[size] = steps.steps(loud, layout, settings.rule)
        together = know(layout, level, logs[size])
        known |= {int(i): (together, n) for n, i in enumerate(members[size])}
    return _Groups([known[i] for i in range(len(sizes))], members, logs)


def _choose(exact: np.ndarray, shift: np.ndarray, bits: np.ndarray, weight: float) -> np.ndarray:
    """The magnitudes with the least sum of error and cost, of those near the exact ones."""
    near = np.floor(exact + 0.5).astype(np.int64)
    plain = (shift == 0) & (near > 0) & (near < ESCAPE)
    at = np.flatnonzero(plain)
    if not len(at):
        return near
    value, wanted, cost = near[at], exact[at], bits[at]
    rows = np.arange(len(at))

    def total(v: np.ndarray) -> np.ndarray:
        spent = cost[rows, v] + (v > 0)
        return np.asarray((wanted - np.where(v > 0, v - 0.015, 0)) ** 2 + weight * spent)

    best, least = value, total(value)
    for candidate in (value - 1, np.where(value == 2, 0, value)):
        price = total(candidate)
        best, least = np.where(price < least, candidate, best), np.minimum(price, least)
    near[at] = best
    return near


def _put_rest(raw: BitWriter, values: np.ndarray, high: np.ndarray, shift: np.ndarray) -> None:
    """What symbols do not say: how far beyond the escape, and the lowest bits."""
    beyond = high[high >= ESCAPE] - ESCAPE + 1
    length = np.frexp(beyond.astype(np.float64))[1].astype(np.int64) - 1
    raw.put(length, np.full(len(length), 5))
    raw.put(beyond, length)
    raw.put(values, shift)


def _take_rest(raw: BitReader, symbols: np.ndarray, shift: np.ndarray) -> np.ndarray:
    escaped = symbols == ESCAPE
    high = symbols.copy()
    length = raw.take(np.full(np.count_nonzero(escaped), 5))
    if length.size and length.max() > 20:
        raise FormatError("transform block: a value is out of range")
    high[escaped] = raw.take(length) + (1 << length) + ESCAPE - 1
    values = (high << shift) + raw.take(shift)
    if values.size and values.max() > LIMIT:
        raise FormatError("transform block: a value is out of range")
    return np.asarray(values)


def _head(settings: Settings, length: int) -> bytes:
    rule = settings.rule
    flags = settings.coarse | settings.joint << 1
    return (
        bytes([flags, settings.bands, rule.slope, rule.total])
        + rule.tilt.to_bytes(1, "little", signed=True)
        + rule.gain.to_bytes(2, "little")
        + length.to_bytes(3, "little")
    )


def _parse_head(payload: bytes) -> tuple[Settings, int]:
    if len(payload) < _HEAD:
        raise FormatError("transform block: too short for its parameters")
    flags, bands, slope, total = payload[:4]
    tilt = int.from_bytes(payload[4:5], "little", signed=True)
    gain = int.from_bytes(payload[5:7], "little")
    if gain > 4095 or flags > 3 or bands > _MOST_BANDS or slope > 16 or total > 31:
        raise FormatError("transform block: parameters are out of range")
    rule = steps.Rule(slope, total, tilt, gain)
    length = int.from_bytes(payload[7:10], "little")
    return Settings(rule, bands, bool(flags & 1), bool(flags & 2)), length
