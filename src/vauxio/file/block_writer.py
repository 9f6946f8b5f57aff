"""Codes to the blocks of a ``.vx`` file.

This module fills blocks. It knows nothing of samples or networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import container
from ..codec import bandwidth_extension
from ..codec.spectral_decoder import bands_with_values
from ..codec.stereo.layout import NO_STEREO, Stereo, pairs_of
from ..codec.stereo.parameters import encode_parameters
from ..entropy import allocation, coders
from ..model.models import Model
from .coder_choice import best_coder

__all__ = ["TokenWriter", "block_tokens"]

_BLOCK_SECONDS = 10  # about
_ALONE = 1.5  # blocks: a recording of up to this length is one block; a short second one costs bits


def block_tokens(model: Model, tokens: int | None = None) -> int:
    """Tokens in a full block: whole windows of bit allocation, and so whole spans of levels too.

    Parts of a file, which begin between blocks, give the same bits then. `tokens` is how many the
    file will have, if that is known.
    """
    usual = round(_BLOCK_SECONDS * model.token_rate / allocation.WINDOW) * allocation.WINDOW
    alone = int(_ALONE * usual)
    return alone if tokens is not None and usual < tokens <= alone else usual


class TokenWriter:
    """Codes into blocks of about ten seconds, each written as soon as it is full.

    Parameters
    ----------
    file : BinaryIO
        Never sought; not closed.
    model : Model
    samplerate, channels, codebooks : int
    tags : mapping of str to str
    pictures : sequence of container.Picture
    lm : bool
        False for plain bit packing, without a probability model.
    variable : bool, optional
        Whether some codes may be absent.
    bands : bandwidth_extension.Bands, optional
        Those above the model's whose levels come with the codes.
    tokens : int, optional
        How many there will be, if that is known: up to fifteen seconds of them are one block.
    frames : int, optional
        How many there will be, if that is known: for the header.
    foreign : sequence of container.Foreign, optional
    stereo : Stereo, optional
        How pairs of channels are coded, whose values come with the codes.

    Attributes
    ----------
    header : container.Header
    model : Model
    """

    def __init__(
        self,
        file: Any,
        model: Model,
        samplerate: int,
        channels: int,
        codebooks: int,
        tags: Mapping[str, str],
        pictures: Sequence[container.Picture],
        lm: bool,
        variable: bool = False,
        bands: bandwidth_extension.Bands = bandwidth_extension.NO_BANDS,
        tokens: int | None = None,
        frames: int | None = None,
        foreign: Sequence[container.Foreign] = (),
        stereo: Stereo = NO_STEREO,
    ) -> None:
        self._packer = coders.PackedCoder(model.code_bits)
        self._coder = best_coder(model, codebooks) if lm else self._packer
        self._block_tokens = block_tokens(model, tokens)
        self._waiting = np.empty((channels, codebooks, 0), np.uint16)
        self._levels = np.empty((channels, bands.count, 0), np.uint8)
        self._bands = bands
        shape = pairs_of(channels), 2, bands_with_values(bands, stereo), 0
        self._values = np.empty(shape, np.uint8)
        self.model = model
        self.header = container.Header(
            model=model.name,
            code_space=model.code_space,
            coder=self._coder.id,
            coder_hash=self._coder.hash,
            samplerate=samplerate,
            channels=channels,
            frames=frames,
            codebooks=codebooks,
            code_bits=model.code_bits,
            block_tokens=self._block_tokens,
            tags=tags,
            pictures=tuple(pictures),
            allocation_tokens=allocation.SPAN if variable else 0,
            bands=bands.count,
            fine=bands.fine,
            foreign=tuple(foreign),
            stereo_tokens=stereo.span,
            stereo_resolution=stereo.resolution,
            side=stereo.side,
        )
        self._writer = container.Writer(file, self.header)

    def push(
        self, codes: np.ndarray, levels: np.ndarray | None = None, values: np.ndarray | None = None
    ) -> None:
        """Codes ``uint16[channels, codebooks, n]`` that follow the last; variable: ``int32``.

        `levels` are those of `bandwidth_extension.Meter`, `values` those of `stereo.Downmixer`.
        Neither may come later than the codes.
        """
        if values is not None:
            self._values = np.concatenate([self._values, values], axis=3)
        if levels is not None:
            self._levels = np.concatenate([self._levels, levels], axis=2)
        waiting = np.concatenate([self._waiting, codes], axis=2)
        while waiting.shape[2] >= self._block_tokens:
            self._write(waiting[..., : self._block_tokens])
            waiting = waiting[..., self._block_tokens :]
        self._waiting = waiting

    def finish(self, frames: int) -> None:
        """Write the last block, then the trailer."""
        if self._waiting.shape[2]:
            self._write(self._waiting)
        self._writer.close(frames)

    def _write(self, codes: np.ndarray) -> None:
        codes = np.ascontiguousarray(codes)
        coder = self._coder
        payload = coder.encode(codes)
        counts = allocation.allocation_of(codes)
        if len(payload) > -(-int(counts.sum()) * self._packer.code_bits // 8):
            coder = self._packer
            payload = coder.encode(codes)
        spans = -(-codes.shape[2] // self._bands.span)
        levels, self._levels = self._levels[..., :spans], self._levels[..., spans:]
        stereo = b""
        if self.header.stereo_tokens:
            spans = -(-codes.shape[2] // self.header.stereo_tokens)
            stereo = encode_parameters(self._values[..., :spans])
            self._values = self._values[..., spans:]
        span = self.header.allocation_tokens
        most = self.header.codebooks
        block = container.Block(
            tokens=codes.shape[2],
            coder=coder.id,
            codes_crc=coders.codes_crc(codes),
            payload=payload,
            allocation=allocation.encode_allocation(counts, span, most) if span else b"",
            levels=bandwidth_extension.encode_levels(levels),
            stereo=stereo,
        )
        self._writer.write(block)
