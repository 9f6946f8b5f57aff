"""Tables as files hold them, and those made by hand that the first round begins with."""

from __future__ import annotations

import io

import numpy as np

from vauxio.codec.hifi import stereo
from vauxio.codec.hifi.network import CLASSES, CONTEXTS, ESCAPE, FEATURES, RESIDUALS

HIDDEN = 32  # units of a layer


def to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """The file of a model."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def by_hand() -> dict[str, np.ndarray]:
    """Tables to begin with: classes by the level of the band over its step, Laplacian values."""
    arrays: dict[str, np.ndarray] = {}
    for half in range(2):
        first = np.zeros((FEATURES[half], HIDDEN), np.int8)
        first[8, 0], first[0, 1] = 1, 1
        second = np.eye(HIDDEN, dtype=np.int8)
        last = np.zeros((HIDDEN, 1), np.int8)
        last[0, 0], last[1, 0] = 3, 3
        for n, (weight, bias, shift) in enumerate(((first, 40, 0), (second, 0, 0), (last, 0, 3))):
            size = weight.shape[1]
            arrays[f"weight{half}{n}"] = weight
            arrays[f"bias{half}{n}"] = np.full(size, bias, np.int32)
            arrays[f"shift{half}{n}"] = np.full(size, shift, np.int8)
        arrays[f"bias{half}0"][1:] = 0
    scale = np.exp2((np.arange(CLASSES) - 20) / 9)
    values = np.exp(-np.arange(ESCAPE + 1) / scale[:, None])
    arrays["classes"] = frequencies(values)
    spread = np.exp(-np.abs(np.arange(RESIDUALS) - 20) / 2)
    arrays["residuals"] = np.broadcast_to(frequencies(spread), (2, CONTEXTS, RESIDUALS)).copy()
    arrays["splits"] = np.full((4, 2, 2), 1, np.int32)
    stays = np.where(np.arange(stereo.ANGLES) == 0, 1.0, 0.01)
    arrays["angles"] = np.broadcast_to(frequencies(stays), (stereo.CONTEXTS, stereo.ANGLES)).copy()
    return arrays


def frequencies(values: np.ndarray) -> np.ndarray:
    """Whole numbers in proportion, the most frequent 2^20 and none below one: ``int32``."""
    return np.maximum(np.rint(values / values.max(axis=-1, keepdims=True) * 2**20), 1).astype(
        np.int32
    )
