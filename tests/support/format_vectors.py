"""Test vectors of the ``.vx`` format, put together by hand from ``docs/format.md``.

Nothing of vauxio is used here, so that the vectors can prove it right or wrong. Run as a program,
this writes ``tests/data/vectors`` and the two parts of ``docs/format.md`` that show them.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "vectors"
SPECIFICATION = Path(__file__).parents[2] / "docs" / "format.md"
TABLE = [[1 + (40000 >> (i + 16 * k >> 4)) for i in range(1024)] for k in range(4)]

Parts = list[tuple[bytes, str]]  # bytes and what they are


# --- the format ---


def number(value: int) -> bytes:
    low, high = value & 127, value >> 7
    return bytes([low | 128]) + number(high) if high else bytes([low])


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def joined(parts: Parts) -> bytes:
    return b"".join(data for data, _ in parts)


def with_checksum(parts: Parts) -> Parts:
    return [*parts, (u32(zlib.crc32(joined(parts))), "checksum")]


def header(
    samplerate: int,
    channels: int,
    codebooks: int,
    block_tokens: int,
    frames: int | None = None,
    coder: int = 0,
    version: tuple[int, int] = (1, 0),
    features: int = 0,
    magic: bytes = b"\x89VX\n",
    extra: bytes = b"",
    allocation_tokens: int = 0,
    bands: int = 0,
    stereo: tuple[int, int, int] | None = None,
) -> Parts:
    coder_hash = hashlib.sha256(b"".join(u16(f) for row in TABLE for f in row)).digest()[:8]
    fields = [
        (number(features), "features: none"),
        (b"\x0a", "name length"),
        (b"test-model", "model: test-model"),
        (bytes(range(1, 9)), "code space"),
        (bytes([coder]), f"coder: {'static' if coder else 'packed'}"),
        (coder_hash if coder else bytes(8), "coder hash"),
        (number(samplerate), f"sample rate: {samplerate}"),
        (bytes([channels]), "channels"),
        (bytes([codebooks]), "codebooks"),
        (b"\x0a", "code bits: 10"),
        (number(block_tokens), "block tokens"),
        (number(0 if frames is None else frames + 1), "frames: not known yet"),
    ]
    if allocation_tokens:
        fields.append((bytes([allocation_tokens]), "allocation tokens"))
    if bands:
        fields.append((bytes([bands]), "bands"))
    if stereo:
        fields.append((bytes(stereo[:2]) + number(stereo[2]), "stereo tokens, resolution, side"))
    if extra:
        fields.append((extra, "fields of a later version"))
    start = [
        (magic, "magic"),
        (bytes(version), f"version {version[0]}.{version[1]}"),
        (u16(len(joined(fields))), f"{len(joined(fields))} bytes of fields"),
    ]
    return with_checksum(start + fields)


def chunk(kind: bytes, body: Parts) -> Parts:
    length = len(joined(body))
    head = [(kind, f"kind: {kind.decode()}"), (number(length), f"{length} bytes of body")]
    return with_checksum(head + body)


def block(
    codes: list[list[list[int]]],
    coder: int = 0,
    codes_crc: int | None = None,
    allocation: bytes | None = None,
    levels: bytes | None = None,
    stereo: bytes | None = None,
) -> Parts:
    payload = range_coded(codes) if coder else packed(codes)
    checksum = crc_of_codes(codes, allocation is not None) if codes_crc is None else codes_crc
    return block_chunk(number(len(codes)), coder, checksum, payload, allocation, levels, stereo)


def block_chunk(
    tokens: bytes,
    coder: int,
    codes_crc: int,
    payload: bytes,
    allocation: bytes | None = None,
    levels: bytes | None = None,
    stereo: bytes | None = None,
) -> Parts:
    body = [
        (tokens, f"tokens: {tokens[0]}"),
        (bytes([coder]), "coder"),
        (u32(codes_crc), "codes checksum"),
    ]
    if allocation is not None:
        body.append((number(len(allocation)) + allocation, "allocation"))
    if levels is not None:
        body.append((number(len(levels)) + levels, "levels"))
    if stereo is not None:
        body.append((number(len(stereo)) + stereo, "stereo"))
    return chunk(b"B", [*body, (payload, "payload")])


def end(frames: int, tokens: int, distances: list[int], extra: bytes = b"") -> Parts:
    body = [(number(frames), f"frames: {frames}"), (number(tokens), f"tokens: {tokens}")]
    body += [(number(d), f"block {i}: {d} bytes") for i, d in enumerate(distances)]
    if extra:
        body.append((extra, "fields of a later version"))
    size = len(joined(chunk(b"E", [*body, (bytes(4), "")])))
    return chunk(b"E", [*body, (u32(size), f"size of this chunk: {size}")])


def texts(*values: str) -> bytes:
    return b"".join(number(len(value.encode())) + value.encode() for value in values)


def tags(*pairs: tuple[str, str]) -> Parts:
    return chunk(b"t", [(number(len(pairs)) + b"".join(texts(*pair) for pair in pairs), "tags")])


# --- codes: codes[t][ch][k] ---


def random_codes(tokens: int, channels: int, codebooks: int, below: int) -> list[list[list[int]]]:
    """Of section 15."""
    numbers = _generator()
    return [
        [[(next(numbers) >> 16) % below for _ in range(codebooks)] for _ in range(channels)]
        for _ in range(tokens)
    ]


def _generator() -> Iterator[int]:
    x = 1
    while True:
        x = (1103515245 * x + 12345) % 2**31
        yield x


def token_order(codes: list[list[list[int]]]) -> list[int]:
    return [code for token in codes for channel in token for code in channel]


def crc_of_codes(codes: list[list[list[int]]], allocation: bool = False) -> int:
    if allocation:
        codes = [[[len(channel), *channel] for channel in token] for token in codes]
    return zlib.crc32(b"".join(map(u16, token_order(codes))))


def of_allocation(
    codes: list[list[list[int]]], block_tokens: int, allocation_tokens: int
) -> list[list[list[int]]]:
    """The codes that are left with the allocation of section 15."""
    codebooks = len(codes[0][0])
    return [
        [
            channel[: (3 * (t % block_tokens // allocation_tokens) + 2 * ch) % (codebooks + 1)]
            for ch, channel in enumerate(token)
        ]
        for t, token in enumerate(codes)
    ]


def coded_allocation(codes: list[list[list[int]]], allocation_tokens: int, codebooks: int) -> bytes:
    """Section 6.1, of the codes of a block."""
    rows = [[len(token[ch]) for token in codes[::allocation_tokens]] for ch in range(len(codes[0]))]
    return coded_by_difference(rows, codebooks)


def coded_by_difference(rows: list[list[int]], most: int) -> bytes:
    """Sections 6.1 and 6.2."""
    count = {j: max(1, 64 >> abs(j)) for j in range(-most, most + 1)}
    symbols = []
    for row in rows:
        last = 0
        for value in row:
            symbols.append(([count[i - last] for i in range(most + 1)], value))
            count[value - last] += 32
            last = value
    return range_encode(symbols)


def packed(codes: list[list[list[int]]]) -> bytes:
    values = token_order(codes)
    total = sum(value << 10 * i for i, value in enumerate(values))
    return total.to_bytes((10 * len(values) + 7) // 8, "little")


def range_coded(codes: list[list[list[int]]]) -> bytes:
    symbols = [
        (TABLE[k], codes[t][ch][k])
        for k in range(len(TABLE))
        for ch in range(len(codes[0]))
        for t in range(len(codes))
        if k < len(codes[t][ch])
    ]
    return range_encode(symbols)


def range_encode(symbols: list[tuple[list[int], int]]) -> bytes:
    """Section 8.3: frequencies and symbol, one after the other."""
    low, width, count = 0, 2**64 - 1, 1
    for frequencies, symbol in symbols:
        bounds = distribution(tuple(frequencies))
        scale = width >> 24
        low += scale * bounds[symbol]
        width = scale * (bounds[symbol + 1] - bounds[symbol])
        if width < 2**32:
            low, width, count = low << 32, width << 32, count + 1
    value = -(-low // 2**32)
    words = [value >> 32 * i & 0xFFFFFFFF for i in reversed(range(count))]
    return b"".join(map(u32, words)).rstrip(b"\0")


_distributions: dict[tuple[int, ...], list[int]] = {}


def distribution(frequencies: tuple[int, ...]) -> list[int]:
    """Section 8.1: the cumulative distribution."""
    if frequencies not in _distributions:
        room = 2**24 - len(frequencies)
        weights = [f * room // sum(frequencies) for f in frequencies]
        weights[frequencies.index(max(frequencies))] += room - sum(weights)
        bounds = [0]
        for weight in weights:
            bounds.append(bounds[-1] + weight + 1)
        _distributions[frequencies] = bounds
    return _distributions[frequencies]


# --- the vectors ---


def simple(**changes: Any) -> tuple[Parts, list[Parts], list[list[list[int]]]]:
    """Header, blocks and codes of the first vector, or of one that differs."""
    codes = random_codes(20, 1, 2, 1024)
    blocks = [block(codes[i : i + 8]) for i in (0, 8, 16)]
    return header(24000, 1, 2, 8, **changes), blocks, codes


def file_of(head: Parts, blocks: list[Parts], frames: int = 5000, tokens: int = 20) -> Parts:
    distances = [len(joined(b)) for b in blocks]
    return [*head, *sum(blocks, []), *end(frames, tokens, distances)]


def first_vector() -> Parts:
    head, blocks, _ = simple()
    return file_of(head, blocks)


STEREO_BANDS = 31, 37  # of a file without levels, by resolution


def stereo_centre(bands: int) -> list[list[int]]:
    return [[7] * bands, [0] * bands]


def stereo_values(pair: int, spans: int, bands: int) -> list[list[list[int]]]:
    """Of a pair in a block, by span and kind: some stay, some change."""
    return [
        [[(7 + pair + (b * s // 7) * (b % 3)) % 15 for b in range(bands)],
         [(b // 4 + s // 2 + pair) % 8 for b in range(bands)]]
        for s in range(spans)
    ]  # fmt: skip


def of_mains(codes: list[list[list[int]]]) -> list[list[list[int]]]:
    """Without those of sides."""
    return [[[] if ch in (1, 3) else books for ch, books in enumerate(token)] for token in codes]


def coded_stereo(pairs: list[list[list[list[int]]]]) -> bytes:
    """Section 6.3, of the values of a block."""
    bands = len(pairs[0][0][0])
    news = [[90, 12, 8, 4] for _ in range(8)]
    count = [[16] * 15, [16] * 8]
    symbols = []
    for spans in pairs:
        last = stereo_centre(bands)
        for span in spans:
            expected, before = [list(f) for f in news], [list(f) for f in count]
            for b in range(bands):
                c = last[1][b]
                new = sum(2**k for k in (0, 1) if span[k][b] != last[k][b])
                symbols.append((expected[c], new))
                news[c][new] += 20
            for k in (0, 1):
                for b in range(bands):
                    if span[k][b] != last[k][b]:
                        frequencies = list(before[k])
                        frequencies[last[k][b]] = 0
                        symbols.append((frequencies, span[k][b]))
                        count[k][span[k][b]] += 24
            for x in news + count:
                if sum(x) > 8000:
                    x[:] = [(f + 1) // 2 for f in x]
            last = span
    return range_encode(symbols)


def coded_levels(levels: list[int], spans: int) -> bytes:
    """Of a block, so many to a row."""
    return coded_by_difference([levels[i : i + spans] for i in range(0, len(levels), spans)], 21)


def build() -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files by name, and what is expected of each."""
    files: dict[str, bytes] = {}
    expected: dict[str, Any] = {}

    def add(name: str, what: str, parts: Parts, error: str | None = None, **facts: Any) -> None:
        files[name] = joined(parts)
        expected[name] = {"what": what, "error": error, **facts}

    head, blocks, codes = simple()
    crc = crc_of_codes(codes)
    shape = {"samplerate": 24000, "channels": 1, "codebooks": 2, "tokens": 20, "codes_crc": crc}
    add("good-01-packed.vx", "packed codes, three blocks", file_of(head, blocks), frames=5000,
        **shape)  # fmt: skip

    stereo = random_codes(40, 2, 4, 64)
    picture = [(b"\x03" + texts("image/png", "front") + b"not a png", "picture")]
    metadata = [
        *tags(("title", "Für Elise"), ("COMMENT", "")),
        *chunk(b"x", [(b"unknown, to be skipped", "")]),
        *chunk(b"p", picture),
        *chunk(b"z", [(bytes(5), "")]),
    ]
    between = chunk(b"y", [(b"unknown, between blocks", "")])
    stereo_blocks = [
        [*block(stereo[:16], 1), *between],
        block(stereo[16:32]),
        block(stereo[32:], 1),
    ]
    add(
        "good-02-static.vx",
        "stereo, static coder with one block packed, tags, picture, unknown optional chunks",
        file_of(
            [*header(44100, 2, 4, 16, 20000, coder=1), *metadata], stereo_blocks, 20000, 40
        ),
        samplerate=44100, channels=2, codebooks=4, tokens=40, frames=20000,
        codes_crc=crc_of_codes(stereo), tags={"title": "Für Elise", "COMMENT": ""},
    )  # fmt: skip
    add("good-03-empty.vx", "no blocks", file_of(head, [], 0, 0), samplerate=24000, channels=1,
        codebooks=2, tokens=0, frames=0, codes_crc=0)  # fmt: skip

    later = simple(version=(1, 9), extra=b"\xff")[0]
    distances = [len(joined(b)) for b in blocks]
    add(
        "good-04-minor.vx",
        "version 1.9: more fields in header and end, and bytes after the end",
        [*later, *sum(blocks, []), *end(5000, 20, distances, b"\xff\xff"), (b"after", "")],
        frames=5000, **shape,
    )  # fmt: skip

    deep = of_allocation(random_codes(40, 2, 4, 64), 16, 3)
    parts = deep[:16], deep[16:32], deep[32:]
    allocation = [coded_allocation(part, 3, 4) for part in parts]
    deep_head = header(
        44100, 2, 4, 16, 20000, coder=1, version=(1, 1), features=1, allocation_tokens=3
    )  # fmt: skip
    deep_blocks = [
        block(part, coder, allocation=each)
        for part, coder, each in zip(parts, (1, 0, 1), allocation, strict=True)
    ]
    add(
        "good-05-allocation.vx",
        "version 1.1: stereo with a bit allocation that varies, static coder with one block packed",
        file_of(deep_head, deep_blocks, 20000, 40),
        samplerate=44100, channels=2, codebooks=4, tokens=40, frames=20000,
        codes_crc=crc_of_codes(deep, True),
    )  # fmt: skip

    high = random_codes(70, 2, 1, 1024)
    spans = [[7 * j % 22 for j in range(2 * 3 * n)] for n in (2, 2, 1)]
    levels = [coded_levels(each, n) for each, n in zip(spans, (2, 2, 1), strict=True)]
    high_blocks = [
        block(high[i : i + 30], levels=each)
        for i, each in zip((0, 30, 60), (levels[0], b"", levels[2]), strict=True)
    ]
    add(
        "good-06-levels.vx",
        "version 1.2: stereo with levels of three bands",
        file_of(header(32000, 2, 1, 30, version=(1, 2), features=2, bands=3), high_blocks, 9, 70),
        samplerate=32000, channels=2, codebooks=1, tokens=70, frames=9,
        codes_crc=crc_of_codes(high), levels=spans[0] + [0] * 12 + spans[2],
    )  # fmt: skip

    fine = random_codes(20, 1, 1, 1024)
    spans = [[7 * j % 22 for j in range(7 * n)] for n in (5, 2)]
    levels = [coded_levels(each, n) for each, n in zip(spans, (5, 2), strict=True)]
    fine_head = header(32000, 1, 1, 15, version=(1, 3), features=6, bands=7)
    fine_blocks = [block(fine[:15], levels=levels[0]), block(fine[15:], levels=levels[1])]
    add(
        "good-07-fine-levels.vx",
        "version 1.3: fine levels of seven bands",
        file_of(fine_head, fine_blocks, 9, 20),
        samplerate=32000, channels=1, codebooks=1, tokens=20, frames=9,
        codes_crc=crc_of_codes(fine), levels=spans[0] + spans[1],
    )  # fmt: skip

    # Two pairs and a channel in none; the second block is as if channels were equal.
    paired = of_mains(random_codes(33, 5, 2, 1024))
    thirds = paired[:13], paired[13:26], paired[26:]
    for resolution, bands in enumerate(STEREO_BANDS):
        values = [[stereo_values(pair, spans, bands) for pair in range(2)] for spans in (5, 3)]
        told = [values[0], [[stereo_centre(bands)] * 5] * 2, values[1]]
        codings = coded_stereo(told[0]), b"", coded_stereo(told[2])
        paired_head = header(48000, 5, 2, 13, version=(1, 7), features=17, allocation_tokens=1,
                             stereo=(3, resolution, 0))  # fmt: skip
        paired_blocks = [block(part, allocation=coded_allocation(part, 1, 2), stereo=coding)
                         for part, coding in zip(thirds, codings, strict=True)]  # fmt: skip
        add(f"good-{9 + resolution:02d}-stereo-{resolution}.vx",
            f"version 1.7: joint stereo of two pairs at resolution {resolution}, a fifth channel",
            file_of(paired_head, paired_blocks, 9, 33), samplerate=48000, channels=5, codebooks=2,
            tokens=33, frames=9, codes_crc=crc_of_codes(paired, True),
            stereo=[value for of_block in told for pair in of_block for span in pair
                    for kind in span for value in kind])  # fmt: skip

    kept = [(texts("RIFF", "cue ") + bytes(range(28)), "foreign metadata")]
    add("good-08-foreign.vx", "version 1.5: foreign metadata",
        file_of([*simple(version=(1, 5))[0], *chunk(b"f", kept)], blocks), frames=5000,
        **shape)  # fmt: skip

    cut = joined(file_of(head, blocks))
    cut = cut[: cut.index(joined(blocks[2])) + 20]
    add("bad-01-cut-off.vx", "ends in block 2", [(cut, "")], "TruncatedError", blocks=2)
    flipped = bytearray(joined(file_of(head, blocks)))
    flipped[flipped.index(joined(blocks[1])) + 12] ^= 1
    add("bad-02-payload.vx", "a bit of the payload of block 1 is wrong", [(bytes(flipped), "")],
        "ChecksumError", blocks=1)  # fmt: skip
    wrong = [blocks[0], block(codes[8:16], codes_crc=0), blocks[2]]
    add("bad-03-codes.vx", "block 1 has codes of another checksum", file_of(head, wrong),
        "ChecksumError", blocks=1)  # fmt: skip
    add("bad-04-major.vx", "version 2.0", file_of(simple(version=(2, 0))[0], blocks),
        "UnsupportedError")  # fmt: skip
    add("bad-05-feature.vx", "an unknown feature", file_of(simple(features=64)[0], blocks),
        "UnsupportedError")  # fmt: skip
    add("bad-06-chunk.vx", "an unknown chunk that is not optional",
        file_of([*head, *chunk(b"X", [(b"?", "")])], blocks), "UnsupportedError")  # fmt: skip
    add("bad-07-limit.vx", "33 codebooks", file_of(header(24000, 1, 33, 8), blocks), "FormatError")
    long_number = block_chunk(b"\x88\0", 0, crc_of_codes(codes[:8]), packed(codes[:8]))
    add("bad-08-number.vx", "block 0 has a number in more bytes than it needs",
        file_of(head, [long_number, *blocks[1:]]), "FormatError", blocks=0)  # fmt: skip
    add("bad-09-order.vx", "block 1 is not full, and not the last",
        file_of(head, [blocks[0], blocks[2], blocks[1]]), "FormatError")  # fmt: skip
    add("bad-10-index.vx", "the distances are not those of the blocks",
        [*head, *sum(blocks, []), *end(5000, 20, [d + 1 for d in distances])],
        "FormatError")  # fmt: skip
    large = block_chunk(b"\x08", 0, crc_of_codes(codes[:8]), packed(codes[:8]) + b"\0")
    add("bad-11-size.vx", "the payload of block 0 is larger than its codes packed",
        file_of(head, [large, *blocks[1:]]), "FormatError", blocks=0)  # fmt: skip
    short = random_codes(1, 1, 1, 1024)
    padded = block_chunk(b"\x01", 0, crc_of_codes(short), bytes([packed(short)[0], 0xFF]))
    add("bad-12-padding.vx", "bits are set after the last packed code",
        file_of(header(24000, 1, 1, 8), [padded], 0, 1), "FormatError", blocks=0)  # fmt: skip
    add("bad-13-tags.vx", "two tags of the same key",
        file_of([*head, *tags(("title", "a"), ("Title", "b"))], blocks),
        "FormatError")  # fmt: skip
    add("bad-14-magic.vx", "a wrong magic",
        file_of(simple(magic=b"\x89VX\r")[0], blocks), "FormatError")  # fmt: skip
    add("bad-15-frames.vx", "header and end differ in frames",
        file_of(simple(frames=4999)[0], blocks), "FormatError")  # fmt: skip
    add("bad-16-allocation.vx", "block 1 has a longer payload than its bit allocation allows",
        file_of(deep_head, [deep_blocks[0], block(deep[16:32], 0, allocation=bytes(4)),
                            deep_blocks[2]], 20000, 40), "FormatError", blocks=1)  # fmt: skip
    add("bad-17-allocation.vx", "block 0 has another bit allocation",
        file_of(deep_head, [
            block(parts[0], 1, allocation=allocation[2]), *deep_blocks[1:]], 20000, 40),
        "ChecksumError", blocks=0)  # fmt: skip
    add("bad-18-fine.vx", "fine levels in a file without levels",
        file_of(header(32000, 1, 1, 15, version=(1, 3), features=4, bands=7),
                fine_blocks, 9, 20),
        "FormatError")  # fmt: skip
    add("bad-19-bands.vx", "six bands that are not fine",
        file_of(header(32000, 1, 1, 15, version=(1, 2), features=2, bands=6), fine_blocks, 9, 20),
        "FormatError")  # fmt: skip
    first, second, last = distances
    add("bad-20-distance.vx", "an index with a distance of 0",
        [*head, *sum(blocks, []), *end(5000, 20, [0, first + second, last])],
        "FormatError")  # fmt: skip
    add("bad-21-left-out.vx", "block 1 is not in the index",
        [*head, *sum(blocks, []), *end(5000, 12, [first + second, last])],
        "FormatError")  # fmt: skip
    return files, expected


