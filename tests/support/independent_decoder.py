"""A decoder of ``.vx`` files, written from ``docs/format.md`` alone.

It shares nothing with vauxio, not even NumPy, and is as slow as it is plain. It reads a file in
order and gives its codes; comments name the sections of the specification.
"""

from __future__ import annotations

import bisect
import hashlib
import re
import zlib
from dataclasses import dataclass, field

from . import independent_lm


class Malformed(Exception):
    """A rule of the format is broken."""


class CutOff(Malformed):
    """The file ends too early."""


class Damaged(Malformed):
    """A checksum is wrong."""


class TooNew(Malformed):
    """The file needs a newer reader."""


@dataclass
class Recording:
    """What a file has.

    Attributes
    ----------
    codes : list of list of list of int
        ``codes[t][ch][k]``; with allocation, those that are there.
    levels : list of int
        Of all blocks, in the order in which they are coded.
    stereo : list of int
        Differences and coherences of joint stereo, the same.
    tags : dict of str to str
    pictures : list of (int, str, str, bytes)
    blocks : int
        Read so far.
    """

    model: str = ""
    code_space: bytes = b""
    coder: int = 0
    coder_hash: bytes = b""
    samplerate: int = 0
    channels: int = 0
    codebooks: int = 0
    code_bits: int = 0
    block_tokens: int = 0
    allocation_tokens: int = 0
    bands: int = 0
    fine: bool = False
    stereo_tokens: int = 0
    resolution: int = 0
    side: int = 0
    frames: int | None = None
    codes: list[list[list[int]]] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    stereo: list[int] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    pictures: list[tuple[int, str, str, bytes]] = field(default_factory=list)
    blocks: int = 0


class Bytes:
    """Bytes to be taken from the front."""

    def __init__(self, data: bytes, short: type[Malformed] = Malformed) -> None:
        self.data, self.at, self.short = data, 0, short

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise self.short(f"{count} bytes expected at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def number(self) -> int:  # 2
        value = 0
        for i in range(7):
            byte = self.integer(1)
            value += (byte % 128) << 7 * i
            if byte < 128:
                if byte == 0 and i > 0:
                    raise Malformed("a number in more bytes than it needs")
                return value
        raise Malformed("a number in more than seven bytes")

    def text(self, limit: int) -> str:
        length = self.number()
        if length > limit:
            raise Malformed("a text over its limit")
        try:
            text = self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a text that is not UTF-8") from None
        if "\0" in text:
            raise Malformed("a text with U+0000")
        return text

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)


def decode(
    data: bytes,
    table: list[list[int]] | None = None,
    into: Recording | None = None,
    lm: bytes = b"",
) -> Recording:
    """Everything in a file.

    Parameters
    ----------
    data : bytes
    table : list of list of int, optional
        The static table, for files that need it.
    into : Recording, optional
        To be filled as reading goes on, so that it has what came before an error.
    lm : bytes, optional
        The language model's file, for files that need it.
    """
    recording = Recording() if into is None else into
    stream = Bytes(data, CutOff)
    read_header(stream, recording)
    starts: list[int] = []
    seen_tags = False
    while True:
        start = stream.at
        kind, body = read_chunk(stream)
        if kind == "B":
            if len(recording.codes) % recording.block_tokens:
                raise Malformed("a block that is not full, and not the last")
            starts.append(start)
            recording.codes += read_block(body, recording, table, lm)
            recording.blocks += 1
        elif kind == "E":
            read_end(body, len(stream.data[start : stream.at]), [*starts, start], recording)
            return recording
        elif kind == "t" and not starts:
            if seen_tags:
                raise Malformed("two chunks of tags")
            seen_tags = True
            recording.tags = read_tags(body)
        elif kind == "p" and not starts:
            recording.pictures.append(read_picture(body))
            if len(recording.pictures) > 32:
                raise Malformed("too many pictures")
            if sum(len(picture[3]) for picture in recording.pictures) > 16_000_000:
                raise Malformed("pictures too large")
        elif kind.isupper():
            raise TooNew(f"chunk {kind}")


