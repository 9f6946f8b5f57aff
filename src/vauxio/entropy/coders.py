"""Codes to bits and back: plain packing, and range coding with fixed frequencies.

``docs/format.md`` is the specification. A coder knows the codes of one block at a time and nothing
of files, models or audio. Codes are ``uint16[channels, codebooks, tokens]``, or ``int32`` where
some are absent (see `allocation`): these take no bits.

Range coding is exact: from integer frequencies to the last bit of the code, only integers decide.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from ..errors import FormatError
from . import fixed
from .allocation import ABSENT, allocation_of, present
from .range_coder import TOTAL

__all__ = ["LM", "PACKED", "STATIC", "TOTAL", "TRANSFORM", "Coder", "PackedCoder",
           "StaticCoder", "check_codes", "codes_crc", "range_weights"]  # fmt: skip

PACKED, STATIC, TRANSFORM, LM = 0, 1, 4, 5
"""Ids of the coders in ``.vx`` files. `TRANSFORM` has no codes: see `codec.hifi`."""


class Coder(Protocol):
    """What `PackedCoder`, `StaticCoder` and `transformer_coder.LMCoder` have in common.

    Attributes
    ----------
    id : int
    hash : bytes
        Of the probabilities, as files store it.
    rows : int
        Channels of blocks that are best decoded together.
    """

    id: int
    hash: bytes
    rows: int

    def encode(self, codes: np.ndarray) -> bytes:
        """The payload of a block.

        Parameters
        ----------
        codes : ndarray
            ``uint16[channels, codebooks, tokens]``, or int32 where some are absent.

        Raises
        ------
        ValueError
            If a code is larger than the coder allows.
        """

    def decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        codebooks: int,
        allocation: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """The codes of blocks.

        A damaged payload may decode to wrong codes; `codes_crc` tells.

        Parameters
        ----------
        blocks : sequence of (bytes, int)
            Payload and number of tokens of each.
        channels, codebooks : int
        allocation : sequence of ndarray, optional
            How many codes each token has, ``uint8[channels, tokens]`` for each block; all if not
            given.

        Returns
        -------
        list of ndarray
            ``uint16[channels, codebooks, tokens]`` of each; ``int32`` if `allocation` is given.

        Raises
        ------
        FormatError
            If a payload cannot be one of this coder.
        """


class PackedCoder:
    """Every code in the same number of bits, without a model.

    Parameters
    ----------
    code_bits : int
        Also an attribute.
    """

    id = PACKED
    hash = bytes(8)
    rows = 1

    def __init__(self, code_bits: int) -> None:
        self.code_bits = code_bits
        self._bits = np.arange(code_bits, dtype=np.uint16)

    def encode(self, codes: np.ndarray) -> bytes:
        check_codes(codes, 1 << self.code_bits)
        return self.pack(_in_token_order(codes)[None]).tobytes()

    def decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        codebooks: int,
        allocation: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        spaces = _spaces(blocks, channels, codebooks, allocation)
        return [self._decode(block[0], *space) for block, space in zip(blocks, spaces, strict=True)]

    def _decode(self, payload: bytes, codes: np.ndarray, there: np.ndarray) -> np.ndarray:
        count = int(np.count_nonzero(there))
        size = -(-count * self.code_bits // 8)
        if len(payload) != size:
            raise FormatError(f"packed codes: {len(payload)} bytes, {count} codes need {size}")
        symbols = self.unpack(np.frombuffer(payload, np.uint8)[None], count)[0]
        codes.transpose(2, 0, 1)[there.transpose(2, 0, 1)] = symbols
        return codes

    def pack(self, symbols: np.ndarray) -> np.ndarray:
        """Rows of codes, ``uint16[rows, n]``, each to whole bytes: ``uint8[rows, bytes]``."""
        bits = (symbols[:, :, None] >> self._bits) & 1
        return np.packbits(bits.reshape(len(symbols), -1), axis=1, bitorder="little")

    def unpack(self, packed: np.ndarray, count: int) -> np.ndarray:
        """What `pack` made of rows of so many codes; `FormatError` if it cannot be that."""
        bits = np.unpackbits(packed, axis=1, bitorder="little")
        size = count * self.code_bits
        if bits[:, size:].any():
            raise FormatError("packed codes: bits set after the last code")
        bits = bits[:, :size].reshape(len(bits), count, self.code_bits)
        codes: np.ndarray = bits @ (np.uint16(1) << self._bits)
        return codes


class StaticCoder:
    """A range coder with one distribution per codebook, the same for all tokens.

    Symbols are coded codebook by codebook, in each channel by channel, in each token by token.

    Parameters
    ----------
    table : ndarray
        ``uint16[codebooks, size]``: how often each code of a codebook occurs, relative to the
        others of that codebook; at least 1. A signal may have fewer codebooks than the table.
    """

    id = STATIC
    rows = 1

    def __init__(self, table: np.ndarray) -> None:
        if table.dtype != np.uint16 or table.ndim != 2 or table.shape[1] < 2 or not table.all():
            raise ValueError("table must be uint16[codebooks, size], size >= 2, each at least 1")
        self.hash = hashlib.sha256(table.astype("<u2").tobytes()).digest()[:8]
        self._size = table.shape[1]
        self._models = [fixed.distribution(weights) for weights in range_weights(table)]

    def encode(self, codes: np.ndarray) -> bytes:
        check_codes(codes, self._size)
        if codes.shape[1] > len(self._models):
            raise ValueError(f"{codes.shape[1]} codebooks, the table has {len(self._models)}")
        encoder = fixed.encoder()
        for k, model in zip(range(codes.shape[1]), self._models, strict=False):
            row = codes[:, k]
            encoder.encode(row[row != ABSENT], model)
        return encoder.finish()

    def decode(
        self,
        blocks: Sequence[tuple[bytes, int]],
        channels: int,
        codebooks: int,
        allocation: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        if codebooks > len(self._models):
            raise FormatError(f"{codebooks} codebooks, the table has {len(self._models)}")
        spaces = _spaces(blocks, channels, codebooks, allocation)
        return [self._decode(block[0], *space) for block, space in zip(blocks, spaces, strict=True)]

    def _decode(self, payload: bytes, codes: np.ndarray, there: np.ndarray) -> np.ndarray:
        decoder = fixed.decoder(payload)
        for k, model in zip(range(there.shape[1]), self._models, strict=False):
            where = there[:, k]
            codes[:, k][where] = decoder.decode(model, int(np.count_nonzero(where)))
        return codes


def codes_crc(codes: np.ndarray) -> int:
    """CRC-32 of codes as little-endian 16-bit numbers: by token, in it by channel, by codebook.

    Where some may be absent, their number comes before them.
    """
    if codes.dtype != np.uint16:
        codes = np.concatenate([allocation_of(codes)[:, None], codes], axis=1)
    return zlib.crc32(_in_token_order(codes).astype("<u2").tobytes())


def _in_token_order(codes: np.ndarray) -> np.ndarray:
    """All that are present, ``uint16[n]``."""
    order = codes.transpose(2, 0, 1)
    present: np.ndarray = order[order != ABSENT].astype(np.uint16)
    return present


def _spaces(
    blocks: Sequence[tuple[bytes, int]],
    channels: int,
    codebooks: int,
    allocation: Sequence[np.ndarray] | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each block, where its codes go, and ``bool`` of that shape: where they are present."""
    if allocation is None:
        for _, tokens in blocks:
            shape = channels, codebooks, tokens
            yield np.empty(shape, np.uint16), np.ones(shape, bool)
        return
    for counts in allocation:
        there = present(counts, codebooks)
        yield np.full(there.shape, ABSENT, np.int32), there


