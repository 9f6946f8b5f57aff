"""Blocks: parts of the codes that can be decoded alone, and their limits."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FormatError
from .chunks import Fields
from .header import Header

__all__ = ["MAX_BLOCKS", "Block", "check_block", "parse_block"]

MAX_BLOCKS = 1 << 20  # of a file


@dataclass(frozen=True)
class Block:
    """A stretch of codes that can be decoded without any other.

    Attributes
    ----------
    tokens : int
    coder : int
        Entropy coder of the payload: that of the header, or 0 (packed).
    codes_crc : int
        CRC-32 of the codes, see `vauxio.entropy.coders`.
    payload : bytes
    allocation : bytes
        How many codes each token has, see `vauxio.entropy.allocation`; only where the header says
        that this varies.
    levels : bytes
        Of bandwidth extension, see `vauxio.codec.bandwidth_extension`; only where the header has
        bands.
    stereo : bytes
        Differences and coherences, see `vauxio.codec.stereo`; only where the header has joint
        stereo.
    """

    tokens: int
    coder: int
    codes_crc: int
    payload: bytes
    allocation: bytes = b""
    levels: bytes = b""
    stereo: bytes = b""


def check_block(block: Block, header: Header, what: str) -> None:
    """`FormatError` for a block that a file with this header cannot have; it begins with `what`."""
    if not 1 <= block.tokens <= header.block_tokens:
        raise FormatError(f"{what}: {block.tokens} tokens, must be 1 to {header.block_tokens}")
    if block.coder not in (0, header.coder):
        raise FormatError(f"{what}: coder {block.coder}, the header has {header.coder}")
    if len(block.allocation) > header.allocation_size(block.tokens):
        raise FormatError(f"{what}: bit allocation of more bytes than {block.tokens} tokens need")
    if len(block.levels) > header.levels_size(block.tokens):
        raise FormatError(f"{what}: more bytes of levels than {block.tokens} tokens can need")
    if len(block.stereo) > header.stereo_size(block.tokens):
        raise FormatError(f"{what}: more bytes of stereo than {block.tokens} tokens can need")
    if len(block.payload) > header.packed_size(block.tokens):
        raise FormatError(f"{what}: larger than its codes plainly packed")


def parse_block(body: bytes, header: Header, where: str) -> Block:
    """Parse the body of a block's chunk; a `FormatError` begins with `where`."""
    fields = Fields(body, where)
    tokens, coder = fields.number(), fields.byte()
    codes_crc = int.from_bytes(fields.take(4), "little")
    allocation = fields.take(fields.number()) if header.allocation_tokens else b""
    levels = fields.take(fields.number()) if header.bands else b""
    stereo = fields.take(fields.number()) if header.stereo_tokens else b""
    block = Block(tokens, coder, codes_crc, fields.rest(), allocation, levels, stereo)
    check_block(block, header, where)
    return block
