"""The learned part: from contexts to probabilities, in exact integers.

A small network for each pass assigns a coefficient to one of 64 classes. Each class has a table of
probabilities. All numbers are integers below 2^24, which float32 represents exactly, so products
and sums are the same in any order on any machine.
"""

from __future__ import annotations

import io

import constriction
import numpy as np

from ...entropy.coders import TOTAL, range_weights
from ...errors import ModelError

__all__ = ["CLASSES", "CONTEXTS", "ESCAPE", "FEATURES", "RESIDUALS", "Tables"]

CLASSES = 64
ESCAPE = 15
"""The symbol of this value and all above; those below are their own symbols."""

FEATURES = (14, 19)
"""Inputs in the first pass and in the second."""

RESIDUALS = 42
"""Symbols of levels: differences of -20 to 20, and one for those beyond."""

CONTEXTS = 33
"""Of differences of levels, see `envelope`."""

_LAYERS = 3
_EXACT = 1 << 24


class Tables:
    """All that is learned, from the file of the model.

    Parameters
    ----------
    data : bytes
        An NPZ archive of integer arrays: ``classes`` ``[64, 16]``, ``residuals``
        ``[resolutions, contexts, 42]`` and ``splits`` ``[4, 2, 2]`` are relative frequencies;
        ``weightPL``, ``biasPL`` and ``shiftPL`` make layer L of pass P.

    Attributes
    ----------
    bits : ndarray
        ``float64[64, 16]``: what a symbol costs; for encoders.

    Raises
    ------
    ModelError
        If it is not that.
    """

    def __init__(self, data: bytes) -> None:
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: np.asarray(archive[name], np.int64) for name in archive.files}
            classes = _weights(arrays["classes"], (CLASSES, ESCAPE + 1))
            residuals = _weights(arrays["residuals"], (2, CONTEXTS, RESIDUALS))
            splits = _weights(arrays["splits"], (4, 2, 2))
            self._layers = [
                [_Layer(*(arrays[f"{kind}{p}{n}"] for kind in ("weight", "bias", "shift")))
                 for n in range(_LAYERS)]
                for p in range(2)
            ]  # fmt: skip
            for p in range(2):
                sizes = [(layer.inputs, layer.outputs) for layer in self._layers[p]]
                chain = [FEATURES[p], sizes[1][0], sizes[2][0], 1]
                if sizes != list(zip(chain[:-1], chain[1:], strict=True)):
                    raise ValueError("layers do not fit each other")
        except (KeyError, ValueError, IndexError, EOFError, OSError) as e:
            raise ModelError(f"probabilities of the transform codec: damaged ({e})") from e
        self._classes = classes.astype(np.float64)
        self.bits = 24 - np.log2(self._classes + 1)
        family = constriction.stream.model.Categorical
        self._residuals = residuals.astype(np.float64)
        self.splits = [
            [family(row, perfect=False) for row in rows] for rows in splits.astype(np.float64)
        ]
        self.family = family(perfect=False)

    def classify(self, inputs: np.ndarray, half: int) -> np.ndarray:
        """The class of each row of ``float32[n, FEATURES[half]]``: ``int64[n]``."""
        hidden = inputs
        for layer in self._layers[half][:-1]:
            hidden = layer(hidden)
            np.minimum(np.maximum(hidden, 0, out=hidden), 127, out=hidden)
        score = self._layers[half][-1](hidden)[:, 0]
        limited = np.minimum(np.maximum(score, 0), CLASSES - 1)
        return np.asarray(limited.astype(np.int64))

    def symbols(self, classes: np.ndarray) -> np.ndarray:
        """Weights for `family`, ``float64[n, 16]``."""
        return np.asarray(self._classes[classes])

    def residuals(self, resolution: int, contexts: np.ndarray) -> np.ndarray:
        """Weights for `family` of differences of levels, ``float64[n, 42]``."""
        return np.asarray(self._residuals[resolution, contexts])


class _Layer:
    """A linear map of integers, divided by a power of two for each output and rounded down."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray, shift: np.ndarray) -> None:
        if weight.ndim != 2 or bias.shape != shift.shape or bias.shape != weight.shape[1:]:
            raise ValueError("a layer has the wrong shape")
        largest = 127 * np.abs(weight).sum(axis=0) + np.abs(bias)
        if (largest >= _EXACT).any() or shift.min() < 0 or shift.max() > 24:
            raise ValueError("a layer is not exact")
        self._weight = weight.astype(np.float32)
        self._bias = bias.astype(np.float32)
        self._scale = np.ldexp(np.float32(1), -shift.astype(np.int32)).astype(np.float32)
        self.inputs, self.outputs = weight.shape

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        out = inputs @ self._weight
        out += self._bias
        out *= self._scale
        return np.asarray(np.floor(out, out=out))


def _weights(frequencies: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if frequencies.shape != shape or frequencies.min() < 0 or frequencies.max() > TOTAL:
        raise ValueError("a table of frequencies has the wrong shape or range")
    return range_weights(frequencies)
