"""Files of a transform codec: writing and reading their blocks.

It corresponds to `block_writer` and `frames` of files with codes, and joins payloads to
`codec.hifi`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import container
from ..codec.hifi.encoder import Coded, block_size
from ..codec.hifi.signal import SignalDecoder, SignalEncoder
from ..container.metadata import Foreign
from ..entropy import coders
from ..errors import FormatError, UnsupportedError
from ..model.models import Transform
from .block_reader import TokenReader
from .frames import Pieces

__all__ = ["TransformFrames", "TransformWriter"]


class TransformWriter:
    """Frames to the blocks of a file, each written as soon as it is coded.

    Parameters
    ----------
    file : BinaryIO
        Never sought; not closed.
    transform : Transform
    samplerate, channels : int
    bitrate : float
        That was asked for, in kbps per channel; see `SignalEncoder`.
    tags : mapping of str to str
    pictures : sequence of container.Picture
    foreign : sequence of Foreign, optional
    frames : int, optional
        Of the recording, if it is known.
    constant : bool, optional
        Whether the quality is constant instead; see `SignalEncoder`.

    Attributes
    ----------
    header : container.Header
    bitrate : float
        Nominal, in kbps per channel.
    frames : int
        How many have been pushed.
    """

    def __init__(
        self,
        file: Any,
        transform: Transform,
        samplerate: int,
        channels: int,
        bitrate: float,
        tags: Mapping[str, str],
        pictures: Sequence[container.Picture],
        foreign: Sequence[Foreign] = (),
        frames: int | None = None,
        *,
        constant: bool = False,
    ) -> None:
        self.header = container.Header(
            model=transform.name,
            code_space=transform.tables.hash,
            coder=coders.TRANSFORM,
            coder_hash=transform.tables.hash,
            samplerate=samplerate,
            channels=channels,
            frames=frames,
            codebooks=1,
            code_bits=1,
            block_tokens=block_size(channels),
            tags=tags,
            pictures=tuple(pictures),
            foreign=tuple(foreign),
            rate=round(10 * bitrate),
        )
        self._encoder = SignalEncoder(transform, samplerate, channels, bitrate, constant)
        self._writer = container.Writer(file, self.header)

    @property
    def frames(self) -> int:
        return self._encoder.frames

    @property
    def bitrate(self) -> float:
        return self.header.channels * self.header.rate / 10

    def push(self, frames: np.ndarray) -> None:
        """Frames ``float32[n, channels]`` that follow the last."""
        self._write(self._encoder.push(frames))

    def finish(self) -> None:
        """Write the blocks that are left, then the trailer."""
        self._write(self._encoder.finish())
        self._writer.close(self.frames)

    def _write(self, blocks: list[Coded]) -> None:
        for frames, payload, checksum in blocks:
            self._writer.write(container.Block(frames, coders.TRANSFORM, checksum, payload))


class TransformFrames(Pieces):
    """Decoded frames by number, as `frames.FrameReader` has them of files with codes.

    Parameters
    ----------
    blocks : TokenReader
        Of a file of a transform codec.
    conceal : bool, optional
        Whether blocks may be lost: what came before fades out, what comes after fades in.
    """

    def __init__(self, blocks: TokenReader, conceal: bool = False) -> None:
        super().__init__(blocks)
        self._blocks, self._conceal = blocks, conceal
        self._decoder: SignalDecoder | None = None
        self._index = 0  # of the next block

    def check(self, index: int) -> None:
        """Decode a block, of a file that can seek; `FormatError` if it is damaged."""
        header = self._blocks.header
        rate, size = header.samplerate, header.block_tokens
        decoder = SignalDecoder(self._blocks.transform, rate, header.channels, size, enhanced=False)
        self._push(decoder, self._blocks.block(index))

    def _must_restart(self, position: int) -> bool:
        if self._decoder is None:
            return True
        if not self._blocks.seekable or self._piece_at <= position < self._decoder.position:
            return False
        header = self._blocks.header
        block = self._blocks.transform.frames_in(header.block_tokens, header.samplerate)
        return not self._decoder.position <= position <= self._decoder.position + block

    def _restart(self, position: int) -> None:
        header = self._blocks.header
        self._decoder = SignalDecoder(
            self._blocks.transform, header.samplerate, header.channels, header.block_tokens,
            start=position if self._blocks.seekable else 0,
        )  # fmt: skip
        self._index = self._decoder.first_block
        self._piece, self._piece_at = self._piece[:0], self._decoder.position
        self._ended = False

    def _forget(self) -> None:
        self._decoder = None

    def _decode(self, end: int) -> None:
        assert self._decoder is not None
        index, block = self._index, None
        try:
            block = self._blocks.block(index)
            damage = None
        except UnsupportedError:
            raise
        except FormatError as e:
            damage = e
        self._decoder.frames = self._blocks.frames  # from a pipe, known when the end is in sight
        self._piece_at = self._decoder.position
        if block is None and damage is None:
            self._ended = True
            self._piece = self._decoder.finish()
            return
        try:
            if damage is not None:
                raise damage
            self._piece = self._push(self._decoder, block)
        except UnsupportedError:
            raise
        except FormatError as e:
            if not self._conceal:
                raise _named(e, index) from None
            self._blocks.damage[index] = e
            size = self._blocks.header.block_tokens
            lost = min(size, max(1, self._blocks.tokens - index * size))
            self._piece = self._decoder.push(None, lost)
        self._index += 1

    def _push(self, decoder: SignalDecoder, block: container.Block | None) -> np.ndarray:
        if block is None:
            raise FormatError("there is no such block")
        if block.coder != coders.TRANSFORM:
            raise FormatError(f"coder {block.coder}: not one of a transform codec")
        return decoder.push(block.payload, block.tokens, block.codes_crc)


def _named(error: FormatError, index: int) -> FormatError:
    """The same error, with the block's number."""
    name = f"block {index}: "
    return error if str(error).startswith(name) else type(error)(name + str(error))