def hexdump(parts: Parts) -> str:
    """Offsets, bytes and meanings, sixteen bytes a line at most."""
    lines, at = [], 0
    for data, meaning in parts:
        for i in range(0, len(data), 8):
            piece = data[i : i + 8].hex(" ")
            lines.append(f"{at + i:04x}  {piece:<23}  {meaning if not i else ''}".rstrip())
        at += len(data)
    return "\n".join(["```", *lines, "```"])


def vector_table() -> str:
    rows = [
        f"| `{name}` | {facts['what']} | {facts['error'] or 'reads'} |"
        for name, facts in build()[1].items()
    ]
    return "\n".join(["| file | what it has | result |", "|---|---|---|", *rows])


def filled_in(text: str) -> str:
    """The specification with the parts that are made here."""
    for mark, content in (("hexdump", hexdump(first_vector())), ("vectors", vector_table())):
        before, _, rest = text.partition(f"<!-- {mark} -->\n")
        _, _, after = rest.partition(f"<!-- end of {mark} -->\n")
        text = f"{before}<!-- {mark} -->\n{content}\n<!-- end of {mark} -->\n{after}"
    return text


def main() -> None:
    files, expected = build()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (FOLDER / name).write_bytes(data)
    text = json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "vectors.json").write_text(text, encoding="utf-8")
    SPECIFICATION.write_text(filled_in(SPECIFICATION.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
