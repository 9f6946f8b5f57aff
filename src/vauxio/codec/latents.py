"""Latents: the output of the encoder before quantisation."""

from __future__ import annotations

import numpy as np

from ..model.graphs import vectors_of, with_latents
from ..model.models import Model
from ..model.networks import CPU, Providers
from .tokens import Stateful

__all__ = ["LatentEncoder", "embed"]


class LatentEncoder(Stateful):
    """Encodes samples at the model's rate to latents. Replaces a `TokenEncoder`.

    Parameters
    ----------
    model : Model
    channels : int
    threads : int, optional
    providers : tuple, optional
        Of the network.

    Attributes
    ----------
    empty : ndarray
        Latents of no token.
    """

    def __init__(
        self, model: Model, channels: int, threads: int = 1, providers: Providers = CPU
    ) -> None:
        network = with_latents(model)
        super().__init__(network, channels, threads, providers)
        self._output = network.output
        self.empty = np.empty((channels, vectors_of(model).silence.size, 0), np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[channels, n * hop]`` to ``float32[channels, latent_dim, n]``."""
        session = self._network.open(self._threads, self._providers)
        feeds = {"pcm": np.ascontiguousarray(samples), "state": self.state}
        latents, self.state = session.run([self._output, "next_state"], feeds)
        given: np.ndarray = latents.transpose(0, 2, 1)
        return given


def embed(codebooks: np.ndarray, silence: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Codes ``[..., codebooks, tokens]`` to latents ``float32[..., latent_dim, tokens]``.

    Parameters
    ----------
    codebooks, silence : ndarray
        As of `model.graphs.Vectors`.
    codes : ndarray
        Negative where there is none.
    """
    out = np.zeros((*codes.shape[:-2], codes.shape[-1], silence.size), np.float32)
    for k in range(codes.shape[-2]):
        row = codes[..., k, :]
        out += np.where((row >= 0)[..., None], codebooks[k][np.maximum(row, 0)], 0)
    out[codes[..., 0, :] < 0] = silence
    return np.moveaxis(out, -1, -2)
