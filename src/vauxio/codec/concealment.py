"""Concealment: codes to samples if some tokens are lost, in packets or damaged blocks.

This module knows what replaces a lost token. It knows nothing of packets, files or sample rates.
The method had the best figures of several (``benchmarks/loss.py``):

- A lost token is replaced by the last one: the decoder continues from its own state. This is close
  to the original, because the sound of a token extends over several tokens.
- If a token arrives after a short gap, the decoder's state becomes the mean of two states: the one
  after the token before the gap in every place, and the one after the token that arrived.
- The sound of a lost token comes out later than the token, by the model's delay, when the tokens
  after it are known. There the decoder's output is mixed with the sound before it, repeated at its
  pitch.
- After 67 ms the sound fades to silence, within another 67 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..entropy.allocation import ABSENT
from ..model.models import Model
from ..model.networks import CPU, Providers
from .tokens import CHUNK, TokenDecoder

__all__ = ["LOST", "ConcealingDecoder"]

LOST = -2
"""In place of its codes: this token is lost. (Codes that are `ABSENT` are not: there are none.)"""

_BRIDGED = 5
"""Tokens of a gap that are filled at full volume and bridged when it ends."""

_SILENT = 10
"""Tokens of a gap after which there is silence."""

_PERIODS = 0.0025, 0.0175
"""Seconds of the shortest and the longest period of a voice."""

_SHARE = 0.6
"""Of the repeated sound in the mix, where it is periodic."""


class ConcealingDecoder:
    """Decodes tokens of which some are lost. Its rows advance independently.

    Parameters
    ----------
    model : Model
    rows : int
        Signals, each of one channel.
    threads : int, optional
    providers : tuple, optional
        Of the network.
    """

    def __init__(
        self, model: Model, rows: int, threads: int = 1, providers: Providers = CPU
    ) -> None:
        self._network = TokenDecoder(model, 1, threads, providers)
        self._codebooks, self._hop = model.codebooks, model.hop
        size = model.decoder.state
        self._state = np.zeros((rows, size), np.float32)
        self._before = np.zeros((rows, size), np.float32)  # the state before a gap
        self._last = np.full((rows, self._codebooks), LOST, np.int32)  # codes before it
        self._gap = np.zeros(rows, np.int64)  # tokens lost since
        rate, self._delay = model.samplerate, model.delay // model.hop
        self._periods = round(_PERIODS[0] * rate), round(_PERIODS[1] * rate)
        self._heard = np.zeros((rows, self._periods[1] + self._hop), np.float32)  # the last samples
        self._lost = np.zeros((rows, self._delay + 1), bool)  # the last tokens, newest first
        self._echoes: list[_Echo | None] = [None] * rows  # share of the echo that is mixed in now

    def reset(self, rows: slice = slice(None)) -> None:
        """Back to the start of a signal."""
        self._state[rows] = self._before[rows] = 0
        self._last[rows] = LOST
        self._gap[rows] = 0
        self._heard[rows] = 0
        self._lost[rows] = False
        self._echoes[rows] = [None] * len(self._echoes[rows])

    def copy_to(self, other: ConcealingDecoder) -> None:
        """Make `other`, of as many rows, go on from here."""
        for name in ("_state", "_before", "_last", "_gap", "_heard", "_lost", "_echoes"):
            getattr(other, name)[:] = getattr(self, name)

    def push(self, codes: np.ndarray) -> np.ndarray:
        """``[rows, any number of codebooks, n]`` to ``float32[rows, n * hop]``; n >= 1.

        A token whose first code is `LOST` is lost.
        """
        parts, at = [], 0
        lost = codes[:, 0] == LOST
        rows = np.arange(len(self._state))
        while at < codes.shape[2]:
            if count := _leading(~lost[:, at:].any(axis=0)) * (not self._lost.any()):
                parts.append(self._decode(codes[..., at : at + count]))
            elif count := _leading(lost[:, at:].all(axis=0)) * self._is_silent():
                parts.append(self._be_silent(count))
            else:
                count = 1
                parts.append(self.step(rows, codes[..., at]))
            at += count
        return np.concatenate(parts, axis=1)

    def step(self, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """One token of some rows: ``[len(rows), any codebooks]`` to ``float32[len(rows), hop]``."""
        lost = codes[:, 0] == LOST
        received = np.full((len(rows), self._codebooks), LOST, np.int32)
        received[:, : codes.shape[1]] = codes
        if lost.any() or self._lost[rows].any():
            samples = self._conceal(rows, received, lost, self._state[rows])
        elif np.array_equal(rows, np.arange(len(self._state))):  # nothing is copied
            self._last[:] = received
            samples, self._state = self._run(received[:, :, None], self._state)
        else:
            self._last[rows] = received
            samples, self._state[rows] = self._run(received[:, :, None], self._state[rows])
        self._remember(rows, samples)
        return samples

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        """Tokens of which none is lost, nor is any that is still heard."""
        self._last[:] = LOST
        self._last[:, : codes.shape[1]] = codes[..., -1]
        samples, self._state = self._run(codes, self._state)
        self._remember(slice(None), samples)
        return samples

    def _is_silent(self) -> bool:
        """Whether gaps are so long that nothing is heard while they go on."""
        return bool((self._gap >= _SILENT).all() and self._lost.all())

    def _be_silent(self, count: int) -> np.ndarray:
        """So many more lost tokens where there is silence, of which only the state is needed."""
        rows = len(self._state)
        for at in range(0, count, CHUNK):
            nothing = np.full((rows, 1, min(CHUNK, count - at)), ABSENT, np.int32)
            _, self._state = self._run(nothing, self._state)
        self._gap += count
        samples = np.zeros((rows, count * self._hop), np.float32)
        later = samples.shape[1]
        self._echoes = [echo and replace(echo, at=echo.at + later) for echo in self._echoes]
        self._remember(slice(None), samples)
        return samples

    def _conceal(
        self, rows: np.ndarray, received: np.ndarray, lost: np.ndarray, state: np.ndarray
    ) -> np.ndarray:
        gap = self._gap[rows]
        opened = rows[lost & (gap == 0)]
        self._before[opened] = self._state[opened]
        ended = ~lost & (0 < gap) & (gap <= _BRIDGED)
        for length in np.unique(gap[ended]):
            bridged = ended & (gap == length)
            after = np.repeat(received[bridged, :, None], length, axis=2)
            _, other = self._run(after, self._before[rows[bridged]])
            state[bridged] = (state[bridged] + other) / 2
        self._last[rows[~lost]] = received[~lost]
        repeated = lost & (gap < _SILENT)
        received[repeated] = self._last[rows[repeated]]
        samples, self._state[rows] = self._run(received[:, :, None], state)
        self._lost[rows, 1:] = self._lost[rows, :-1]
        self._lost[rows, 0] = lost
        for row, part in zip(rows, samples, strict=True):
            self._mix(row, part)
        self._gap[rows] = now = np.where(lost, gap + 1, 0)
        old, new = _volume(gap)[:, None], _volume(now)[:, None]
        rising = np.linspace(0, 1, self._hop, dtype=np.float32)
        faded: np.ndarray = samples * (old + (new - old) * rising)
        return faded

    def _mix(self, row: int, samples: np.ndarray) -> None:
        """Mix the echo into the samples of lost tokens, in place.

        A token is heard over two hops: it rises in the one and falls in the other.
        """
        falls, rises = self._lost[row, self._delay], self._lost[row, self._delay - 1]
        if not falls and not rises:
            return
        echo = self._echoes[row]
        if echo is None or not falls:
            echo = _echo(self._heard[row], self._hop, *self._periods)
        at = np.arange(echo.at, echo.at + self._hop)
        share = _volume(at / self._hop) * echo.share
        if not falls or not rises:
            ramp = np.sin(np.pi / 2 * np.linspace(0, 1, self._hop, dtype=np.float32)) ** 2
            share = share * (ramp if rises else ramp[::-1])
        samples += share * (echo.period[at % len(echo.period)] - samples)
        self._echoes[row] = _Echo(echo.period, echo.share, echo.at + self._hop) if rises else None

    def _remember(self, rows: np.ndarray | slice, samples: np.ndarray) -> None:
        kept = self._heard.shape[1]
        self._heard[rows] = np.concatenate([self._heard[rows], samples], axis=1)[:, -kept:]

    def _run(self, codes: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._network.state = state
        # The network gets a lost token as one without codes.
        return self._network.push(np.maximum(codes.astype(np.int32), ABSENT)), self._network.state


def _leading(flags: np.ndarray) -> int:
    """How many are true before the first that is not."""
    return len(flags) if flags.all() else int(flags.argmin())


@dataclass(frozen=True)
class _Echo:
    """One period of sound, from where it is repeated next, and how much of it is mixed in."""

    period: np.ndarray
    share: float
    at: int


def _echo(past: np.ndarray, length: int, shortest: int, longest: int) -> _Echo:
    """The period after which the last `length` samples repeat best."""
    end = past[-length:]
    windows = np.lib.stride_tricks.sliding_window_view(past, length)[: longest - shortest + 1]
    energies = np.einsum("ij,ij->i", windows, windows) * np.dot(end, end)
    likeness = windows @ end / np.sqrt(energies + 1e-9)
    best = int(likeness.argmax())
    share = _SHARE * min(1.0, max(0.0, 2 * float(likeness[best]) - 0.4))
    return _Echo(past[best - longest :].copy(), share, 0)


def _volume(gap: np.ndarray) -> np.ndarray:
    """Gain at the end of a gap of so many tokens."""
    return np.clip((_SILENT - gap) / (_SILENT - _BRIDGED), 0, 1).astype(np.float32)
