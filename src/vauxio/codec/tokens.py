"""Networks and the state that they carry: whole tokens in, whole tokens out.

This module feeds the networks. It knows nothing of sample rates, delay or where a signal begins.
"""

from __future__ import annotations

import numpy as np

from ..entropy.allocation import ABSENT, Allocation, cut
from ..model.models import Model
from ..model.networks import CPU, Network, Providers

__all__ = ["CHUNK", "Stateful", "TokenDecoder", "TokenEncoder"]

CHUNK = 150
"""Tokens that go through a network at once: long enough to be fast, short enough to stay small.
The encoder is given whole windows of bit allocation instead."""


class Stateful:
    """A network and the state that it carries from one call to the next.

    Attributes
    ----------
    state : ndarray
        ``float32[rows, network.state]``; zeros at the start of a signal.
    """

    def __init__(
        self, network: Network, rows: int, threads: int, providers: Providers = CPU
    ) -> None:
        self._network, self._threads, self._providers = network, threads, providers
        self.state = np.zeros((rows, network.state), np.float32)

    def reset(self) -> None:
        """Back to the start of a signal."""
        self.state = np.zeros_like(self.state)

    def run(self, name: str, values: np.ndarray, **options: int) -> np.ndarray:
        """The output for the input of that name; the state goes on.

        `options` are inputs that a network may have or not.
        """
        return self.run_all(name, values, **options)[0]

    def run_all(self, name: str, values: np.ndarray, **options: int) -> list[np.ndarray]:
        """As `run`: all outputs that a network has, but the state."""
        session = self._network.open(self._threads, self._providers)
        feeds = {name: np.ascontiguousarray(values), "state": self.state}
        for option in session.get_overridable_initializers():
            if option.name in options:
                feeds[option.name] = np.array(options[option.name], np.int64)
        result, self.state, *more = session.run(None, feeds)
        return [result, *more]


class TokenEncoder(Stateful):
    """Samples at the model's rate to codes, any whole number of tokens at a time.

    Parameters
    ----------
    model : Model
    channels : int
        Each is coded by itself: one row of the batch.
    allocation : Allocation
        How many codes are given. Windows and spans are those of a push.
    threads : int, optional
    providers : tuple, optional
        Of the network.
    """

    def __init__(
        self,
        model: Model,
        channels: int,
        allocation: Allocation,
        threads: int = 1,
        providers: Providers = CPU,
    ) -> None:
        super().__init__(model.encoder, channels, threads, providers)
        self._allocation = allocation

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[channels, n * hop]`` to ``uint16[channels, codebooks, n]``; n >= 1.

        Where some may be absent, ``int32`` with `ABSENT`.
        """
        return self.choose(*self.search(samples))

    def search(self, samples: np.ndarray) -> list[np.ndarray]:
        """What `choose` chooses from: codes and, where some may be absent, their distortion."""
        codebooks = self._allocation.codebooks
        if not self._allocation.variable:
            return [self.run("pcm", samples, codebooks=codebooks)]
        return self.run_all("pcm", samples, codebooks=codebooks)

    def choose(self, codes: np.ndarray, distortion: np.ndarray | None = None) -> np.ndarray:
        """Those codes that are to be kept."""
        codes = codes[:, : self._allocation.codebooks]
        if distortion is None:
            return codes.astype(np.uint16)
        return cut(codes, self._allocation.choose(distortion))


class TokenDecoder(Stateful):
    """Codes to samples at the model's rate, `Model.delay` samples late.

    Parameters
    ----------
    model : Model
    channels : int
    threads : int, optional
    providers : tuple, optional
        Of the network.
    """

    def __init__(
        self, model: Model, channels: int, threads: int = 1, providers: Providers = CPU
    ) -> None:
        super().__init__(model.decoder, channels, threads, providers)
        self._codebooks = model.codebooks

    def push(self, codes: np.ndarray) -> np.ndarray:
        """``[channels, any number of codebooks, n]`` to ``float32[channels, n * hop]``; n >= 1.

        Codes may be absent.
        """
        channels, given, tokens = codes.shape
        all_codes = np.full((channels, self._codebooks, tokens), ABSENT, np.int32)
        all_codes[:, :given] = codes
        return self.run("codes", all_codes)
