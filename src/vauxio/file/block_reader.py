"""The blocks of a ``.vx`` file to codes, addressed by token.

This module finds blocks and checks what they hold. It knows nothing of samples or networks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import container
from ..audio import pcm
from ..codec import bandwidth_extension
from ..codec.concealment import LOST
from ..codec.spectral_decoder import bands_with_values
from ..codec.spectrum import HOP
from ..codec.stereo.layout import HELD, Stereo, pairs_of
from ..codec.stereo.parameters import decode_parameters
from ..entropy import allocation, coders
from ..errors import (
    AudioError,
    ChecksumError,
    FormatError,
    ModelError,
    TruncatedError,
    UnsupportedError,
)
from ..model.grid import Grid
from ..model.installed import find_model, find_transform
from ..model.models import Model, Transform
from .coder_choice import lm_coder

__all__ = ["TokenReader"]

_MOST_SECONDS = 20  # of a block: who wants a second of it has to decode it from its beginning
_LEAST_TOKENS = 64  # of a block that is not the last: each takes steps before its first token
_COUNTED = 1 << 20  # tokens that `TokenReader.count_allocation` counts, about


class TokenReader:
    """Codes by token number: at random in a seekable file, in order from a pipe.

    Parameters
    ----------
    file : BinaryIO
        Not closed.
    conceal : bool, optional
        Where a block is damaged, give tokens that are lost (`concealment.LOST`), and go on.

    Attributes
    ----------
    header : container.Header
    seekable : bool
    complete : bool
        Whether the file has its end. From a pipe, False until that has been read.
    damage : dict of int to FormatError
        By number, the blocks that were asked for and are damaged.
    lost : FormatError or None
        What is wrong with tags or pictures, which were left out then.

    Raises
    ------
    FormatError
        If it is not a ``.vx`` file, or one of a rate or channel count beyond the limits.
    """

    def __init__(self, file: Any, conceal: bool = False) -> None:
        self._reader = container.Reader(file, strict=not conceal)
        self._conceal = conceal
        self.damage: dict[int, FormatError] = {}
        self.lost = self._reader.lost
        self.header = header = self._reader.header
        self.seekable = self._reader.seekable
        try:
            pcm.check_format(header.samplerate, header.channels)
        except AudioError as e:
            raise UnsupportedError(f"{e} in this version") from None
        self._model: Model | None = None
        self._transform: Transform | None = None
        self._coders: dict[int, Any] = {}
        self._first = 0  # token that _codes begins with
        self._following, self._together = 0, 0  # the block after those in _codes; their number
        self._codes = np.empty((header.channels, header.codebooks, 0), np.uint16)
        self._levels: dict[int, np.ndarray] = {}  # of the blocks in _codes that are not damaged
        self._found: dict[int, np.ndarray] = {}  # the same of those that are being loaded
        self._values: dict[int, np.ndarray] = {}  # of joint stereo, the same
        self._found_values: dict[int, np.ndarray] = {}
        # From a pipe, one block is read ahead: only so is the last one known to be the last.
        self._sequence = None if self.seekable else iter(self._reader)
        self._index = 0  # of the next block in the sequence
        self._ahead: tuple[int, container.Block | FormatError] | None = None
        self._cut_off = False
        if self._sequence is not None:
            self._read_ahead()

    @property
    def model(self) -> Model:
        """The model that decodes this file; `ModelError` if it is not installed."""
        if self._model is None:
            header = self.header
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
            self._check_coder(model)
            self._model = model
        return self._model

    @property
    def transform(self) -> Transform:
        """The transform codec that decodes this file; `ModelError` if it is not installed."""
        if self._transform is None:
            header = self.header
            if not header.rate or header.coder != coders.TRANSFORM:
                raise UnsupportedError(f"entropy coder {header.coder}: needs a newer vauxio")
            transform = find_transform(header.model, header.code_space)
            if header.coder_hash != transform.tables.hash:
                raise ModelError(f"needs the tables {header.coder_hash.hex()} of {header.model}")
            self._transform = transform
        return self._transform

    @property
    def grid(self) -> Grid:
        """How frames and tokens of this file go together."""
        return self.transform if self.header.rate else self.model

    @property
    def bands(self) -> bandwidth_extension.Bands:
        """Those above the model's that have levels."""
        return bandwidth_extension.Bands(self.header.bands, self.header.fine)

    @property
    def stereo(self) -> Stereo:
        """How pairs of channels are coded."""
        return Stereo(self.header.stereo_tokens, self.header.side)

    @property
    def complete(self) -> bool:
        return self._reader.complete

    @property
    def fault(self) -> FormatError | None:
        """Why there is no more, in a file that has not its end."""
        return None if self._reader.complete else self._reader.fault

    def shortage(self) -> FormatError:
        """To be raised where more is wanted of a file that has not its end than there is of it."""
        seconds = (self.frames or 0) / self.header.samplerate
        if (fault := self.fault) is None or isinstance(fault, TruncatedError):
            return TruncatedError(f"cut off: only its first {seconds:.1f} s are there")
        return type(fault)(f"damaged: {fault}; its first {seconds:.1f} s can be read")

    @property
    def blocks(self) -> int:
        """Blocks that there are; from a pipe, that have been read."""
        return self._reader.blocks

    @property
    def tokens(self) -> int:
        """Tokens that there are; from a pipe, that have been read."""
        return self._reader.tokens

    @property
    def stored_frames(self) -> int | None:
        """Frames as the file has it, where it is complete."""
        return self._reader.frames if self._reader.complete else None

    @property
    def frames(self) -> int | None:
        """Frames that can be decoded; None from a pipe whose end is not yet in sight."""
        reader, header = self._reader, self.header
        if reader.complete:
            frames = reader.frames or 0
            needed = self.grid.tokens_for(frames, header.samplerate)
            if reader.tokens != needed:
                raise FormatError(f"{reader.tokens} tokens: {frames} frames need {needed}")
            return frames
        if not self.seekable and not self._cut_off:
            return None
        frames = self.grid.frames_in(reader.tokens, header.samplerate)
        return frames if header.frames is None else min(frames, header.frames)

    def check(self, block: int) -> None:
        """`FormatError` if a block of a seekable file is not what was written; decodes nothing."""
        self._reader.read(block)

    def get(self, token: int, count: int, wanted: int = 0) -> np.ndarray:
        """Codes ``[channels, codebooks, n]`` from `token` on; negative where one is absent or lost.

        n is at least 1 and at most `count`, or 0 at the end of the file (or of what there is of
        it). From a pipe, `token` must not lie before the last one asked for. `wanted` tells how
        many tokens will be asked for in all, if that is known: blocks are decoded together then.
        """
        while not 0 <= token - self._first < self._codes.shape[2]:
            if not self._load(token, wanted):
                return self._codes[..., :0]
        at = token - self._first
        return self._codes[..., at : at + count]

    def block(self, index: int) -> container.Block | None:
        """The block of that number as it is stored; None behind the last.

        From a pipe, each in turn.

        Raises
        ------
        FormatError
            If it is damaged. From a pipe that is concealed, it is the next one's turn then.
        """
        if self._sequence is None:
            return self._reader.read(index) if index < self._reader.blocks else None
        if self._ahead is None:
            return None
        block = self._ahead[1]
        if self._conceal or not isinstance(block, FormatError):
            self._read_ahead()
        if isinstance(block, FormatError):
            raise block
        return block

    def levels(self, token: int, count: int) -> np.ndarray:
        """Levels of bands above the model's: ``uint8[channels, bands, count]``.

        Of tokens that `get` gave last; 0 where they are lost.
        """
        size, parts = self.header.block_tokens, []
        while count:
            block, at = divmod(token, size)
            n = min(count, size - at)
            found = self._levels.get(block)
            if found is None:
                found = np.zeros((self.header.channels, self.header.bands, size), np.uint8)
            parts.append(found[..., at : at + n])
            token, count = token + n, count - n
        return np.concatenate(parts, axis=2)

    def values(self, token: int, count: int) -> np.ndarray | None:
        """Angles and widths of joint stereo: ``uint8[pairs, 2, bands, count]``; None without.

        Of tokens that `get` gave last; `HELD` where they are lost.
        """
        if not self.stereo:
            return None
        size, parts = self.header.block_tokens, []
        shape = pairs_of(self.header.channels), 2, bands_with_values(self.bands), size
        while count:
            block, at = divmod(token, size)
            n = min(count, size - at)
            found = self._values.get(block)
            parts.append(np.full(shape, HELD, np.uint8) if found is None else found)
            parts[-1] = parts[-1][..., at : at + n]
            token, count = token + n, count - n
        return np.concatenate(parts, axis=3)

    def count_allocation(self) -> np.ndarray:
        """How many tokens, in whichever channel, have so many codes: ``int64[codebooks + 1]``.

        Sides that are not coded do not count.

        Of all blocks that are whole, up to some hours of recording: it must not take a file of a
        few bytes for long. A pipe is read to its end.
        """
        counts = np.zeros(self.header.codebooks + 1, np.int64)
        for block in self._whole_blocks():
            if counts.sum() >= _COUNTED:
                if self.seekable:
                    break
                continue
            with contextlib.suppress(FormatError):
                found = self._allocation(block)[self.stereo.coded(self.header.channels)]
                counts += np.bincount(found.ravel(), minlength=len(counts))
        return counts

    def _whole_blocks(self) -> Iterator[container.Block]:
        if self._sequence is None:
            for index in range(self._reader.blocks):
                with contextlib.suppress(FormatError):
                    yield self._reader.read(index)
        while self._ahead is not None:
            block = self._ahead[1]
            if isinstance(block, FormatError):
                raise block
            yield block
            self._read_ahead()

    def _load(self, token: int, wanted: int) -> bool:
        """Decode the block with that token, or the next one from a pipe; False if there is none."""
        self._found, self._found_values = {}, {}
        if self._sequence is None:
            index = token // self.header.block_tokens
            if index >= self._reader.blocks:
                return False
            if 0 <= index * self.header.block_tokens - self._first < self._codes.shape[2]:
                return False  # that block is here, and ends before the token
            codes = self._decode_some(index, wanted)
        else:
            if self._ahead is None:
                return False
            index, block = self._ahead
            if isinstance(block, FormatError) and not self._conceal:
                raise block  # and again, if it is asked for again
            self._read_ahead()
            codes = self._decode(index, block)
        first = index * self.header.block_tokens
        if self._sequence is None and token >= first + codes.shape[2]:
            return False  # past the end of the last block
        self._first, self._codes = first, codes
        self._levels, self._values = self._found, self._found_values
        return True

    def _read_ahead(self) -> None:
        assert self._sequence is not None
        try:
            self._ahead = self._index, next(self._sequence)
        except StopIteration:
            self._ahead, self._cut_off = None, not self._reader.complete
        except TruncatedError:
            self._ahead, self._cut_off = None, True
        except FormatError as e:
            self._ahead = self._index, e  # raised when it is this block's turn
            if self._conceal and self._index >= self._reader.blocks:  # not in one: the rest is lost
                self._ahead, self._cut_off = None, True
        self._index += 1

    def _decode_some(self, index: int, wanted: int) -> np.ndarray:
        """The codes of a block, and of those after it that are better decoded along with it."""
        header = self.header
        self.model  # noqa: B018  which puts the header's coder among those that are known
        most = 1
        if header.coder in self._coders:
            most = max(1, self._coders[header.coder].rows // header.channels)
        # Whoever reads on gets twice as much at once each time; whoever jumps, one block.
        reads_on = index == self._following and self._together > 0
        count = max(2 * self._together if reads_on else 1, -(-wanted // header.block_tokens))
        group = self._decode_group(index, min(count, most, self._reader.blocks - index))
        group = group or [self._decode(index, None)]
        self._following, self._together = index + len(group), len(group)
        return group[0] if len(group) == 1 else np.concatenate(group, axis=2)

    def _decode_group(self, index: int, count: int) -> list[np.ndarray]:
        """The codes of blocks together, up to the first that is damaged or coded otherwise."""
        if count < 2:
            return []
        blocks: list[container.Block] = []
        codes: list[np.ndarray] = []
        header = self.header
        try:
            for i in range(index, index + count):
                block = self._reader.read(i)
                if block.coder != header.coder:
                    break
                blocks.append(block)
        except FormatError:
            pass  # to be told when it is that block's turn
        try:
            for block, decoded in zip(blocks, self._decoded(header.coder, blocks), strict=True):
                self._check(index + len(codes), block, decoded)
                codes.append(decoded)
        except FormatError:
            pass
        return codes

    def _decode(self, index: int, block: container.Block | FormatError | None) -> np.ndarray:
        """The codes of a block; None to read it first."""
        try:
            if isinstance(block, FormatError):
                raise block
            return self._codes_of(index, self._reader.read(index) if block is None else block)
        except UnsupportedError:
            raise
        except FormatError as e:
            if not self._conceal:
                raise
            self.damage[index] = e
        header = self.header
        tokens = min(header.block_tokens, self._reader.tokens - index * header.block_tokens)
        return np.full((header.channels, header.codebooks, tokens), LOST, np.int32)

    def _codes_of(self, index: int, block: container.Block) -> np.ndarray:
        (codes,) = self._decoded(block.coder, [block])
        self._check(index, block, codes)
        return codes

    def _decoded(self, coder: int, blocks: Sequence[container.Block]) -> list[np.ndarray]:
        """The codes of blocks that have the same coder."""
        header = self.header
        if coder == coders.LM and header.block_tokens < _LEAST_TOKENS and self._reader.blocks > 1:
            raise FormatError(
                f"blocks of {header.block_tokens} tokens: at least {_LEAST_TOKENS} are needed"
            )
        codes: list[np.ndarray] = self._coder(coder).decode(
            [(block.payload, block.tokens) for block in blocks],
            header.channels,
            header.codebooks,
            [self._allocation(block) for block in blocks] if header.allocation_tokens else None,
        )
        return codes

    def _allocation(self, block: container.Block) -> np.ndarray:
        """How many codes the tokens of a block have, ``uint8[channels, tokens]``."""
        header = self.header
        if not header.allocation_tokens:
            return np.full((header.channels, block.tokens), header.codebooks, np.uint8)
        found = allocation.decode_allocation(
            block.allocation,
            header.allocation_tokens,
            header.channels,
            block.tokens,
            header.codebooks,
        )
        paired = 2 * pairs_of(header.channels)
        if self.stereo and not header.side and found[1:paired:2].any():
            raise FormatError("codes of sides, which are not coded")
        if len(block.payload) > -(-int(found.sum(dtype=np.int64)) * header.code_bits // 8):
            raise FormatError("larger than its codes plainly packed")
        return found

    def _check(self, index: int, block: container.Block, codes: np.ndarray) -> None:
        if coders.codes_crc(codes) != block.codes_crc:
            raise ChecksumError(
                f"block {index}: decoded to codes with a wrong checksum; "
                "the file is damaged or was written with another model"
            )
        if codes.size and int(codes.max()) >= self.model.codebook_size:
            raise FormatError(f"block {index}: a code is beyond the model's codebooks")
        header = self.header
        if header.bands:
            self._found[index] = bandwidth_extension.decode_levels(
                block.levels, header.channels, self.bands, block.tokens
            )

        if self.stereo:
            span = header.stereo_tokens
            spans = -(-block.tokens // span)
            found = decode_parameters(
                block.stereo, pairs_of(header.channels), bands_with_values(self.bands), spans
            )
            self._found_values[index] = np.repeat(found, span, axis=3)[..., : block.tokens]

    def _check_coder(self, model: Model) -> None:
        """`ModelError` if the file was written with other probabilities than those here."""
        header = self.header
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

    def _coder(self, number: int) -> Any:
        self.model  # noqa: B018  which puts the header's coder among those that are known
        if number == coders.PACKED and number not in self._coders:
            self._coders[number] = coders.PackedCoder(self.header.code_bits)
        if number not in self._coders:
            raise UnsupportedError(f"a block of entropy coder {number}: needs a newer vauxio")
        return self._coders[number]