def range_weights(frequencies: np.ndarray) -> np.ndarray:
    """Relative frequencies to the exact weights of range coder models.

    A symbol of weight w gets the probability (w + 1) / 2^24. The weights of n symbols add up to
    2^24 - n, so nothing is left for a floating-point division to decide.

    Parameters
    ----------
    frequencies : ndarray
        Integers ``[..., n]``, not negative, of a positive sum below 2^39.

    Returns
    -------
    ndarray
        ``int64[..., n]``
    """
    frequencies = np.asarray(frequencies, np.int64)
    room = TOTAL - frequencies.shape[-1]
    weights: np.ndarray = frequencies * room // frequencies.sum(axis=-1, keepdims=True)
    # What rounding down has left over goes to the most frequent symbol, the first if several are.
    first = frequencies.argmax(axis=-1)[..., None]
    rest = room - weights.sum(axis=-1, keepdims=True)
    np.put_along_axis(weights, first, np.take_along_axis(weights, first, -1) + rest, -1)
    return weights


def check_codes(codes: np.ndarray, size: int) -> None:
    """`ValueError` for codes that no coder of codes below `size` takes."""
    if codes.dtype not in (np.uint16, np.int32) or codes.ndim != 3:
        raise ValueError(
            f"codes {codes.dtype}{list(codes.shape)}: must be uint16 or int32 of 3 dimensions"
        )
    if codes.dtype == np.int32 and not np.array_equal(
        codes != ABSENT, present(allocation_of(codes), codes.shape[1])
    ):
        raise ValueError("codes are absent before others that are not")
    if codes.size and int(codes.min()) < ABSENT:
        raise ValueError(f"code {codes.min()}: must not be negative")
    if codes.size and int(codes.max()) >= size:
        raise ValueError(f"code {codes.max()}: must be below {size}")
