"""What the blocks of a ``.vx`` file hold: codes, and what is coded beside them, all checked.

This module knows models and entropy coders. It does not know where blocks are in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import container
from ..codec import bandwidth_extension
from ..codec.spectral_decoder import bands_with_values
from ..codec.spectrum import HOP
from ..codec.stereo.layout import Stereo, pairs_of
from ..codec.stereo.parameters import decode_parameters
from ..entropy import allocation, coders
from ..errors import ChecksumError, FormatError, ModelError, UnsupportedError
from ..model.installed import find_model, find_transform
from ..model.models import Model, Transform
from .coder_choice import lm_coder

__all__ = ["BlockDecoder", "Contents"]

_MOST_SECONDS = 20  # of a block: to reach its last second, all of it has to be decoded


class Contents(NamedTuple):
    """What a block holds.

    Attributes
    ----------
    codes : ndarray
        ``[channels, codebooks, tokens]``; negative where one is absent or lost.
    levels : ndarray or None
        Of bands above the model's, ``uint8[channels, bands, tokens]``; None where they are lost.
    values : ndarray or None
        Differences and coherences of joint stereo, ``uint8[pairs, 2, bands, tokens]``; None where
        they are lost.
    """

    codes: np.ndarray
    levels: np.ndarray | None = None
    values: np.ndarray | None = None


class BlockDecoder:
    """Decodes the blocks of one file. The model is looked for when it is first needed.

    Parameters
    ----------
    header : container.Header
    """

    def __init__(self, header: container.Header) -> None:
        self._header = header
        self._model: Model | None = None
        self._transform: Transform | None = None
        self._coders: dict[int, coders.Coder] = {}

    @property
    def model(self) -> Model:
        """The model that decodes this file; `ModelError` if it is not installed."""
        if self._model is None:
            header = self._header
            if header.rate:
                raise FormatError(f"a file of {header.model}, which has no codes")
            model = find_model(header.model, header.code_space)
            if header.code_bits != model.code_bits or header.codebooks > model.codebooks:
                raise FormatError(
                    f"{header.codebooks} codebooks of {header.code_bits} bits: "
                    f"{model.name} has {model.codebooks} of {model.code_bits}"
                )
            if header.block_tokens > _MOST_SECONDS * model.token_rate:
                raise FormatError(
                    f"blocks of {header.block_tokens / model.token_rate:.0f} s: at most "
                    f"{_MOST_SECONDS} s are allowed"
                )
            bandwidth_extension.check_bands(model, self.bands)
            if self.stereo and model.hop != HOP:
                raise FormatError(f"joint stereo of {model.name}, whose tokens are not of {HOP}")
            self._find_coder(model)
            self._model = model
        return self._model

    @property
    def transform(self) -> Transform:
        """The transform codec that decodes this file; `ModelError` if it is not installed."""
        if self._transform is None:
            header = self._header
            if not header.rate or header.coder != coders.TRANSFORM:
                raise UnsupportedError(f"entropy coder {header.coder}: needs a newer vauxio")
            transform = find_transform(header.model, header.code_space)
            if header.coder_hash != transform.tables.hash:
                raise ModelError(f"needs the tables {header.coder_hash.hex()} of {header.model}")
            self._transform = transform
        return self._transform

    @property
    def bands(self) -> bandwidth_extension.Bands:
        """Bands above the model's that have levels."""
        return bandwidth_extension.Bands(self._header.bands, self._header.fine)

    @property
    def stereo(self) -> Stereo:
        """How pairs of channels are coded."""
        header = self._header
        return Stereo(header.stereo_tokens, header.stereo_resolution, header.side)

    @property
    def together(self) -> int:
        """Number of blocks that are best decoded together."""
        self.model  # noqa: B018  which finds the header's coder
        coder = self._coders.get(self._header.coder)
        return 1 if coder is None else max(1, coder.rows // self._header.channels)

    def decode(self, coder: int, blocks: Sequence[container.Block]) -> list[np.ndarray]:
        """The codes of blocks that have the same entropy coder, not yet checked."""
        header = self._header
        return self._coder(coder).decode(
            [(block.payload, block.tokens) for block in blocks],
            header.channels,
            header.codebooks,
            [self.allocation(block) for block in blocks] if header.allocation_tokens else None,
        )

    def allocation(self, block: container.Block) -> np.ndarray:
        """How many codes the tokens of a block have, ``uint8[channels, tokens]``."""
        header = self._header
        if not header.allocation_tokens:
            return np.full((header.channels, block.tokens), header.codebooks, np.uint8)
        found = allocation.decode_allocation(
            block.allocation, header.allocation_tokens, header.channels, block.tokens,
            header.codebooks,
        )  # fmt: skip
        paired = 2 * pairs_of(header.channels)
        if self.stereo and not header.side and found[1:paired:2].any():
            raise FormatError("codes of sides, which are not coded")
        if len(block.payload) > -(-int(found.sum(dtype=np.int64)) * header.code_bits // 8):
            raise FormatError("larger than its codes plainly packed")
        return found

    def contents(self, index: int, block: container.Block, codes: np.ndarray) -> Contents:
        """The codes of a block with what is coded beside them.

        Raises
        ------
        FormatError
            If they are not those that were written.
        """
        header = self._header
        if coders.codes_crc(codes) != block.codes_crc:
            raise ChecksumError(
                f"block {index}: decoded to codes with a wrong checksum; "
                "the file is damaged or was written with another model"
            )
        if codes.size and int(codes.max()) >= self.model.codebook_size:
            raise FormatError(f"block {index}: a code is beyond the model's codebooks")
        levels = values = None
        if header.bands:
            levels = bandwidth_extension.decode_levels(
                block.levels, header.channels, self.bands, block.tokens
            )
        if self.stereo:
            span = header.stereo_tokens
            spans = -(-block.tokens // span)
            found = decode_parameters(
                block.stereo, pairs_of(header.channels),
                bands_with_values(self.bands, self.stereo), spans,
            )  # fmt: skip
            values = np.repeat(found, span, axis=3)[..., : block.tokens]
        return Contents(codes, levels, values)

    def _find_coder(self, model: Model) -> None:
        """Find the entropy coder; `ModelError` if the file needs other probabilities."""
        header = self._header
        coder: coders.Coder
        if header.coder == coders.STATIC:
            what, coder = "static table", coders.StaticCoder(model.static_table())
        elif header.coder == coders.LM:
            if model.lm is None:
                raise ModelError(
                    f"needs a language model of {model.name}, which is not installed; "
                    "install the version of vauxio that wrote the file"
                )
            what, coder = "language model", lm_coder(model, model.lm)
        else:
            return
        if coder.hash != header.coder_hash:
            raise ModelError(
                f"needs the {what} {header.coder_hash.hex()} of {model.name}, "
                f"the one installed is {coder.hash.hex()}; install the version of vauxio "
                "that wrote the file"
            )
        self._coders[header.coder] = coder

    def _coder(self, number: int) -> coders.Coder:
        self.model  # noqa: B018  which finds the header's coder
        if number == coders.PACKED and number not in self._coders:
            self._coders[number] = coders.PackedCoder(self._header.code_bits)
        if number not in self._coders:
            raise UnsupportedError(f"a block of entropy coder {number}: needs a newer vauxio")
        return self._coders[number]
