"""Codes to samples where some tokens are lost: packets that never came, damaged blocks.

This room knows what to put in the place of what is missing. It knows nothing of packets, files or
sample rates. What it does is what measured best of several ways (``benchmarks/loss.py``):

- A lost token sounds like the last one: the decoder goes on from its own state. That is nearly
  what was said, as a token's sound reaches over several tokens.
- When a token arrives again soon, the decoder's state becomes the mean of two: that of having
  heard the token before the gap all the time, and that of having heard the one after it.
- After 67 ms the sound fades, within another 67 ms, to silence.
"""

from __future__ import annotations

import numpy as np

from .codec import Codec, TokenDecoder

__all__ = ["LOST", "ConcealingDecoder"]

LOST = -1
"""In place of its codes: this token is lost."""

_BRIDGED = 5
"""Tokens of a gap that are filled at full volume and bridged when it ends."""

_SILENT = 10
"""Tokens of a gap after which there is silence."""


class ConcealingDecoder:
    """A decoder of tokens, some of them lost, in rows that need not be in step.

    Parameters
    ----------
    codec : Codec
    rows : int
        Signals, each of one channel.
    """

    def __init__(self, codec: Codec, rows: int) -> None:
        self._network = TokenDecoder(codec, 1)
        self._codebooks, self._hop = codec.model.codebooks, codec.model.hop
        size = codec.model.decoder.state
        self._state = np.zeros((rows, size), np.float32)
        self._before = np.zeros((rows, size), np.float32)  # the state before a gap
        self._last = np.full((rows, self._codebooks), LOST, np.int32)  # codes before it
        self._gap = np.zeros(rows, np.int64)  # tokens lost since

    def reset(self, rows: slice = slice(None)) -> None:
        """Back to the start of a signal."""
        self._state[rows] = self._before[rows] = 0
        self._last[rows] = LOST
        self._gap[rows] = 0

    def copy_to(self, other: ConcealingDecoder) -> None:
        """Make `other`, of as many rows, go on from here."""
        for name in ("_state", "_before", "_last", "_gap"):
            getattr(other, name)[:] = getattr(self, name)

    def push(self, codes: np.ndarray) -> np.ndarray:
        """``[rows, any number of codebooks, n]`` to ``float32[rows, n * hop]``; n >= 1.

        A token whose first code is `LOST` is lost.
        """
        if not self._gap.any() and (codes[:, 0] != LOST).all():
            self._last[:] = LOST
            self._last[:, : codes.shape[1]] = codes[..., -1]
            samples, self._state = self._run(codes, self._state)
            return samples
        rows = np.arange(len(self._state))
        return np.concatenate([self.step(rows, step) for step in np.moveaxis(codes, 2, 0)], axis=1)

    def step(self, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """One token of some rows: ``[len(rows), any codebooks]`` to ``float32[len(rows), hop]``."""
        gap, state = self._gap[rows], self._state[rows]
        lost = codes[:, 0] == LOST
        heard = np.full((len(rows), self._codebooks), LOST, np.int32)
        heard[:, : codes.shape[1]] = codes
        opened = rows[lost & (gap == 0)]
        self._before[opened] = self._state[opened]
        ended = ~lost & (0 < gap) & (gap <= _BRIDGED)
        for length in np.unique(gap[ended]):
            bridged = ended & (gap == length)
            after = np.repeat(heard[bridged, :, None], length, axis=2)
            _, other = self._run(after, self._before[rows[bridged]])
            state[bridged] = (state[bridged] + other) / 2
        self._last[rows[~lost]] = heard[~lost]
        repeated = lost & (gap < _SILENT)
        heard[repeated] = self._last[rows[repeated]]
        samples, self._state[rows] = self._run(heard[:, :, None], state)
        self._gap[rows] = now = np.where(lost, gap + 1, 0)
        old, new = _volume(gap)[:, None], _volume(now)[:, None]
        if (old < 1).any() or (new < 1).any():
            samples = samples * (old + (new - old) * np.linspace(0, 1, self._hop, dtype=np.float32))
        return samples

    def _run(self, codes: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._network.state = state
        return self._network.push(codes), self._network.state


def _volume(gap: np.ndarray) -> np.ndarray:
    """How loud it is at the end of a gap's so many tokens."""
    return np.clip((_SILENT - gap) / (_SILENT - _BRIDGED), 0, 1).astype(np.float32)
