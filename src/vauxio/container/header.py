"""The header of a ``.vx`` file: properties of the whole file.

This module knows the header's fields and their limits, which are the limits of the format.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ChecksumError, FormatError, TruncatedError, UnsupportedError
from .chunks import Fields, number, take
from .metadata import Foreign, Picture, check_foreign, check_pictures, check_tags

__all__ = ["MAX_FRAMES", "Header", "make_start", "parse_start"]

MAGIC = b"\x89VX\n"
VERSION = 1, 7
MAX_FIELDS = 4096  # bytes
MAX_FRAMES = (1 << 48) - 1
MAX_BLOCK_CODES = 1 << 22
MAX_BANDS = {False: 5, True: 10}  # coarse, fine
MAX_SIDE = 320  # coefficients
STEREO_BANDS = 34, 40  # at most, by resolution
LEVEL_TOKENS = {False: 25, True: 3}  # that share the levels of bands

FRAME_SAMPLES = 2048  # of a token where `rate` is given: samples at 48 kHz

_LM = 5  # the coder that version 1.4 has, `coders.LM`

# The features: a bit allocation that varies, bandwidth extension, and its fine levels; those of a
# transform codec, whose tokens are frames of samples; and joint stereo.
_ALLOCATION, _BANDS, _FINE, _TRANSFORM, _STEREO = 1, 2, 4, 8, 16

_FRAME_BYTES = 4096  # the most that a frame of a transform codec may have in a channel

_OTHERS = {b"fLaC": "FLAC", b"RIFF": "WAV", b"OggS": "Ogg", b"ID3": "MP3", b"FORM": "AIFF"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Header:
    """What holds for the whole file.

    Attributes
    ----------
    model : str
        Name of the model.
    code_space : bytes
        8 bytes that tell what the codes mean, whichever decoder makes sound of them.
    coder : int
        Entropy coder of the blocks; any block may be packed instead.
    coder_hash : bytes
        8 bytes that tell which probabilities the coder needs; zeros for plain packing.
    samplerate, channels : int
        Of the recording.
    frames : int or None
        Its length, if it is known before the end.
    codebooks, code_bits : int
        Codes per token and channel, and bits of one code.
    block_tokens : int
        Tokens in every block but the last.
    allocation_tokens : int
        Tokens that share a number of codes; 0 where all tokens have all codebooks.
    bands : int
        Bands above the model's whose levels blocks tell, see `bandwidth_extension`; 0 for none.
    fine : bool
        Whether these are half as wide, and their levels told more often.
    rate : int
        What was asked for of a transform codec, in units of 100 bps per channel. A token is a
        frame of 2048 samples at 48 kHz then. 0 where there are codes.
    stereo_tokens : int
        Tokens that share a level difference and a coherence in each band of a pair of channels,
        see `codec.stereo`; 0 where channels are coded each by itself.
    stereo_resolution : int
        How narrow these bands are.
    side : int
        Coefficients of the second channel of a pair that its codes tell, from the lowest on.
    tags : mapping of str to str
    pictures : tuple of Picture
    foreign : tuple of Foreign

    Raises
    ------
    FormatError
        If the format has no room for it.
    """

    model: str
    code_space: bytes
    coder: int
    coder_hash: bytes
    samplerate: int
    channels: int
    frames: int | None
    codebooks: int
    code_bits: int
    block_tokens: int
    tags: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    allocation_tokens: int = 0
    bands: int = 0
    fine: bool = False
    foreign: tuple[Foreign, ...] = ()
    rate: int = 0
    stereo_tokens: int = 0
    stereo_resolution: int = 0
    side: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.model):
            raise FormatError(f"model name {self.model!r}: must be 1 to 64 of A-Z a-z 0-9 . _ -")
        if len(self.code_space) != 8 or len(self.coder_hash) != 8:
            raise FormatError("code_space and coder_hash must be 8 bytes each")
        if self.coder == 0 and any(self.coder_hash):
            raise FormatError("coder_hash must be zeros for plain packing")
        for name, low, high in (
            ("coder", 0, 255),
            ("samplerate", 1, 768_000),
            ("channels", 1, 255),
            ("frames", 0, MAX_FRAMES),
            ("codebooks", 1, 32),
            ("code_bits", 1, 16),
            ("block_tokens", 1, 65_535),
            ("allocation_tokens", 0, 255),
            ("bands", int(self.fine), MAX_BANDS[self.fine]),
            ("rate", 0, 9999),
            ("stereo_tokens", 0, 255),
            ("stereo_resolution", 0, len(STEREO_BANDS) - 1),
            ("side", 0, MAX_SIDE),
        ):
            value = getattr(self, name)
            if not (name == "frames" and value is None) and not low <= value <= high:
                raise FormatError(f"{name} of {value}: must be {low} to {high}")
        coded = self.allocation_tokens or self.bands or self.stereo_tokens
        if self.rate and (self.codebooks != 1 or coded):
            raise FormatError("a transform codec has one codebook, no bit allocation and no bands")
        if self.stereo_tokens and (self.channels < 2 or not self.allocation_tokens):
            raise FormatError("joint stereo needs two channels and a bit allocation")
        if (self.side or self.stereo_resolution) and not self.stereo_tokens:
            raise FormatError("a side that is coded, or a resolution, needs joint stereo")
        codes = FRAME_SAMPLES if self.rate else self.codebooks
        if self.block_tokens * self.channels * codes > MAX_BLOCK_CODES:
            raise FormatError(
                f"blocks of {self.block_tokens} tokens of {self.channels} x {codes} "
                f"codes: at most {MAX_BLOCK_CODES} codes fit"
            )
        check_tags(self.tags)
        check_pictures(self.pictures)
        check_foreign(self.foreign)

    def packed_size(self, tokens: int) -> int:
        """Bytes of a block of plainly packed codes, and so the most that any payload has.

        Of a transform codec, only the latter.
        """
        if self.rate:
            return tokens * self.channels * _FRAME_BYTES + 64
        return -(-tokens * self.channels * self.codebooks * self.code_bits // 8)

    def allocation_size(self, tokens: int) -> int:
        """The most bytes that the bit allocation of a block may have: three a span, and a word."""
        if not self.allocation_tokens:
            return 0
        return 3 * self.channels * -(-tokens // self.allocation_tokens) + 4

    def levels_size(self, tokens: int) -> int:
        """The most bytes that the levels of a block may have."""
        if not self.bands:
            return 0
        return 3 * self.channels * self.bands * -(-tokens // LEVEL_TOKENS[self.fine]) + 4

    def stereo_size(self, tokens: int) -> int:
        """The most bytes that the values of joint stereo may have in a block: three a symbol."""
        if not self.stereo_tokens:
            return 0
        spans = -(-tokens // self.stereo_tokens)
        bands = STEREO_BANDS[self.stereo_resolution]
        return 9 * (self.channels // 2) * bands * spans + 4


def make_start(header: Header) -> bytes:
    """The header's bytes: the beginning of the file, up to the first chunk."""
    name = header.model.encode()
    features = _ALLOCATION if header.allocation_tokens else 0
    if header.bands:
        features |= _BANDS | _FINE if header.fine else _BANDS
    if header.rate:
        features |= _TRANSFORM
    if header.stereo_tokens:
        features |= _STEREO
    stereo = bytes([header.stereo_tokens, header.stereo_resolution]) + number(header.side)
    fields = b"".join(
        (
            number(features),
            bytes([len(name)]),
            name,
            header.code_space,
            bytes([header.coder]),
            header.coder_hash,
            number(header.samplerate),
            bytes([header.channels, header.codebooks, header.code_bits]),
            number(header.block_tokens),
            number(0 if header.frames is None else header.frames + 1),
            bytes([header.allocation_tokens] if header.allocation_tokens else []),
            bytes([header.bands] if header.bands else []),
            number(header.rate) if header.rate else b"",
            stereo if header.stereo_tokens else b"",
        )
    )
    # The lowest minor version that has these features.
    minor = 4 if header.coder == _LM else (features & ~_STEREO).bit_length()
    minor = 5 if header.foreign else minor
    minor = 6 if header.rate else minor
    minor = 7 if header.stereo_tokens else minor
    start = MAGIC + bytes((VERSION[0], minor)) + len(fields).to_bytes(2, "little") + fields
    return start + zlib.crc32(start).to_bytes(4, "little")


