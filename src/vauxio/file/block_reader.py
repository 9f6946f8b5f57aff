"""The blocks of a ``.vx`` file in turn or at random, addressed by token.

This module finds blocks, decodes them with `block_decoder`, and keeps the last. It decides what
becomes of damaged ones. It knows nothing of samples or networks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import container
from ..audio import pcm
from ..codec.bandwidth_extension import Bands
from ..codec.concealment import LOST
from ..codec.spectral_decoder import bands_with_values
from ..codec.stereo.layout import HELD, Stereo, pairs_of
from ..entropy import coders
from ..errors import AudioError, FormatError, TruncatedError, UnsupportedError
from ..model.grid import Grid
from ..model.models import Model, Transform
from .block_decoder import BlockDecoder, Contents

__all__ = ["TokenReader"]

_LEAST_TOKENS = 64  # of a block that is not the last: each takes steps before its first token


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
    decoder : BlockDecoder
        Of this file's blocks.
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
        self.decoder = BlockDecoder(header)
        self._first = 0  # token that _codes begins with
        self._following, self._together = 0, 0  # the block after those in _codes; their number
        self._codes = np.empty((header.channels, header.codebooks, 0), np.uint16)
        self._held: dict[int, Contents] = {}  # of the blocks in _codes, by number
        # From a pipe, one block is read ahead: only then is it known whether a block is the last.
        self._sequence = None if self.seekable else iter(self._reader)
        self._index = 0  # of the next block in the sequence
        self._ahead: tuple[int, container.Block | FormatError] | None = None
        self._cut_off = False
        if self._sequence is not None:
            self._read_ahead()

    @property
    def model(self) -> Model:
        """The model that decodes this file; `ModelError` if it is not installed."""
        return self.decoder.model

    @property
    def transform(self) -> Transform:
        """The transform codec that decodes this file; `ModelError` if it is not installed."""
        return self.decoder.transform

    @property
    def grid(self) -> Grid:
        """How frames and tokens of this file go together."""
        return self.transform if self.header.rate else self.model

    @property
    def bands(self) -> Bands:
        """Bands above the model's that have levels."""
        return self.decoder.bands

    @property
    def stereo(self) -> Stereo:
        """How pairs of channels are coded."""
        return self.decoder.stereo

    @property
    def complete(self) -> bool:
        return self._reader.complete

    @property
    def fault(self) -> FormatError | None:
        """Why a file has no end; None if it has one."""
        return None if self._reader.complete else self._reader.fault

    @property
    def size(self) -> int:
        """Bytes up to the file's end, or all there are; from a pipe, those read so far."""
        return self._reader.size

    @property
    def ignored(self) -> int:
        """Bytes after the file's end, which are no part of it; 0 from a pipe."""
        return self._reader.ignored

    def shortage(self, advice: str = "") -> FormatError:
        """The error for a reader who wants more of an incomplete file than there is.

        The advice is given where anything can be read.
        """
        frames = self.frames or 0
        seconds = frames / self.header.samplerate
        there = f"its first {seconds:.1f} s ({frames} frames) can be read{advice}"
        if not frames:
            there = "nothing of its first block can be read"
        if (fault := self.fault) is None or isinstance(fault, TruncatedError):
            return TruncatedError(f"cut off: {there}")
        return type(fault)(f"damaged: {fault.reason}; {there}")

    @property
    def blocks(self) -> int:
        """Number of blocks; from a pipe, of those read so far."""
        return self._reader.blocks

    @property
    def tokens(self) -> int:
        """Number of tokens; from a pipe, of those read so far."""
        return self._reader.tokens

    @property
    def stored_frames(self) -> int | None:
        """Number of frames that the end chunk states; None if the file is incomplete."""
        return self._reader.frames if self._reader.complete else None

    @property
    def frames(self) -> int | None:
        """Number of frames that can be decoded; None from a pipe before its end."""
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
        """Check a block of a seekable file without decoding it; `FormatError` if it is damaged."""
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
        """The block of that number as it is stored; None after the last.

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

    def hold(self, block: container.Block, contents: Contents) -> None:
        """Take over what the first block holds, if it is this one: it need not be decoded then."""
        with contextlib.suppress(FormatError):  # to be told when its codes are asked for
            if self._sequence is None and self.block(0) == block:
                self._first, self._codes, self._held = 0, contents.codes, {0: contents}
                self._following = self._together = 1

    def levels(self, token: int, count: int) -> np.ndarray:
        """Levels of bands above the model's: ``uint8[channels, bands, count]``.

        Of tokens that `get` gave last; 0 where they are lost.
        """
        header = self.header
        lost = np.zeros((header.channels, header.bands, header.block_tokens), np.uint8)
        return self._beside(token, count, lambda held: held.levels, lost)

    def values(self, token: int, count: int) -> np.ndarray | None:
        """Values of joint stereo: ``uint8[pairs, 2, bands, count]``; None without.

        Of tokens that `get` gave last; `HELD` where they are lost.
        """
        if not self.stereo:
            return None
        bands = bands_with_values(self.bands, self.stereo)
        shape = pairs_of(self.header.channels), 2, bands, self.header.block_tokens
        lost = np.full(shape, HELD, np.uint8)
        return self._beside(token, count, lambda held: held.values, lost)

    def _beside(
        self, token: int, count: int, kind: Callable[[Contents], np.ndarray | None],
        lost: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """What is coded beside the codes of some tokens; `lost` stands for that of a block."""
        parts = []
        while count:
            block, at = divmod(token, self.header.block_tokens)
            n = min(count, self.header.block_tokens - at)
            found = kind(self._held[block]) if block in self._held else None
            parts.append((lost if found is None else found)[..., at : at + n])
            token, count = token + n, count - n
        return np.concatenate(parts, axis=-1)

    def whole_blocks(self) -> Iterator[container.Block]:
        """Those that can be read, none decoded; a pipe is read on until it ends."""
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
        if self._sequence is None:
            index = token // self.header.block_tokens
            if index >= self._reader.blocks:
                return False
            if 0 <= index * self.header.block_tokens - self._first < self._codes.shape[2]:
                return False  # that block is here, and ends before the token
            found = self._decode_some(index, wanted)
        else:
            if self._ahead is None:
                return False
            index, block = self._ahead
            if isinstance(block, FormatError) and not self._conceal:
                raise block  # and again, each time it is asked for
            self._read_ahead()
            found = [self._decode(index, block)]
        first = index * self.header.block_tokens
        codes = [contents.codes for contents in found]
        if self._sequence is None and token >= first + sum(part.shape[2] for part in codes):
            return False  # past the end of the last block
        joined = codes[0] if len(codes) == 1 else np.concatenate(codes, axis=2)
        held = dict(enumerate(found, index))
        # Nothing is called in between: an interrupt must not leave one without the others.
        self._first, self._codes, self._held = first, joined, held
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
            if self._conceal and self._index >= self._reader.blocks:  # no block: the rest is lost
                self._ahead, self._cut_off = None, True
        self._index += 1

    def _decode_some(self, index: int, wanted: int) -> list[Contents]:
        """Decode a block, and blocks after it if that saves time."""
        header = self.header
        # In order: twice as many blocks each time. After a jump: one block.
        reads_on = index == self._following and self._together > 0
        count = max(2 * self._together if reads_on else 1, -(-wanted // header.block_tokens))
        count = min(count, self.decoder.together, self._reader.blocks - index)
        group = self._decode_group(index, count) or [self._decode(index, None)]
        self._following, self._together = index + len(group), len(group)
        return group

    def _decode_group(self, index: int, count: int) -> list[Contents]:
        """Decode blocks together, up to the first that is damaged or has another coder."""
        if count < 2:
            return []
        blocks: list[container.Block] = []
        found: list[Contents] = []
        header = self.header
        try:
            for i in range(index, index + count):
                block = self._reader.read(i)
                if block.coder != header.coder:
                    break
                blocks.append(block)
        except FormatError:
            pass  # raised when it is that block's turn
        try:
            for block, codes in zip(blocks, self._decoded(header.coder, blocks), strict=True):
                found.append(self.decoder.contents(index + len(found), block, codes))
        except FormatError:
            pass
        return found

    def _decode(self, index: int, block: container.Block | FormatError | None) -> Contents:
        """Decode a block; None reads it first."""
        try:
            if isinstance(block, FormatError):
                raise block
            block = self._reader.read(index) if block is None else block
            (codes,) = self._decoded(block.coder, [block])
            return self.decoder.contents(index, block, codes)
        except UnsupportedError:
            raise
        except FormatError as e:
            if not self._conceal:
                raise
            self.damage[index] = e
        header = self.header
        tokens = min(header.block_tokens, self._reader.tokens - index * header.block_tokens)
        return Contents(np.full((header.channels, header.codebooks, tokens), LOST, np.int32))

    def _decoded(self, coder: int, blocks: Sequence[container.Block]) -> list[np.ndarray]:
        """The codes of blocks with the same entropy coder."""
        header = self.header
        if coder == coders.LM and header.block_tokens < _LEAST_TOKENS and self._reader.blocks > 1:
            raise FormatError(
                f"blocks of {header.block_tokens} tokens: at least {_LEAST_TOKENS} are needed"
            )
        return self.decoder.decode(coder, blocks)
