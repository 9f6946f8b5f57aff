"""Speech of few bits, made to sound more like what it was: a network after the decoder.

It hears what was decoded and what of it was coded, and answers with what to add. No coded value
depends on it, so a decoder may do without it, as those of Opus may without theirs (Büthe et al.,
"NoLACE", 2024).
"""

from __future__ import annotations

import numpy as np

from ...model.networks import Enhancement
from ..tokens import Stateful

__all__ = ["Enhancer", "reach"]

_PIECE = 64  # hops: what the network is given at once; it begins at multiples of it
_FADE = 480  # samples over which speech that begins or ends among other sounds gets its change


def reach(network: Enhancement) -> int:
    """How many samples before a sample it depends on."""
    return network.delay + _FADE


class Enhancer:
    """Push samples, get as many in all, later while there is speech.

    Parameters
    ----------
    network : Enhancement
    channels : int
        Each is enhanced by itself.
    position : int, optional
        Where in the file the first sample is. Samples more than `reach` after it are what they are
        in the whole, bit for bit.
    """

    def __init__(self, network: Enhancement, channels: int, position: int = 0) -> None:
        self._network, self._channels = network, channels
        self._stateful = Stateful(network, channels, threads=1)
        self._piece = _PIECE * network.hop
        self._position = position  # of the next sample
        self._sound = np.zeros((channels, 0))  # that waits for its change
        self._input: np.ndarray | None = None  # that waits for the network; None between speech

    def push(self, sound: np.ndarray, coded: np.ndarray | None) -> np.ndarray:
        """The next samples, ``float64[channels, m]``.

        Parameters
        ----------
        sound : ndarray
            ``float64[channels, n]``
        coded : ndarray or None
            The same without noise. None where it is no speech of few bits: it stays as it is.
        """
        self._position += sound.shape[1]
        if coded is None:
            return np.concatenate([self.finish(), sound], axis=1)
        if self._input is None:
            self._speak(self._position - sound.shape[1])
        self._sound = np.concatenate([self._sound, sound], axis=1)
        return self._give(self._run(np.stack([sound, coded], axis=1)))

    def finish(self) -> np.ndarray:
        """The samples that are left, ``float64[channels, m]``."""
        if self._input is None:
            return self._sound
        left = self._sound.shape[1]
        silence = np.zeros((self._channels, 2, self._early + left + self._piece))
        change = self._run(silence)[:, :left]
        change *= np.minimum(np.arange(left, 0, -1) / _FADE, 1)
        self._input = None
        return self._give(change)

    def _speak(self, position: int) -> None:
        """Speech begins: after silence, so that pieces are where they are in the whole file."""
        before = self._piece + position % self._piece
        self._input = np.zeros((self._channels, 2, before))
        self._early = before + self._network.delay  # what the network gives before the first change
        self._changed = 0
        self._stateful.reset()

    def _run(self, more: np.ndarray) -> np.ndarray:
        """Changes ``float64[channels, n]`` that the network makes of what it is given."""
        waiting = np.concatenate([self._input, more], axis=2)
        end = waiting.shape[2] // self._piece * self._piece
        self._input = waiting[:, :, end:]
        pieces = np.split(waiting[:, :, :end].astype(np.float32), end // self._piece or 1, axis=2)
        given = [self._stateful.run("parts", piece) for piece in pieces if piece.shape[2]]
        change = np.concatenate([np.zeros((self._channels, 0)), *given], axis=1)
        early = min(self._early, change.shape[1])
        self._early -= early
        return change[:, early:]

    def _give(self, change: np.ndarray) -> np.ndarray:
        count = change.shape[1]
        change *= np.minimum(np.arange(self._changed, self._changed + count) / _FADE, 1)
        self._changed += count
        given, self._sound = self._sound[:, :count], self._sound[:, count:]
        return np.asarray(given + change)