def parse_start(file: Any) -> Header:
    """The header that the file begins with, without the tags and pictures that follow it."""
    start = take(file, 8)
    if not start:
        raise TruncatedError("empty: not a .vx file")
    if start[:4] != MAGIC[: len(start)]:
        raise FormatError(f"not a .vx file{_known(start)}")
    if len(start) < 8:
        raise TruncatedError("the file is cut off in its header")
    if start[4] != VERSION[0]:
        raise UnsupportedError(
            f"version {start[4]}.{start[5]} of the format; this vauxio reads version "
            f"{VERSION[0]}: update vauxio"
        )
    length = int.from_bytes(start[6:], "little")
    if length > MAX_FIELDS:
        raise ChecksumError("header: impossible length; the file is damaged")
    data = take(file, length + 4)
    if len(data) < length + 4:
        raise TruncatedError("the file is cut off in its header")
    data, checksum = data[:length], data[length:]
    if zlib.crc32(start + data) != int.from_bytes(checksum, "little"):
        raise ChecksumError("header: wrong checksum; the file is damaged")
    return _parse_fields(Fields(data, "header"))


def _parse_fields(fields: Fields) -> Header:
    features = fields.number()
    if features & ~(_ALLOCATION | _BANDS | _FINE | _TRANSFORM | _STEREO):
        raise UnsupportedError(f"the file has features ({features:#x}) unknown here: update vauxio")
    # What a minor version adds after these fields may be ignored, or there would be a feature bit.
    model = fields.text(fields.byte())
    code_space = fields.take(8)
    coder, coder_hash = fields.byte(), fields.take(8)
    samplerate = fields.number()
    channels, codebooks, code_bits = fields.take(3)
    block_tokens = fields.number()
    frames = fields.number()
    fine = bool(features & _FINE)

    def optional(feature: int, name: str, read: Callable[[], int], most: int) -> int:
        """A field that is there with its feature, and then not 0; 0 without."""
        value = read() if features & feature else 0
        if features & feature and not value:
            raise FormatError(f"header: {name} of 0: must be 1 to {most}")
        return value

    allocation_tokens = optional(_ALLOCATION, "allocation_tokens", fields.byte, 255)
    bands = optional(_BANDS, "bands", fields.byte, MAX_BANDS[fine])
    rate = optional(_TRANSFORM, "rate", fields.number, 9999)
    stereo_tokens = optional(_STEREO, "stereo_tokens", fields.byte, 255)
    stereo_resolution = fields.byte() if features & _STEREO else 0
    side = fields.number() if features & _STEREO else 0
    try:
        return Header(
            model=model,
            code_space=code_space,
            coder=coder,
            coder_hash=coder_hash,
            samplerate=samplerate,
            channels=channels,
            frames=frames - 1 if frames else None,
            codebooks=codebooks,
            code_bits=code_bits,
            block_tokens=block_tokens,
            allocation_tokens=allocation_tokens,
            bands=bands,
            fine=fine,
            rate=rate,
            stereo_tokens=stereo_tokens,
            stereo_resolution=stereo_resolution,
            side=side,
        )
    except FormatError as e:
        raise FormatError(f"header: {e}") from None


def _known(data: bytes) -> str:
    """For a file of another format: which it is, and what reads it."""
    for magic, name in _OTHERS.items():
        if data.startswith(magic):
            return f" but {name}: use soundfile.read, or make a .vx file of it with vaux encode"
    return ""
