"""What an encoder sees of a block before it has chosen its transform blocks."""

from __future__ import annotations

import numpy as np

from . import mdct

__all__ = ["Spectra"]

_MARGIN = 1024


class Spectra:
    """Transforms of the same samples, each worked out once, however many ask for it.

    Parameters
    ----------
    samples : ndarray
        ``float64[channels, 1024 + n + 1024]``, in units of a 16-bit sample.
    """

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples
        self._found: dict[int, np.ndarray] = {}

    def of(self, size: int) -> np.ndarray:
        """Coefficients of transform blocks of one size, ``float64[channels, blocks, size]``.

        They must not be changed. Blocks of that size lie around them, too.
        """
        if size not in self._found:
            count = (self._samples.shape[1] - 2 * _MARGIN) // size
            found = mdct.forward(self._samples, np.full(count, size), size, size)
            self._found[size] = found.reshape(len(found), count, size)
        return self._found[size]
