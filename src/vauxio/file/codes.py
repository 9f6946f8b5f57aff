"""Codes from ``.vx`` files, and back into them: the same file, byte for byte.

This module knows the properties of a file besides its codes, and which tokens belong to which
frames. Nothing is decoded to samples or encoded from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..codec.codes import Codes, check
from ..codec.spectral_decoder import bands_with_values
from ..codec.stereo.layout import pairs_of
from ..container.metadata import Foreign, Picture
from ..entropy import allocation, coders
from ..errors import AudioError
from ..fileio import File, Output
from ..model.installed import find_model
from .block_reader import TokenReader
from .block_writer import TokenWriter, block_tokens

__all__ = ["FileCodes", "codes_of", "write_codes"]


@dataclass(frozen=True, eq=False, repr=False)
class FileCodes(Codes):
    """The codes of a file, with its other properties.

    Attributes
    ----------
    first : int
        The token of the file that these begin with.
    code_space : str
        Which codes these are (`Model.code_space`), in hexadecimal.
    tags : mapping of str to str
    pictures : sequence of Picture
    lm : bool
        Whether the file has entropy coding.
    allocation_tokens : int
        Tokens that have as many codes, one after the other; 0 where all tokens have as many.
    block_tokens : int
        Tokens of a block of the file.
    exact : bool
        Whether the file says from its beginning how many frames it has.
    foreign : sequence of Foreign
        Metadata of other formats.
    """

    first: int = 0
    code_space: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()
    lm: bool = True
    allocation_tokens: int = 0
    block_tokens: int = 0
    exact: bool = True
    foreign: Sequence[Foreign] = ()


def codes_of(reader: TokenReader, start: int, frames: int) -> FileCodes:
    """The codes of some frames of a file; see `VauxFile.codes`."""
    header, model = reader.header, reader.model
    rate, known = header.samplerate, reader.frames
    if known is None and (start or frames >= 0):
        raise ValueError("start and frames are only allowed for seekable files")
    first, stop = 0, None
    if known is not None:
        start, end, _ = slice(start, None if frames < 0 else start + frames).indices(known)
        whole = start == 0 and end == known
        end = max(start, end)
        first = start * model.samplerate // rate // model.hop
        stop = reader.tokens if whole else first + model.tokens_for(end - start, rate)
        frames = end - start
    dtype = np.int32 if header.allocation_tokens else np.uint16
    codes = [np.empty((header.channels, header.codebooks, 0), dtype)]
    levels = [np.empty((header.channels, header.bands, 0), np.uint8)]
    values = []
    token = first
    while stop is None or token < stop:
        left = 1 << 20 if stop is None else stop - token
        piece = reader.get(token, left, left if stop is not None else 0)
        count = piece.shape[2]
        if not count:
            break
        codes.append(piece)
        if header.bands:
            levels.append(reader.levels(token, count))
        values.append(reader.values(token, count))
        token += count
    if stop is None:
        frames = reader.frames or 0
    return FileCodes(
        np.concatenate(codes, axis=2), rate, frames, model.name,
        np.concatenate(levels, axis=2) if header.bands else None, reader.bands,
        _joined(values) if reader.stereo else None, reader.stereo, first,
        header.code_space.hex(), header.tags, header.pictures,
        header.coder != coders.PACKED, header.allocation_tokens, header.block_tokens,
        header.frames is not None, header.foreign,
    )  # fmt: skip


def _joined(values: list[np.ndarray | None]) -> np.ndarray | None:
    there = [each for each in values if each is not None]
    return np.concatenate(there, axis=3) if there else None


def _beside(codes: Codes, channels: int, tokens: int) -> str:
    """What is wrong with the levels and values beside codes; empty if nothing is."""
    bands, stereo = codes.bands, codes.stereo
    both = pairs_of(channels), 2, bands_with_values(bands, stereo), tokens
    for name, given, shape, wanted in (
        ("levels", codes.levels, (channels, bands.count, tokens), bool(bands.count)),
        ("values", codes.values, both, bool(stereo and tokens)),
    ):
        if (given is not None) != wanted:
            return f"{name}: {'missing' if wanted else 'there, though no bands have any'}"
        if given is not None and (given.dtype != np.uint8 or given.shape != shape):
            return f"{name} {given.dtype}{list(given.shape)}: must be uint8{list(shape)}"
    return ""


def write_codes(
    file: File,
    codes: Codes,
    *,
    tags: Mapping[str, str] | None = None,
    pictures: Sequence[Picture] | None = None,
    lm: bool | None = None,
    closefd: bool = True,
) -> None:
    """Put codes into a ``.vx`` file.

    A file of that name is replaced, but only once the new one is complete. Codes that `read_codes`
    gave become the file that they were read from, byte for byte, if this version wrote it.

    Parameters
    ----------
    file : path, file descriptor or binary file object
        See `VauxFile`.
    codes : Codes
        Of a file, or of `Codec.encode`.
    tags : mapping of str to str, optional
    pictures : sequence of Picture, optional
    lm : bool, optional
        False: plain codes, without a probability model. These three are as in the file that the
        codes come from, if not given.
    closefd : bool, optional
        Whether to close a file descriptor.

    Raises
    ------
    AudioError
        If they are no codes of their model, some are lost, their number changes elsewhere than
        every five tokens, or the levels and values beside them are not of as many tokens.
    ModelError
        If their model is not installed.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, vauxio
    >>> codes = vauxio.read_codes('speech.vx')
    >>> vauxio.write_codes('copy.vx', codes)
    """
    of_file = codes if isinstance(codes, FileCodes) else None
    space = bytes.fromhex(of_file.code_space) if of_file is not None else b""
    model = find_model(codes.model, space or None)
    array = np.asarray(codes.codes)
    if array.ndim != 3 or not np.issubdtype(array.dtype, np.integer):
        raise AudioError(f"codes {array.dtype}{list(array.shape)}: must be integers "
                         "[channels, codebooks, tokens]")  # fmt: skip
    if wrong := check(array, model.codebooks, model.codebook_size):
        raise AudioError(wrong)
    tokens = array.shape[2]
    if codes.lost.any():
        raise AudioError(f"{int(codes.lost.sum())} of {tokens} tokens are lost")
    needed = model.tokens_for(codes.frames, codes.samplerate)
    if tokens != needed:
        raise AudioError(f"{tokens} tokens: {codes.frames} frames need {needed}")
    if wrong := _beside(codes, array.shape[0], tokens):
        raise AudioError(wrong)
    absent = bool(array.size) and int(array.min()) < 0
    variable = absent or (of_file is not None and of_file.allocation_tokens > 0)
    if variable:
        counts = allocation.allocation_of(
            np.minimum(array, np.iinfo(np.int32).max).astype(np.int32)
        )
        spans = counts[:, :: allocation.SPAN]
        if not np.array_equal(np.repeat(spans, allocation.SPAN, axis=1)[:, :tokens], counts):
            raise AudioError(f"the number of codes changes within {allocation.SPAN} tokens")
    alone: int | None = tokens
    if of_file is not None and of_file.block_tokens == block_tokens(model):
        alone = None  # as a file whose length was not known, or that is longer
    if lm is None:
        lm = of_file is None or of_file.lm
    if of_file is not None:
        tags = of_file.tags if tags is None else tags
        pictures = of_file.pictures if pictures is None else pictures
    exact = of_file is None or of_file.exact
    foreign = () if of_file is None else of_file.foreign
    output = Output(file, False, closefd)
    try:
        writer = TokenWriter(
            output.file, model, codes.samplerate, array.shape[0], array.shape[1], tags or {},
            pictures or (), lm, variable=variable, bands=codes.bands, tokens=alone,
            frames=codes.frames if exact else None, foreign=foreign, stereo=codes.stereo,
        )  # fmt: skip
        levels = None if codes.levels is None else codes.levels[..., :: codes.bands.span]
        values = None if codes.values is None else codes.values[..., :: codes.stereo.span]
        writer.push(array.astype(np.int32 if variable else np.uint16, copy=False), levels, values)
        writer.finish(codes.frames)
    except BaseException:
        output.discard()
        raise
    output.commit()
