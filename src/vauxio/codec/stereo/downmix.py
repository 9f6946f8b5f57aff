"""Samples of pairs of channels to main and side channels, and the values that turn them back."""

from __future__ import annotations

import math

import numpy as np

from ...entropy.allocation import WINDOW
from ...model.models import Model
from ..bandwidth_extension import Bands, levels_of, ranges_of
from ..spectrum import HOP, Analysis, Synthesis
from .choice import choose, cost_of
from .layout import Stereo, pairs_of, turns

__all__ = ["Downmixer"]

_HALF = np.float32(np.sqrt(0.5))


class Downmixer:
    """Samples, pushed in pieces of any size, to samples of main and side channels.

    What is chosen depends on no more than a window of bit allocation, and work is done on whole
    ones: neither pieces nor where it begins make a difference.

    Parameters
    ----------
    model : Model
    channels : int
        The last of an odd number is no part of a pair.
    bands : Bands
        Those above the model's: samples are of twice its rate if there are any.
    stereo : Stereo
    price : float
        As of `choice.choose`.
    begin : int, optional
        The token to begin with, of a whole window.
    most : float, optional
        Bits of a token that the values of a pair may take: the price rises until it is so.

    Attributes
    ----------
    factor : int
        Of the rate of the samples that are pushed, over the model's.
    first : int
        The sample to begin with.
    costs : list of ndarray
        Of windows whose values are chosen, how many bits these take, about: of each pair.
    """

    def __init__(
        self, model: Model, channels: int, bands: Bands, stereo: Stereo, price: float,
        begin: int = 0, most: float = math.inf,
    ) -> None:  # fmt: skip
        self.factor = 2 if bands.count else 1
        self.costs: list[np.ndarray] = []
        self._channels, self._pairs = channels, pairs_of(channels)
        self._bands, self._stereo, self._price, self._most = bands, stereo, price, most
        self._delay = model.delay // model.hop  # tokens until a decoder has what was pushed
        self._analysis = Analysis(channels, self.factor)
        self._coded = stereo.coded(channels)
        self._synthesis = Synthesis(len(self._coded))
        top = bands.edges[-1] if bands.count else HOP
        self._starts = stereo.starts(top)
        self._top = top
        self._samples = np.empty((channels, 0), np.float32)  # that make no window yet
        self._window = begin  # the token that it begins with
        self._token = begin or self._delay  # of the first of them, where a decoder has it
        self._begin = begin * HOP  # samples that are not given
        self._given = (self._token - self._delay - 1) * HOP  # samples that are known
        self._before = begin > 0  # whether those of the token before are to come
        self.first = max(0, self._given) * self.factor
        self._values: list[np.ndarray] = []
        self._levels: list[np.ndarray] = []

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[n, channels]`` to the ``float32[m, channels]`` that it completes."""
        parts = [np.empty((0, self._channels), np.float32)]
        self._samples = np.concatenate([self._samples, samples.T], axis=1)
        if self._before and self._tokens_there():
            self._analyse(1)
            self._before = False
        while not self._before and self._tokens_there() >= self._window + WINDOW - self._token:
            parts.append(self._turn(self._window + WINDOW - self._token, WINDOW))
        return np.concatenate(parts)

    def finish(self, tokens: int) -> np.ndarray:
        """The rest of the samples of so many tokens, counted from the signal's first."""
        missing = (tokens + 1 + self._delay - self._token + self._before) * HOP * self.factor
        silence = max(0, missing - self._samples.shape[1])
        out = self.push(np.zeros((silence, self._channels), np.float32))
        left = tokens - self._window
        if count := self._tokens_there():
            out = np.concatenate([out, self._turn(count, max(1, left), left > 0)])
        return out[: len(out) - max(0, self._given - tokens * HOP)]

    def take(self) -> tuple[np.ndarray | None, np.ndarray]:
        """What has been found since: levels ``uint8[channels, bands, m]`` and values
        ``uint8[pairs, 2, bands, n]``, of whole spans each. No levels if there are no bands."""
        values = [np.empty((self._pairs, 2, len(self._starts), 0), np.uint8), *self._values]
        levels = [np.empty((self._channels, self._bands.count, 0), np.uint8), *self._levels]
        self._values, self._levels = [], []
        found = np.concatenate(levels, axis=2) if self._bands.count else None
        return found, np.concatenate(values, axis=3)

    def _tokens_there(self) -> int:
        return self._samples.shape[1] // (HOP * self.factor)

    def _analyse(self, count: int) -> np.ndarray:
        """Coefficients ``float32[channels, count, top]`` of what waits."""
        size = count * HOP * self.factor
        samples, self._samples = self._samples[:, :size], self._samples[:, size:]
        return self._analysis.push(samples)[..., : self._top]

    def _turn(self, count: int, tokens: int, new: bool = True) -> np.ndarray:
        """Turn so many tokens of samples, of which a window has `tokens`.

        Not `new` where the signal's last tokens are those of the window before.
        """
        waiting = self._analyse(count)
        at = np.minimum(np.arange(count) + self._token - self._window, tokens - 1)
        within = np.arange(count) + self._token - self._window < tokens
        if new:
            self._last = self._choose(waiting[:, within], at[within], tokens)
        turned = waiting.copy()
        for pair, values in enumerate(self._last):
            left, right = waiting[2 * pair : 2 * pair + 2]
            spans = np.minimum(at // self._stereo.span, values.shape[2] - 1) if new else -1 + 0 * at
            cosine, sine, _ = (self._spread(part.T[spans]) for part in turns(values))
            turned[2 * pair] = _HALF * (cosine * left + sine * right)
            turned[2 * pair + 1] = _HALF * (cosine * right - sine * left)
            turned[2 * pair + 1, :, self._stereo.side :] = 0
        if self._bands.count:
            if new:
                self._levels.append(self._measure(turned[:, within], at[within], tokens))
            turned[..., self._bands.edges[0] :] = 0  # where the extension begins
        self._token += count
        self._window += tokens
        samples = np.zeros((count * HOP, self._channels), np.float32)
        samples[:, self._coded] = self._synthesis.push(turned[self._coded, :, :HOP]).T
        before = min(len(samples), max(0, self._begin - self._given))
        self._given += len(samples)
        return samples[before:]

    def _choose(self, waiting: np.ndarray, at: np.ndarray, tokens: int) -> np.ndarray:
        """Values ``uint8[pairs, 2, bands, spans]`` of a window."""
        share = _shares(at // self._stereo.span, -(-tokens // self._stereo.span))
        values = np.empty((self._pairs, 2, len(self._starts), len(share)), np.uint8)
        costs = np.empty(self._pairs)
        for pair in range(self._pairs):
            left, right = waiting[2 * pair : 2 * pair + 2]
            products = left * left, right * right, left * right
            powers = [share @ np.add.reduceat(x, self._starts, axis=1) for x in products]
            values[pair] = choose(
                np.stack(powers).transpose(0, 2, 1), self._starts, self._price, self._stereo.side,
                self._most * tokens,
            )  # fmt: skip
            costs[pair] = cost_of(values[pair])
        self._values.append(values)
        self.costs.append(costs)
        return values

    def _measure(self, turned: np.ndarray, at: np.ndarray, tokens: int) -> np.ndarray:
        """Levels ``uint8[channels, bands, spans]`` of a window, of main channels."""
        powers = np.stack([np.square(turned[..., slice(*ends)]).mean(axis=2)
                           for ends in ranges_of(self._bands)], axis=2)  # fmt: skip
        means = _shares(at // self._bands.span, -(-tokens // self._bands.span)) @ np.sqrt(powers)
        levels: np.ndarray = levels_of(np.square(means)).transpose(0, 2, 1)
        levels[1 : 2 * self._pairs : 2] = 0
        return levels

    def _spread(self, bands: np.ndarray) -> np.ndarray:
        return np.repeat(bands, np.diff(self._starts, append=self._top), axis=1)


def _shares(at: np.ndarray, spans: int) -> np.ndarray:
    """Of tokens that lie in the spans `at`, what each is of their mean: ``float64[spans, n]``."""
    there = at == np.arange(spans)[:, None]
    return np.asarray(there / np.maximum(there.sum(axis=1, keepdims=True), 1))
