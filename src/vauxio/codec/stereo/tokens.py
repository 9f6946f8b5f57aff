"""Codes of main channels and of sides, which have bits of their own each."""

from __future__ import annotations

import numpy as np

from ...entropy.allocation import ABSENT, Allocation, cut
from ...model.models import Model
from ...model.networks import CPU, Providers
from ..tokens import TokenEncoder
from .downmix import Downmixer
from .layout import pairs_of
from .rates import Plan

__all__ = ["JointTokenEncoder"]


class JointTokenEncoder:
    """In the place of a `TokenEncoder`, behind a `Downmixer`; a window at a time.

    Parameters
    ----------
    model : Model
    channels : int
    plan : Plan
    downmixer : Downmixer
        Which tells what values take.
    threads : int, optional
    providers : tuple, optional

    Attributes
    ----------
    empty : ndarray
        Codes of no token.
    """

    def __init__(
        self, model: Model, channels: int, plan: Plan, downmixer: Downmixer, threads: int = 1,
        providers: Providers = CPU,
    ) -> None:  # fmt: skip
        self._coded = plan.stereo.coded(channels)
        searched = Allocation(plan.codebooks)  # of all codes, with what each is worth
        self._encoder = TokenEncoder(model, len(self._coded), searched, threads, providers)
        self._plan, self._downmixer, self._bits = plan, downmixer, model.code_bits
        self._pairs = pairs_of(channels)
        self.empty = np.empty((channels, plan.codebooks, 0), np.int32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[channels, n * hop]`` to ``int32[channels, codebooks, n]``."""
        codes, distortion = self._encoder.search(samples[self._coded])
        out = np.full((len(samples), self.empty.shape[1], codes.shape[2]), ABSENT, np.int32)
        spent = np.zeros(len(samples))
        spent[: 2 * self._pairs : 2] = self._downmixer.costs.pop(0) / self._bits
        for row, ch in enumerate(self._coded):
            plan = self._plan
            of_pair = plan.side if ch % 2 else plan.allocation
            allocation = of_pair if ch < 2 * self._pairs else plan.alone
            assert allocation is not None
            counts = allocation.choose(distortion[row : row + 1], spent[ch : ch + 1])
            out[ch] = cut(codes[row : row + 1, : out.shape[1]], counts)[0]
        return out
