"""The coefficients of a block to a payload."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...entropy import fixed
from . import block_sizes, sides, stereo
from .envelope import LevelWalk, measure
from .layout import FRAME, LAYOUTS
from .network import ESCAPE, Tables
from .payload import (
    BEYOND,
    LEVEL_BITS,
    Groups,
    Settings,
    bands_of,
    group,
    levels_of,
    members_of,
    steps_of,
)
from .raw_bits import BitWriter
from .steps import PER_OCTAVE
from .unpack import checksum
from .walk import LIMIT, Walk

__all__ = ["Packer"]

_NEAR = 0.6  # a level this close to what is expected of it is told as that
_MANY = 1 << 15  # symbols that are encoded together


_EMPTY = np.empty(0, np.int64)

Observer = Callable[..., Any]


class Packer:
    """A block that is to be packed with one gain or another.

    Parameters
    ----------
    coefficients : ndarray
        ``float64[channels, frames * 2048]``, in units of a 16-bit sample.
    sizes : list of ndarray
        Of the transform blocks of each frame.
    settings : Settings
    tables : Tables
    angles : ndarray, optional
        ``int64[frames, bands]``, with joint stereo: as of `stereo.choose`.
    observe : callable, optional
        Is told what is coded: for training. ``observe(what, *arrays)``.

    Attributes
    ----------
    finest : int
        The least gain that it can be packed with.
    """

    def __init__(
        self,
        coefficients: np.ndarray,
        sizes: list[np.ndarray],
        settings: Settings,
        tables: Tables,
        angles: np.ndarray | None = None,
        observe: Observer | None = None,
    ) -> None:
        if settings.joint != (angles is not None):
            raise ValueError("joint stereo has angles, and nothing else has")
        if settings.balanced and not settings.joint:
            raise ValueError("only the sides of joint stereo are balanced")
        self._settings, self._tables, self._observe = settings, tables, observe
        flat = np.concatenate(sizes)
        self._splits = _split_rows(sizes)
        self._members = members_of(flat)
        begins = np.cumsum(flat) - flat
        self._coefficients = {
            size: coefficients[:, begins[numbers][:, None] + np.arange(size)].transpose(1, 0, 2)
            for size, numbers in self._members.items()
        }
        self._angle_rows = _EMPTY, _EMPTY
        frames = {size: begins[numbers] // FRAME for size, numbers in self._members.items()}
        apart = {
            size: sides.powers(found, size, bands_of(size, settings.bands))
            for size, found in self._coefficients.items()
            if settings.balanced
        }
        if angles is not None:
            for size, found in self._coefficients.items():
                stereo.turn(found, angles, frames[size], size)
            self._angle_rows = _rows_of_angles(angles)
        self._choose_levels(flat)
        self._differences = _EMPTY
        if angles is not None and settings.balanced:
            levels = levels_of(self._members, self._levels, settings)
            differences = sides.measure(apart, levels, angles, frames)
            self._differences = differences.ravel() + sides.MOST
        self.finest = self._least_gain()

    def _choose_levels(self, sizes: np.ndarray) -> None:
        resolution = int(self._settings.coarse)
        bands = {size: bands_of(size, self._settings.bands) for size in self._members}
        measured: dict[int, np.ndarray] = {}
        for size, numbers in self._members.items():
            found = measure(self._coefficients[size], LAYOUTS[size], bands[size])
            measured |= zip(numbers.tolist(), found / (1 + resolution), strict=True)
        rows: list[np.ndarray] = []
        expectations: list[np.ndarray] = []
        told: list[np.ndarray] = []

        def code(place: slice, expected: np.ndarray, row: np.ndarray) -> np.ndarray:
            wanted = exact[:, place]
            near = np.abs(wanted - expected) < _NEAR
            near &= wanted > 0
            found = np.where(near, expected, rounded[:, place])
            rows.append(row.ravel())
            expectations.append(expected.ravel())
            told.append(found.ravel())
            return found

        channels = len(next(iter(self._coefficients.values()))[0])
        observe = self._observe and partial(self._observe, "level")
        walk = LevelWalk(channels, resolution, self._tables.levels, observe)
        self._levels = []
        for i, size in enumerate(sizes.tolist()):
            exact = measured[i]
            rounded = np.minimum(np.rint(exact).astype(np.int64), walk.highest)
            self._levels.append(walk.step(size, bands[size], code))
        self._level_rows = _join(rows)
        levels = _join(told)
        difference = levels - _join(expectations)
        beyond = np.abs(difference) > BEYOND
        self._level_symbols = np.where(beyond, 2 * BEYOND + 1, difference + BEYOND)
        self._levels_beyond = levels[beyond]

    def _least_gain(self) -> int:
        """With a smaller one, values would be beyond their `LIMIT`.

        Of tones and clicks, few coefficients take nearly no bits, however fine steps are.
        """
        neutral = replace(self._settings, rule=self._settings.rule._replace(gain=1024))
        levels = levels_of(self._members, self._levels, neutral)
        exact = self._over_steps(steps_of(levels, neutral)).values()
        largest = max((float(one.max()) for one in exact if one.size), default=0.0)
        return max(0, 1024 + math.ceil(PER_OCTAVE * math.log2(max(largest, 1e-9) / LIMIT)))

    def pack(self, gain: int) -> tuple[bytes, int]:
        """The payload with this gain, and the checksum of its values (see `unpack.checksum`).

        A gain below `finest` is that.
        """
        gain = max(gain, self.finest)
        settings = replace(self._settings, rule=self._settings.rule._replace(gain=gain))
        encoder, raw = fixed.encoder(), BitWriter()
        rows, splits = self._splits
        encoder.encode_rows(splits, self._tables.splits, rows)
        turned, turns = self._angle_rows
        encoder.encode_rows(turns, self._tables.angles, turned)
        encoder.encode_rows(self._level_symbols, self._tables.residuals, self._level_rows)
        raw.put(self._levels_beyond, np.full(len(self._levels_beyond), LEVEL_BITS))
        only = np.zeros(len(self._differences), np.int64)
        encoder.encode_rows(self._differences, self._tables.differences, only)
        if self._observe:
            self._observe("split", rows, splits)
            self._observe("angle", turned, turns)
        values = self._magnitudes(encoder, raw, group(self._members, self._levels, settings))
        signs = []
        for one, negative in zip(values, self._negative(values), strict=True):
            signs.append(negative[one > 0])
            np.negative(one, out=one, where=negative)
        raw.put_bits(_join(signs))
        words = encoder.finish()
        return settings.head(len(words)) + words + raw.finish(), checksum(values)

    def _magnitudes(
        self, encoder: fixed.Encoder, raw: BitWriter, groups: Groups
    ) -> list[np.ndarray]:
        tables = self._tables
        limits = _limits(tables.bits, self._settings.weight)
        exact: dict[int, np.ndarray] = {}
        for size, over in self._over_steps(groups.logs).items():
            exact |= zip(groups.members[size].tolist(), over, strict=True)
        walk, found = Walk(), []
        pending = _Pending(encoder, tables.classes)
        for i, block in enumerate(groups.blocks):
            walk.begin(block)
            values = np.zeros(block.shape, np.int64)
            flat, wanted = values.ravel(), exact[i].ravel()
            for half, at in enumerate(block.at):
                if not len(at):
                    continue
                inputs = walk.rows(half, values)
                classes = tables.classify(inputs, half)
                shift = walk.shifts(half)
                flat[at] = chosen = _choose(wanted[at], shift, classes, limits)
                high = chosen if shift is None else chosen >> shift
                symbols = np.minimum(high, ESCAPE)
                pending.add(symbols, classes)
                _put_rest(raw, chosen, high, shift)
                if self._observe:
                    self._observe("value", half, inputs, symbols)
            walk.end(values)
            found.append(values)
        pending.flush()
        return found

    def _over_steps(self, logs: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Magnitudes over their steps, ``float64[blocks, channels, n]`` of each size."""
        found: dict[int, np.ndarray] = {}
        for size in self._members:
            over = LAYOUTS[size].expand(np.exp2(logs[size] / -PER_OCTAVE))
            over *= np.abs(self._coefficients[size][..., : over.shape[2]])
            found[size] = over
        return found

    def _negative(self, values: list[np.ndarray]) -> list[np.ndarray]:
        found: dict[int, np.ndarray] = {}
        for size, numbers in self._members.items():
            wide = values[numbers[0]].shape[1]
            found |= zip(numbers.tolist(), self._coefficients[size][..., :wide] < 0, strict=True)
        return [found[i] for i in range(len(found))]


