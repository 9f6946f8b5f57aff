"""The learned part: from contexts to probabilities, in exact integers.

Two small networks, one for each pass, assign a coefficient to one of 64 classes, and a third says
what the level of a band is expected to be, and how sure that is. Each class has a table of
probabilities. All numbers are integers below 2^24, which float32 represents exactly, so products
and sums are the same in any order on any machine.
"""

from __future__ import annotations

import io

import numpy as np

from ...entropy import fixed
from ...entropy.coders import TOTAL, range_weights
from ...errors import ModelError
from . import sides, stereo

__all__ = [
    "CLASSES",
    "ESCAPE",
    "FEATURES",
    "LEVEL_CLASSES",
    "LEVEL_FEATURES",
    "LEVEL_ROWS",
    "QUARTERS",
    "RESIDUALS",
    "Network",
    "Tables",
]

CLASSES = 64
ESCAPE = 15
"""The symbol of this value and all above; those below are their own symbols."""

FEATURES = (22, 28)
"""Inputs in the first pass and in the second."""

RESIDUALS = 42
"""Symbols of levels: differences of -20 to 20, and one for those beyond."""

LEVEL_FEATURES = 19
"""Inputs of the network of levels, see `envelope`."""

LEVEL_CLASSES, QUARTERS = 24, 4
"""How sure a level can be; parts of a level that it may be expected above a whole one."""

LEVEL_ROWS = LEVEL_CLASSES * QUARTERS
"""Distributions of differences of levels: the class, and the part above a whole one."""

_LAYERS = 3
_EXACT = 1 << 24


class Tables:
    """All that is learned, from the file of the model.

    Parameters
    ----------
    data : bytes
        An NPZ archive of integer arrays: ``classes`` ``[64, 16]``, ``residuals`` ``[96, 42]``,
        ``splits`` ``[4, 2, 2]`` and ``angles`` ``[contexts, 32]`` are relative frequencies;
        ``weightNL``, ``biasNL`` and ``shiftNL`` make layer L of network N: those of both passes,
        and that of levels.

    Attributes
    ----------
    classes : fixed.Table
        Of symbols, by class.
    splits : fixed.Table
        Whether blocks are cut in two, by twice the depth and the last answer.
    angles : fixed.Table
        By how much angles of joint stereo changed, by context.
    differences : fixed.Table
        Of the sides of joint stereo: one row, which is not learned.
    residuals : fixed.Table
        Of levels, by how sure they are and the part above a whole one.
    levels : Network
        What is expected of levels.
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
            residuals = _weights(arrays["residuals"], (LEVEL_ROWS, RESIDUALS))
            splits = _weights(arrays["splits"], (4, 2, 2))
            angles = _weights(arrays["angles"], (stereo.CONTEXTS, stereo.ANGLES))
            # The second pass adds its inputs after the constant that the first one's end with.
            self._passes = [Network(arrays, p, FEATURES[p], FEATURES[0], 1) for p in range(2)]
            self.levels = Network(arrays, 2, LEVEL_FEATURES, LEVEL_FEATURES, 2)
        except (KeyError, ValueError, IndexError, EOFError, OSError) as e:
            raise ModelError(f"probabilities of the transform codec: damaged ({e})") from e
        self.classes, self.splits = fixed.Table(classes), fixed.Table(splits.reshape(8, 2))
        self.angles, self.residuals = fixed.Table(angles), fixed.Table(residuals)
        self.differences = fixed.Table(range_weights(np.array([sides.FREQUENCIES])))
        self.bits = 24 - np.log2(classes + 1.0)

    def classify(self, inputs: np.ndarray, half: int) -> np.ndarray:
        """The class of each column of ``float32[inputs, n]``: ``int64[n]``.

        `inputs` are those of the pass, with one that is always 1 after those of the first pass.
        """
        score = self._passes[half](inputs)[0]
        np.maximum(score, 0, out=score)
        return np.asarray(np.minimum(score, CLASSES - 1, out=score).astype(np.int64))


class Network:
    """Three layers of integers.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Of the model.
    number : int
        Of the network.
    inputs, outputs : int
        How many there are, without the constant.
    constant : int
        Which input is always 1.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], number: int, inputs: int, constant: int, outputs: int
    ) -> None:
        self._layers = [
            _Layer(arrays[f"weight{number}{n}"], arrays[f"bias{number}{n}"],
                   arrays[f"shift{number}{n}"], None if n else constant, last=n == _LAYERS - 1)
            for n in range(_LAYERS)
        ]  # fmt: skip
        sizes = [(layer.inputs, layer.outputs) for layer in self._layers]
        chain = [inputs, sizes[1][0], sizes[2][0], outputs]
        if sizes != list(zip(chain[:-1], chain[1:], strict=True)):
            raise ValueError("layers do not fit each other")

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Whole numbers, ``float32[outputs, n]``, for ``float32[inputs, n]`` with the constant."""
        hidden = inputs
        for layer in self._layers[:-1]:
            hidden = layer(hidden)
            np.maximum(hidden, 0, out=hidden)
            np.minimum(hidden, 127, out=hidden)
        return self._layers[-1](hidden)


class _Layer:
    """A linear map of integers, divided by a power of two for each output and rounded down.

    The bias is the weight of an input that is always 1, and the layer gives such an output to the
    next. What is divided are the weights: sums then have no more digits than before.
    """

    def __init__(
        self,
        weight: np.ndarray,
        bias: np.ndarray,
        shift: np.ndarray,
        constant: int | None,
        last: bool,
    ) -> None:
        if weight.ndim != 2 or bias.shape != shift.shape or bias.shape != weight.shape[1:]:
            raise ValueError("a layer has the wrong shape")
        largest = 127 * np.abs(weight).sum(axis=0) + np.abs(bias)
        if (largest >= _EXACT).any() or shift.min() < 0 or shift.max() > 24:
            raise ValueError("a layer is not exact")
        self.inputs, self.outputs = weight.shape
        constant = self.inputs if constant is None else constant  # which input is always 1
        matrix = np.insert(weight, constant, bias, axis=0)
        if not last:
            one = (np.arange(len(matrix)) == constant).astype(np.int64)
            matrix, shift = np.column_stack([matrix, one]), np.append(shift, 0)
        scaled = np.ldexp(matrix.astype(np.float32), -shift.astype(np.int32))
        self._matrix = np.ascontiguousarray(scaled.T.astype(np.float32))

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        out: np.ndarray = self._matrix @ inputs
        np.floor(out, out=out)
        return out


def _weights(frequencies: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if frequencies.shape != shape or frequencies.min() < 0 or frequencies.max() > TOTAL:
        raise ValueError("a table of frequencies has the wrong shape or range")
    return range_weights(frequencies)
