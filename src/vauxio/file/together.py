"""The codes of several short files at once: a step of a language model has room for them.

Codes do not depend on what they are decoded with, unlike samples, whose last bit does.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import container
from ..entropy import coders
from ..errors import FormatError, ModelError
from .block_decoder import Contents
from .block_reader import TokenReader

__all__ = ["decode_together"]


def decode_together(
    readers: Sequence[TokenReader],
) -> list[tuple[container.Block, Contents] | None]:
    """What files of one block each hold, for `TokenReader.hold` of the same files.

    None for a file that has more blocks, another entropy coder or a fault, and for files whose
    header is like no other's: they are better decoded alone.
    """
    blocks: dict[int, container.Block] = {}
    alike: dict[tuple[object, ...], list[int]] = {}
    for i, reader in enumerate(readers):
        header = reader.header
        if header.coder != coders.LM or not reader.seekable or reader.blocks != 1:
            continue
        try:
            block = reader.block(0)
            if block is not None and block.coder == coders.LM:
                reader.decoder.allocation(block)  # a file with a fault in it goes alone
                blocks[i] = block
                key = (header.model, header.code_space, header.coder_hash, header.channels,
                       header.codebooks, header.code_bits, header.allocation_tokens,
                       header.stereo_tokens, header.stereo_resolution, header.side)  # fmt: skip
                alike.setdefault(key, []).append(i)
        except FormatError:
            pass
    found: list[tuple[container.Block, Contents] | None] = [None] * len(readers)
    for group in alike.values():
        if len(group) < 2:
            continue
        try:
            some = [blocks[i] for i in group]
            codes = readers[group[0]].decoder.decode(coders.LM, some)
        except (FormatError, ModelError):  # each is told when it is that file's turn
            continue
        for i, own in zip(group, codes, strict=True):
            try:
                found[i] = blocks[i], readers[i].decoder.contents(0, blocks[i], own)
            except FormatError:
                pass
    return found