class _Pending:
    """Symbols on their way to a range coder, which likes many at once."""

    def __init__(self, encoder: fixed.Encoder, table: fixed.Table) -> None:
        self._encoder, self._table = encoder, table
        self._symbols: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._count = 0

    def add(self, symbols: np.ndarray, rows: np.ndarray) -> None:
        self._symbols.append(symbols)
        self._rows.append(rows)
        self._count += len(rows)
        if self._count >= _MANY:
            self.flush()

    def flush(self) -> None:
        self._encoder.encode_rows(_join(self._symbols), self._table, _join(self._rows))
        self._symbols, self._rows, self._count = [], [], 0


def _split_rows(sizes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and symbols of what tells the sizes."""
    rows, symbols = [], []
    last = [0] * 4
    for frame in sizes:
        for depth, split in block_sizes.splits(frame):
            rows.append(2 * depth + last[depth])
            last[depth] = int(split)
            symbols.append(last[depth])
    return np.array(rows, np.int64), np.array(symbols, np.int64)


def _rows_of_angles(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and symbols of what tells them."""
    rows, symbols = [], []

    def code(frame: int, place: slice, expected: np.ndarray, context: np.ndarray) -> np.ndarray:
        told: np.ndarray = angles[frame, place]
        rows.append(context)
        symbols.append((told - expected) % stereo.ANGLES)
        return told

    frames, bands = angles.shape
    stereo.walk(frames, bands, code)
    return _join(rows), _join(symbols)


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([_EMPTY, *parts])


def _limits(bits: np.ndarray, weight: float) -> np.ndarray:
    """From which exact magnitude on a value has a smaller sum of error and cost than the one below.

    Parameters
    ----------
    bits : ndarray
        ``float64[classes, symbols]``: the costs.
    weight : float
        What a bit is worth in squared steps.

    Returns
    -------
    ndarray
        ``float64[classes, symbols]``; 0 for 0 and the escape, which are taken as they are.
    """
    sound = np.arange(ESCAPE) - 0.015  # what values stand for
    sound[0] = 0
    cost = bits[:, :ESCAPE] + (sound > 0)  # a sign
    rise = np.diff(sound)
    limits = (np.diff(sound**2) + weight * np.diff(cost, axis=1)) / (2 * rise)
    return np.pad(limits, ((0, 0), (1, 1)))


def _choose(
    exact: np.ndarray, shift: np.ndarray | None, classes: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """The magnitudes with the least sum of error and cost, of those on both sides of exact ones."""
    near = (exact + 0.5).astype(np.int64)
    limit = limits[classes, np.minimum(near, ESCAPE)]
    lower = exact < limit
    if shift is not None:
        lower &= shift == 0
    near -= lower
    return near


def _put_rest(
    raw: BitWriter, values: np.ndarray, high: np.ndarray, shift: np.ndarray | None
) -> None:
    """What symbols do not say: how far beyond the escape, and the lowest bits."""
    if high.max() >= ESCAPE:
        beyond = high[high >= ESCAPE] - ESCAPE + 1
        length = np.frexp(beyond.astype(np.float64))[1].astype(np.int64) - 1
        raw.put(length, np.full(len(length), 5))
        raw.put(beyond, length)
    if shift is not None:
        raw.put(values, shift)
