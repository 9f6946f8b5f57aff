"""Block switching: the transform blocks of a frame, chosen by their cost, coded as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from . import envelope, steps
from .layout import LAYOUTS, SIZES
from .spectra import Spectra

__all__ = ["choose", "from_splits", "splits"]

_BAND = 0.45  # bits that a level costs, about
_FINER = 96  # 64ths of an octave: steps for which sizes are chosen are smaller than those used
_BIAS = 0.04  # a long block smears in time, which the sum of bits does not hear


def choose(spectra: Spectra, rule: steps.Rule, bands: int) -> list[np.ndarray]:
    """The sizes of the blocks of each frame.

    Parameters
    ----------
    spectra : Spectra
        Of as many samples as frames have.
    rule : steps.Rule
    bands : int
        Of the longest blocks, how many are coded.

    Returns
    -------
    list of ndarray
        ``int64[blocks]`` for each frame.
    """
    rule = rule._replace(gain=rule.gain - _FINER)
    cheapest = np.zeros(0)
    chosen: list[list[int]] = []
    for i, size in reversed(list(enumerate(SIZES))):
        cost = np.sum([_cost(one, size, rule, bands) for one in spectra.of(size)], axis=0)
        cost *= 1 + _BIAS * (len(SIZES) - 1 - i)
        if not chosen:
            cheapest, chosen = cost, [[size]] * len(cost)
            continue
        halves = cheapest.reshape(-1, 2).sum(axis=1)
        chosen = [
            [size] if whole <= split else chosen[2 * j] + chosen[2 * j + 1]
            for j, (whole, split) in enumerate(zip(cost, halves, strict=True))
        ]
        cheapest = np.minimum(cost, halves)
    return [np.array(sizes) for sizes in chosen]


def _cost(found: np.ndarray, size: int, rule: steps.Rule, bands: int) -> np.ndarray:
    layout = LAYOUTS[size]
    bands = min(layout.bands, bands)
    levels = envelope.measure(found, layout, bands)
    logs = steps.steps(np.rint(levels).astype(np.int64), layout, rule)
    ratio = layout.expand(np.exp2(-logs / 64))
    ratio *= found[:, : ratio.shape[1]]
    ratio *= ratio
    ratio += 1
    return np.asarray(0.6 * np.log2(ratio, out=ratio).sum(axis=1) + _BAND * bands)


def splits(sizes: np.ndarray) -> Iterator[tuple[int, bool]]:
    """A frame's tree: of each block that could be cut in two, its depth and whether it is."""
    at = 0

    def walk(depth: int) -> Iterator[tuple[int, bool]]:
        nonlocal at
        if depth == len(SIZES) - 1 or sizes[at] == SIZES[depth]:
            if depth < len(SIZES) - 1:
                yield depth, False
            at += 1
            return
        yield depth, True
        yield from walk(depth + 1)
        yield from walk(depth + 1)

    return walk(0)


def from_splits(decide: Callable[[int], bool]) -> list[int]:
    """The sizes of a frame's blocks, where `decide` says of a depth whether the next is cut."""

    def walk(depth: int) -> list[int]:
        if depth == len(SIZES) - 1 or not decide(depth):
            return [SIZES[depth]]
        return walk(depth + 1) + walk(depth + 1)

    return walk(0)
