"""The properties of a ``.vx`` file, read without decoding it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..codec.bandwidth_extension import highest_frequency
from ..codec.hifi.layout import HIGHEST
from ..entropy import coders
from ..errors import FormatError, ModelError, VauxError
from ..fileio import File, Input, name_of, naming
from ..text import printable
from .block_reader import TokenReader

__all__ = ["Info", "describe"]

_CODERS = {coders.PACKED: "packed", coders.STATIC: "static", coders.LM: "lm",
           coders.TRANSFORM: "transform"}  # fmt: skip
_CODING = {"packed": "none (codes are packed)", "static": "range coder, static model",
           "lm": "range coder, transformer",
           "transform": "range coder, small network"}  # fmt: skip


_COUNTED = 1 << 20  # tokens that are counted, about: a file of a few bytes must not take long


@dataclass(frozen=True, repr=False)
class Info:
    """A ``.vx`` file in numbers. Its repr is the report.

    Attributes
    ----------
    name : str
    samplerate, channels : int
    frames : int or None
        That can be decoded. None if that depends on a model that is not installed.
    duration : float or None
        In seconds.
    model : str
        Name of the model that made it.
    code_space : str
        Which codes the file has, in hexadecimal: any decoder of that code space decodes it. Of a
        transform codec, its tables.
    decoder : str or None
        First 8 bytes of the SHA-256 of the decoder that decodes it here, in hexadecimal (of a
        transform codec, of its enhancer); None if there is none.
    codebooks : int
        Codes of a token at most; 0 where there are none, in files of a transform codec.
    allocation : tuple of int or None
        Fewest and most codes of a token, where the bit allocation varies; of the first hours.
    bands : int
        Of bandwidth extension; 0 if there is none.
    bandwidth : float or None
        Highest frequency of the decoded audio, in Hz; None if the model is not installed.
    nominal : float or None
        kbps of all channels before entropy coding of the codes, with all that is coded beside them;
        of a transform codec, those that were asked for. None if the model is not installed.
    kbps : float or None
        kbps in fact: `bytes` over the duration.
    coder : str
        Entropy coder: ``'lm'`` (transformer), ``'transform'`` (of hifi-48k), ``'static'`` or
        ``'packed'`` (none).
    bytes : int
        Of the file, up to its end.
    blocks, tokens : int
    complete : bool
        False if the file is cut off; the numbers are of what is there.
    tags : mapping of str to str
    foreign : tuple of str
        Metadata of other formats that it has: what it is, and whose.
    joint : bool
        Whether pairs of channels are coded as joint stereo. False for hifi-48k, which decides that
        block by block.
    ignored : int
        Bytes after the end of the file, which are no part of it.
    """

    name: str
    samplerate: int
    channels: int
    frames: int | None
    duration: float | None
    model: str
    code_space: str
    decoder: str | None
    codebooks: int
    allocation: tuple[int, int] | None
    bands: int
    bandwidth: float | None
    nominal: float | None
    kbps: float | None
    coder: str
    bytes: int
    blocks: int
    tokens: int
    complete: bool
    tags: Mapping[str, str]
    foreign: tuple[str, ...] = ()
    joint: bool = False
    ignored: int = 0

    @property
    def installed(self) -> bool:
        """Whether a decoder of its code space is here."""
        return self.decoder is not None

    def __repr__(self) -> str:
        model = f"{self.model}, decoder {self.decoder}"
        if not self.installed:
            model = f"{self.model} (NOT INSTALLED), code space {self.code_space}"
        allocation = f"constant, {self.codebooks} codebooks"
        if self.allocation is not None:
            low, high = self.allocation
            allocation = f"variable, {low} to {high} of {self.codebooks} codebooks per token"
        elif not self.codebooks:
            allocation = "per coefficient (transform codec)"
        bitrate = "unknown" if self.kbps is None else f"{self.kbps:.3f} kbps"
        if self.nominal is not None:
            what = " before entropy coding" if self.codebooks else ""
            bitrate += f" (nominal {self.nominal:.4g} kbps{what})"
        bandwidth = "" if self.bandwidth is None else f"{self.bandwidth / 1000:.3g} kHz"
        if self.bands:
            bandwidth += f", bandwidth extension in {self.bands} bands"
        lines = [
            printable(self.name),
            f"samplerate: {self.samplerate} Hz",
            f"channels: {self.channels}{', joint stereo' if self.joint else ''}",
            f"duration: {_clock(self)}",
            f"model: {model}",
            f"bitrate: {bitrate}",
            f"bit allocation: {allocation}",
            *([f"bandwidth: {bandwidth.removeprefix(', ')}"] if bandwidth else []),
            f"entropy coding: {_CODING.get(self.coder, self.coder)}",
            f"size: {self.bytes} bytes in {self.blocks} block{'s' * (self.blocks != 1)}",
        ]
        if not self.complete:
            lines.append("CUT OFF: the end is missing; the figures are of what is there")
        if self.ignored:
            lines.append(f"after its end: {self.ignored} bytes, which are no part of it")
        lines += [f"tag {key}: {printable(value)}" for key, value in self.tags.items()]
        lines += [f"kept: {printable(what)}" for what in self.foreign]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """What a notebook shows: the report, and up to 30 s of sound if the file is a path."""
        from .notebook import show

        name, *lines = repr(self).splitlines()
        rows = [(key, text) for key, _, text in (line.partition(": ") for line in lines)]
        return show([("file", name), *rows], _sound(self), self.samplerate)


def _sound(info: Info) -> np.ndarray | None:
    """Samples of the beginning of a file, if it still exists and can be decoded."""
    from .notebook import SECONDS
    from .vauxfile import VauxFile

    if not (info.installed and os.path.isfile(info.name)):
        return None
    try:
        with VauxFile(info.name) as f:
            if f.frames != info.frames:
                return None
            return f.read(min(SECONDS * f.samplerate, f.frames or 0), always_2d=True)
    except (VauxError, OSError):
        return None


def describe(file: File) -> Info:
    """The report of a file; a pipe is read to its end. See `vauxio.info`."""
    with contextlib.closing(Input(file)) as source, naming(file):
        stream = source.file
        reader = TokenReader(stream)
        if reader.seekable:
            counts = None if reader.header.rate else count(reader)
            return _info(name_of(file), reader, reader.size, reader.ignored, counts)
        counts = count(reader)
        rest = 0
        while data := stream.read(1 << 16):
            rest += len(data)
        size, ignored = (reader.size, rest) if reader.complete else (reader.size + rest, 0)
        return _info(name_of(file), reader, size, ignored, counts)


class Counts(NamedTuple):
    """What some blocks have.

    Attributes
    ----------
    codes : ndarray
        Tokens of all channels by their number of codes, ``int64[codebooks + 1]``. Sides that are
        not coded do not count.
    tokens : int
        Of a channel.
    beside : int
        Bytes of what is coded beside codes: bit allocation, levels and stereo.
    """

    codes: np.ndarray
    tokens: int
    beside: int


def count(reader: TokenReader) -> Counts:
    """What the whole blocks of a file have, up to some hours of recording.

    A pipe is read to its end.
    """
    coded = reader.stereo.coded(reader.header.channels)
    codes, tokens, beside = np.zeros(reader.header.codebooks + 1, np.int64), 0, 0
    for block in reader.whole_blocks():
        if codes.sum() >= _COUNTED:
            if reader.seekable:
                break
            continue
        with contextlib.suppress(FormatError):
            found = reader.decoder.allocation(block)[coded]
            codes += np.bincount(found.ravel(), minlength=len(codes))
            tokens += block.tokens
            beside += len(block.allocation) + len(block.levels) + len(block.stereo)
    return Counts(codes, tokens, beside)


def _info(
    name: str, reader: TokenReader, size: int, ignored: int, counts: Counts | None
) -> Info:  # fmt: skip
    header = reader.header
    nominal = bandwidth = decoder = None
    codebooks: float = header.codebooks  # of a token on average
    allocation = None
    beside = 0.0  # bits of a token
    if counts is not None and counts.tokens:
        codes = counts.codes
        codebooks = float(codes @ np.arange(len(codes)) / codes.sum())
        beside = 8 * counts.beside / counts.tokens
        if header.allocation_tokens:
            found = np.flatnonzero(codes)
            allocation = int(found[0]), int(found[-1])
    try:
        frames = reader.frames
        nominal = header.channels * header.rate / 10
        if header.rate:
            bandwidth = min(HIGHEST, header.samplerate / 2)
            transform = reader.transform
            decoder = (transform.enhancer or transform.tables).hash.hex()
        else:
            decoder = reader.model.decoder.hash.hex()
            nominal = len(reader.stereo.coded(header.channels)) * reader.model.bitrate(codebooks)
            nominal += reader.model.token_rate * beside / 1000
            top = highest_frequency(reader.model, reader.bands)
            bandwidth = min(top, header.samplerate / 2)
    except ModelError:
        frames = reader.stored_frames
    duration = None if frames is None else frames / header.samplerate
    return Info(
        name=name,
        samplerate=header.samplerate,
        channels=header.channels,
        frames=frames,
        duration=duration,
        model=header.model,
        code_space=header.code_space.hex(),
        decoder=decoder,
        codebooks=0 if header.rate else header.codebooks,
        allocation=allocation,
        bands=header.bands,
        bandwidth=bandwidth,
        nominal=nominal,
        kbps=size * 8 / duration / 1000 if duration else None,
        coder=_CODERS.get(header.coder, f"unknown ({header.coder})"),
        bytes=size,
        blocks=reader.blocks,
        tokens=reader.tokens,
        complete=reader.complete,
        tags=header.tags,
        foreign=tuple(f"{one.name.strip()} of {one.format}" for one in header.foreign),
        joint=bool(reader.stereo),
        ignored=ignored,
    )


def _clock(info: Info) -> str:
    if info.duration is None:
        return "unknown"
    minutes, seconds = divmod(info.duration, 60)
    hours, minutes = divmod(int(minutes), 60)
    clock = f"{hours}:{minutes:02}:{seconds:06.3f}" if hours else f"{minutes}:{seconds:06.3f}"
    return f"{clock} ({info.frames} frames)"