def read_header(stream: Bytes, recording: Recording) -> None:  # 4
    magic = stream.data[:4]
    if magic != b"\x89VX\n"[: len(magic)]:
        raise Malformed("not a .vx file")
    stream.take(4)
    major, _minor, length = stream.integer(1), stream.integer(1), stream.integer(2)
    if major != 1:
        raise TooNew(f"major version {major}")
    if length > 4096:
        raise Malformed("header too long")
    fields = Bytes(stream.take(length))
    if zlib.crc32(stream.data[: 8 + length]) != stream.integer(4):
        raise Damaged("header")
    features = fields.number()
    if features not in range(8) and features not in (17, 19, 23):
        raise TooNew("features")
    name = fields.take(fields.integer(1))
    if not re.fullmatch(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise Malformed("model name")
    recording.model = name.decode("ascii")
    recording.code_space = fields.take(8)
    recording.coder = fields.integer(1)
    recording.coder_hash = fields.take(8)
    recording.samplerate = in_range(fields.number(), 1, 768000)
    recording.channels = in_range(fields.integer(1), 1, 255)
    recording.codebooks = in_range(fields.integer(1), 1, 32)
    recording.code_bits = in_range(fields.integer(1), 1, 16)
    recording.block_tokens = in_range(fields.number(), 1, 65535)
    frames = in_range(fields.number(), 0, 2**48)
    recording.frames = frames - 1 if frames else None
    recording.allocation_tokens = in_range(fields.integer(1), 1, 255) if features & 1 else 0
    recording.fine = bool(features & 4)
    recording.bands = 0
    if features & 4 and not features & 2:
        raise Malformed("fine levels without levels")
    if features & 2:
        recording.bands = in_range(fields.integer(1), 1, 10 if recording.fine else 5)
    if features & 16:
        recording.stereo_tokens = in_range(fields.integer(1), 1, 255)
        recording.resolution = in_range(fields.integer(1), 0, 1)
        recording.side = in_range(fields.number(), 0, 320)
        in_range(recording.channels, 2, 255)
    in_range(recording.block_tokens * recording.channels * recording.codebooks, 1, 2**22)
    if recording.coder == 0 and recording.coder_hash != bytes(8):
        raise Malformed("a coder hash without a coder")


def in_range(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Malformed(f"{value} is not {low} to {high}")
    return value


def read_chunk(stream: Bytes) -> tuple[str, bytes]:  # 5
    start = stream.at
    kind = stream.take(1)
    if not re.fullmatch(b"[A-Za-z]", kind):
        raise Damaged("no chunk")
    try:
        length = stream.number()
    except CutOff:
        raise
    except Malformed:
        raise Damaged("no length") from None
    if length > 2**24:
        raise Damaged("no length")
    body = stream.take(length)
    checked = stream.data[start : stream.at]
    if zlib.crc32(checked) != stream.integer(4):
        raise Damaged(f"chunk {kind.decode()}")
    return kind.decode(), body


def read_tags(body: bytes) -> dict[str, str]:  # 5.1
    if len(body) > 2**20:
        raise Malformed("tags too large")
    fields = Bytes(body)
    tags: dict[str, str] = {}
    for _ in range(in_range(fields.number(), 0, 1024)):
        key, value = fields.text(64), fields.text(262144)
        if not re.fullmatch(r"[\x20-\x3c\x3e-\x7e]+", key):
            raise Malformed("tag key")
        if key.lower() in (other.lower() for other in tags):
            raise Malformed("two tags of the same key")
        tags[key] = value
    if fields.rest():
        raise Malformed("bytes after the tags")
    return tags


def read_picture(body: bytes) -> tuple[int, str, str, bytes]:  # 5.2
    fields = Bytes(body)
    kind, mime, description = fields.integer(1), fields.text(64), fields.text(1024)
    if not re.fullmatch(r"[\x21-\x7e]+", mime):
        raise Malformed("MIME type")
    return kind, mime, description, fields.rest()


def read_block(
    body: bytes, recording: Recording, table: list[list[int]] | None, lm: bytes
) -> list[list[list[int]]]:  # 5.4, 6
    fields = Bytes(body)
    tokens = in_range(fields.number(), 1, recording.block_tokens)
    coder, checksum = fields.integer(1), fields.integer(4)
    allocation = [[recording.codebooks] * recording.channels for _ in range(tokens)]
    if recording.allocation_tokens:
        allocation = read_allocation(fields.take(fields.number()), tokens, recording)
    if recording.bands:
        recording.levels += read_levels(fields.take(fields.number()), tokens, recording)
    if recording.stereo_tokens:
        recording.stereo += read_stereo(fields.take(fields.number()), tokens, recording)
        if not recording.side and any(any(token[1::2]) for token in paired(allocation)):
            raise Malformed("codes of a side")
    payload = fields.rest()
    bits = sum(map(sum, allocation)) * recording.code_bits
    if len(payload) > (bits + 7) // 8:
        raise Malformed("a payload larger than packed")
    if coder not in (0, recording.coder):
        raise Malformed("a coder that is not the header's")
    if coder == 0:
        codes = unpack(payload, allocation, recording.code_bits)
    elif coder == 1:
        codes = decode_static(payload, allocation, recording, table)
    elif coder == 5:
        if hashlib.sha256(lm).digest()[:8] != recording.coder_hash:
            raise Malformed("another language model")
        codes = independent_lm.decode(lm, RangeDecoder(payload), allocation)
    else:
        raise TooNew(f"coder {coder}")
    before = [[[len(channel)] if recording.allocation_tokens else [] for channel in token]
              for token in codes]  # fmt: skip
    in_token_order = [
        code
        for token, lengths in zip(codes, before, strict=True)
        for channel, length in zip(token, lengths, strict=True)
        for code in length + channel
    ]
    if zlib.crc32(b"".join(code.to_bytes(2, "little") for code in in_token_order)) != checksum:
        raise Damaged("codes")
    return codes


def read_allocation(data: bytes, tokens: int, recording: Recording) -> list[list[int]]:  # 6.1
    most, spans = recording.codebooks, -(-tokens // recording.allocation_tokens)
    if len(data) > 3 * spans * recording.channels + 4:
        raise Malformed("too many bytes of allocation")
    decoder = RangeDecoder(data)
    count = {j: max(1, 64 // 2 ** abs(j)) for j in range(-most, most + 1)}
    allocation: list[list[int]] = [[] for _ in range(tokens)]
    for _ in range(recording.channels):
        last = 0
        for first in range(0, tokens, recording.allocation_tokens):
            counts = decoder.symbol(distribution([count[i - last] for i in range(most + 1)]))
            count[counts - last] += 32
            last = counts
            for token in allocation[first : first + recording.allocation_tokens]:
                token.append(counts)
    return allocation


def read_levels(data: bytes, tokens: int, recording: Recording) -> list[int]:  # 6.2
    span = 3 if recording.fine else 25
    rows, spans = recording.channels * recording.bands, -(-tokens // span)
    if len(data) > 3 * spans * rows + 4:
        raise Malformed("too many bytes of levels")
    if not data:
        return [0] * rows * spans
    decoder = RangeDecoder(data)
    count = {j: max(1, 64 // 2 ** abs(j)) for j in range(-21, 22)}
    levels = []
    for _ in range(rows):
        last = 0
        for _ in range(spans):
            level = decoder.symbol(distribution([count[i - last] for i in range(22)]))
            count[level - last] += 32
            levels.append(level)
            last = level
    return levels


def paired(allocation: list[list[int]]) -> list[list[int]]:
    """Without the last channel of an odd number."""
    return [token[: len(token) // 2 * 2] for token in allocation]


def read_stereo(data: bytes, tokens: int, recording: Recording) -> list[int]:  # 6.3
    pairs, spans = recording.channels // 2, -(-tokens // recording.stereo_tokens)
    if len(data) > (306, 360)[recording.resolution] * pairs * spans + 4:
        raise Malformed("too many bytes of stereo")
    begins: list[int] = [0, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16]
    if recording.resolution:
        begins += [18, 20, 22, 24, 27, 29, 32, 35, 39, 43, 46, 51, 56]
    else:
        begins += [19, 23, 28, 33, 40, 47, 56]
    begins += [66, 77, 91, 106, 125, 146, 170, 199, 232, 271, 315, 367, 428, 498]
    ends = [308, 331, 355, 374, 393, 414, 436, 459, 482, 507, 533]
    if not recording.fine:
        ends = [308, 355, 393, 436, 482, 533]
    stop = ends[recording.bands] if recording.bands else 320
    bands = sum(begin < stop for begin in begins)
    if not data:
        return ([7] * bands + [0] * bands) * spans * pairs
    decoder = RangeDecoder(data)
    news = [[90, 12, 8, 4] for _ in range(8)]
    count = [[16] * 15, [16] * 8]
    values = []
    for _ in range(pairs):
        last = [[7] * bands, [0] * bands]
        for _ in range(spans):
            expected = [distribution(frequencies) for frequencies in news]
            before = [list(frequencies) for frequencies in count]
            new = []
            for b in range(bands):
                c = last[1][b]
                new.append(decoder.symbol(expected[c]))
                news[c][new[b]] += 20
            for k in (0, 1):
                for b in range(bands):
                    if new[b] >> k & 1:
                        frequencies = list(before[k])
                        frequencies[last[k][b]] = 0
                        last[k][b] = decoder.symbol(distribution(frequencies))
                        count[k][last[k][b]] += 24
            for x in news + count:
                if sum(x) > 8000:
                    x[:] = [(f + 1) // 2 for f in x]
            values += last[0] + last[1]
    return values


def unpack(payload: bytes, allocation: list[list[int]], bits: int) -> list[list[list[int]]]:  # 7.1
    count = sum(map(sum, allocation))
    if len(payload) != (count * bits + 7) // 8:
        raise Malformed("packed codes of the wrong size")
    stream = int.from_bytes(payload, "little")
    if stream >> count * bits:
        raise Malformed("bits after the last code")
    values = iter([stream >> bits * i & (1 << bits) - 1 for i in range(count)])
    return [[[next(values) for _ in range(counts)] for counts in token] for token in allocation]


def decode_static(
    payload: bytes,
    allocation: list[list[int]],
    recording: Recording,
    table: list[list[int]] | None,
) -> list[list[list[int]]]:  # 7.2
    if table is None or len(table) < recording.codebooks:
        raise Malformed("no table for this file")
    as_bytes = b"".join(f.to_bytes(2, "little") for row in table for f in row)
    if hashlib.sha256(as_bytes).digest()[:8] != recording.coder_hash:
        raise Malformed("not the table of this file")
    codes = [[[0] * counts for counts in token] for token in allocation]
    decoder = RangeDecoder(payload)
    for k in range(recording.codebooks):
        bounds = distribution(table[k])
        for ch in range(recording.channels):
            for t in range(len(allocation)):
                if k < allocation[t][ch]:
                    codes[t][ch][k] = decoder.symbol(bounds)
    return codes


def distribution(f: list[int]) -> list[int]:  # 8.1
    room = 2**24 - len(f)
    total = sum(f)
    w = [x * room // total for x in f]
    w[f.index(max(f))] += room - sum(w)
    c = [0]
    for x in w:
        c.append(c[-1] + x + 1)
    return c


class RangeDecoder:  # 8.2
    def __init__(self, payload: bytes) -> None:
        self.payload, self.at = payload, 0
        self.range = 2**64 - 1
        self.d = self.word() << 32
        self.d += self.word()

    def word(self) -> int:
        word = self.payload[self.at : self.at + 4]
        self.at += 4
        return int.from_bytes(word, "little")  # what is missing of it is zero

    def symbol(self, c: list[int]) -> int:
        scale = self.range // 2**24
        q = self.d // scale
        if q >= 2**24:
            raise Malformed("range code")
        i = bisect.bisect_right(c, q) - 1
        self.d -= scale * c[i]
        self.range = scale * (c[i + 1] - c[i])
        if self.range < 2**32:
            self.range *= 2**32
            self.d = self.d * 2**32 + self.word()
        return i


def read_end(body: bytes, size: int, starts: list[int], recording: Recording) -> None:  # 5.5
    if len(body) < 4 or int.from_bytes(body[-4:], "little") != size:
        raise Malformed("the end has not its own size")
    fields = Bytes(body[:-4])
    frames = in_range(fields.number(), 0, 2**48 - 1)
    if recording.frames not in (None, frames):
        raise Malformed("header and end differ in frames")
    recording.frames = frames
    if fields.number() != len(recording.codes):
        raise Malformed("not as many tokens as the end says")
    for start, following in zip(starts, starts[1:], strict=False):
        if fields.number() != following - start:
            raise Malformed("the index is not that of the blocks")
