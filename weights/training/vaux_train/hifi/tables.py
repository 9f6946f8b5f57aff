"""Tables as files hold them, and those made by hand that the first round begins with."""

from __future__ import annotations

import io

import numpy as np

from vauxio.codec.hifi import stereo
from vauxio.codec.hifi.network import (
    CLASSES,
    ESCAPE,
    FEATURES,
    LEVEL_CLASSES,
    LEVEL_FEATURES,
    LEVEL_ROWS,
    QUARTERS,
    RESIDUALS,
)

HIDDEN = (48, 48, 32)  # units of a layer of each network


def to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """The file of a model."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def by_hand() -> dict[str, np.ndarray]:
    """Tables to begin with: classes by the level of the band over its step, Laplacian values.

    Levels are expected to have moved by half of what those on both sides did.
    """
    arrays: dict[str, np.ndarray] = {}
    for half in range(2):
        first = np.zeros((FEATURES[half], HIDDEN[half]), np.int8)
        first[12, 0], first[0, 1] = 1, 1
        last = np.zeros((HIDDEN[half], 1), np.int8)
        last[0, 0], last[1, 0] = 3, 3
        arrays |= _network(half, [(first, [40], 0), _same(HIDDEN[half]), (last, [0], 3)])
    first = np.zeros((LEVEL_FEATURES, HIDDEN[2]), np.int8)
    first[:2, 0], first[:2, 1] = 1, -1  # eighths of a level, up and down
    last = np.zeros((HIDDEN[2], 2), np.int8)
    last[0], last[1] = (4, 1), (-4, 1)
    arrays |= _network(2, [(first, [0], 2), _same(HIDDEN[2]), (last, [2, 40], 2)])
    scale = np.exp2((np.arange(CLASSES) - 20) / 9)
    values = np.exp(-np.arange(ESCAPE + 1) / scale[:, None])
    arrays["classes"] = frequencies(values)
    scale = np.exp2(np.arange(LEVEL_CLASSES) / 4 - 2.5).repeat(QUARTERS)[:, None]
    part = np.arange(LEVEL_ROWS)[:, None] % QUARTERS / QUARTERS
    spread = np.exp(-np.abs(np.arange(RESIDUALS) - 20 - part) / scale)
    arrays["residuals"] = frequencies(spread)
    arrays["splits"] = np.full((4, 2, 2), 1, np.int32)
    stays = np.where(np.arange(stereo.ANGLES) == 0, 1.0, 0.01)
    arrays["angles"] = np.broadcast_to(frequencies(stays), (stereo.CONTEXTS, stereo.ANGLES)).copy()
    return arrays


def _same(size: int) -> tuple[np.ndarray, list[int], int]:
    return np.eye(size, dtype=np.int8), [0], 0


def _network(number: int, layers: list[tuple[np.ndarray, list[int], int]]) -> dict[str, np.ndarray]:
    """Arrays of a network of layers of weights, the first biases (the others are 0), and shifts."""
    arrays: dict[str, np.ndarray] = {}
    for n, (weight, first, shift) in enumerate(layers):
        size = weight.shape[1]
        bias = np.zeros(size, np.int32)
        bias[: len(first)] = first
        arrays[f"weight{number}{n}"] = weight
        arrays[f"bias{number}{n}"] = bias
        arrays[f"shift{number}{n}"] = np.full(size, shift, np.int8)
    return arrays


def frequencies(values: np.ndarray) -> np.ndarray:
    """Whole numbers in proportion, the most frequent 2^20 and none below one: ``int32``."""
    return np.maximum(np.rint(values / values.max(axis=-1, keepdims=True) * 2**20), 1).astype(
        np.int32
    )
