"""The test vectors of ``docs/format.md``, read by vauxio and by a decoder that is not vauxio."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest

from support import format_vectors as made
from support import independent_decoder as other
from support.signals import Pipe
from vauxio import container, errors
from vauxio.codec import bandwidth_extension
from vauxio.codec.stereo import parameters
from vauxio.entropy import allocation, coders

EXPECTED = json.loads((made.FOLDER / "vectors.json").read_text(encoding="utf-8"))
GOOD = [name for name, facts in EXPECTED.items() if not facts["error"]]
BAD = [name for name, facts in EXPECTED.items() if facts["error"]]
OTHER_ERRORS = {
    "FormatError": other.Malformed,
    "TruncatedError": other.CutOff,
    "ChecksumError": other.Damaged,
    "UnsupportedError": other.TooNew,
}
TABLE = np.array(made.TABLE, np.uint16)


class Trickle(Pipe):
    """Bytes that come a few at a time and only once."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 7) if size and size > 0 else size)


def stored(name: str) -> bytes:
    return (made.FOLDER / name).read_bytes()


def read_all(file: io.BytesIO) -> tuple[container.Reader, list[np.ndarray]]:
    """Every block's codes ``[channels, codebooks, tokens]``, checked as a user of them must."""
    reader, decoded = container.Reader(file), []
    header = reader.header
    every_coder = {0: coders.PackedCoder(header.code_bits), 1: coders.StaticCoder(TABLE)}
    try:
        for block in reader:
            coder, shape = every_coder[block.coder], (header.channels, header.codebooks)
            span = header.allocation_tokens
            deep = span and [
                allocation.decode_allocation(
                    block.allocation, span, shape[0], block.tokens, shape[1]
                )
            ]
            (codes,) = coder.decode([(block.payload, block.tokens)], *shape, deep or None)
            if coders.codes_crc(codes) != block.codes_crc:
                raise errors.ChecksumError("codes")
            decoded.append(codes)
    except errors.FormatError as e:
        e.decoded = decoded  # type: ignore[attr-defined]
        raise
    return reader, decoded


def test_the_folder_has_what_the_specification_makes():
    files, expected = made.build()
    assert {path.name for path in made.FOLDER.iterdir()} == {*files, "vectors.json"}
    assert expected == EXPECTED
    for name, data in files.items():
        assert stored(name) == data, name


def test_the_specification_shows_them():
    text = made.SPECIFICATION.read_text(encoding="utf-8")
    assert made.filled_in(text) == text
    shown = text.partition("<!-- hexdump -->")[2].partition("<!-- end of hexdump -->")[0]
    data = b"".join(bytes.fromhex(line[6:29]) for line in shown.split("\n") if line[4:6] == "  ")
    assert data == stored("good-01-packed.vx")


@pytest.mark.parametrize("kind", [io.BytesIO, Trickle])
@pytest.mark.parametrize("name", GOOD)
def test_good_files(name, kind):
    facts = EXPECTED[name]
    reader, decoded = read_all(kind(stored(name)))
    header = reader.header
    assert (reader.complete, reader.frames) == (True, facts["frames"])
    assert reader.tokens == facts["tokens"] and reader.blocks == len(decoded)
    for field in ("samplerate", "channels", "codebooks"):
        assert getattr(header, field) == facts[field]
    assert header.tags == facts.get("tags", {})
    empty = np.empty((header.channels, header.codebooks, 0), np.uint16)
    codes = np.concatenate([empty, *decoded], axis=2)
    assert coders.codes_crc(codes) == facts["codes_crc"]

    theirs = other.decode(stored(name), made.TABLE)
    ours = [[[c for c in channel if c != allocation.ABSENT] for channel in token]
            for token in codes.transpose(2, 0, 1).tolist()]  # fmt: skip
    assert theirs.codes == ours
    assert bool(header.allocation_tokens) == ("allocation" in name or "stereo" in name)
    assert bool(header.bands) == ("levels" in name)
    assert header.fine == ("fine" in name)
    assert theirs.levels == facts.get("levels", [])
    assert bool(header.stereo_tokens) == ("stereo" in name)
    assert theirs.stereo == facts.get("stereo", [])
    assert theirs.frames == reader.frames and theirs.tags == header.tags
    pictures = [(p.kind, p.mime, p.description, p.data) for p in header.pictures]
    assert theirs.pictures == pictures and bool(pictures) == (name == "good-02-static.vx")


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name):
    facts = EXPECTED[name]
    for kind in (io.BytesIO, Trickle):
        with pytest.raises(errors.FormatError) as caught:
            read_all(kind(stored(name)))
        assert type(caught.value).__name__ == facts["error"]
        if "blocks" in facts:
            assert len(caught.value.decoded) == facts["blocks"]
    recording = other.Recording()
    with pytest.raises(other.Malformed) as theirs:
        other.decode(stored(name), made.TABLE, recording)
    assert type(theirs.value) is OTHER_ERRORS[facts["error"]]
    assert recording.blocks == facts.get("blocks", recording.blocks)


def test_vauxio_writes_the_same_bytes():
    """Of the files that have nothing in them that only a later version would write."""
    theirs = other.decode(stored("good-01-packed.vx"))
    header = container.Header(
        theirs.model, theirs.code_space, 0, bytes(8), 24000, 1, None, 2, 10, 8
    )
    codes = np.array(theirs.codes, np.uint16).transpose(1, 2, 0)
    assert written(header, codes, coders.PackedCoder(10), 5000) == stored("good-01-packed.vx")
    assert written(header, codes[..., :0], coders.PackedCoder(10), 0) == stored("good-03-empty.vx")

    name = "good-05-allocation.vx"
    reader, decoded = read_all(io.BytesIO(stored(name)))
    every_coder = [coders.StaticCoder(TABLE), coders.PackedCoder(10), coders.StaticCoder(TABLE)]
    codes = np.concatenate(decoded, axis=2)
    header = dataclasses.replace(reader.header, frames=20000)
    assert written(header, codes, every_coder, 20000) == stored(name)

    for name, divided in (("good-06-levels.vx", [12, 24]), ("good-07-fine-levels.vx", [35])):
        reader, decoded = read_all(io.BytesIO(stored(name)))
        channels = reader.header.channels
        bands = bandwidth_extension.Bands(reader.header.bands, reader.header.fine)
        levels = np.array(EXPECTED[name]["levels"], np.uint8)
        parts = [part.reshape(channels, bands.count, -1) for part in np.split(levels, divided)]
        for part, block in zip(parts, reader, strict=True):
            found = bandwidth_extension.decode_levels(block.levels, channels, bands, block.tokens)
            assert np.array_equal(found[..., :: bands.span], part)
        codes = np.concatenate(decoded, axis=2)
        assert written(reader.header, codes, coders.PackedCoder(10), 9, parts) == stored(name)

    for resolution, bands in enumerate(made.STEREO_BANDS):
        name = f"good-{9 + resolution:02d}-stereo-{resolution}.vx"
        reader, decoded = read_all(io.BytesIO(stored(name)))
        assert reader.header.stereo_resolution == resolution
        values = np.array(EXPECTED[name]["stereo"], np.uint8).reshape(2 * 13, 2, bands)
        parts = [part.reshape(2, -1, 2, bands).transpose(0, 2, 3, 1)
                 for part in np.split(values, [10, 20])]  # fmt: skip
        for part, block in zip(parts, reader, strict=True):
            found = parameters.decode_parameters(block.stereo, 2, bands, part.shape[3])
            assert np.array_equal(found, part)
        codes = np.concatenate(decoded, axis=2)
        assert written(reader.header, codes, coders.PackedCoder(10), 9, (), parts) == stored(name)


def written(header: container.Header, codes: np.ndarray, coder, frames: int, levels=(), values=()):
    """With one coder, or one for each block."""
    file = io.BytesIO()
    writer, span = container.Writer(file, header), header.allocation_tokens
    for n, i in enumerate(range(0, codes.shape[2], header.block_tokens)):
        part = codes[..., i : i + header.block_tokens]
        each = coder[n] if isinstance(coder, list) else coder
        payload, crc = each.encode(part), coders.codes_crc(part)
        counts = allocation.allocation_of(part)
        deep = span and allocation.encode_allocation(counts, span, header.codebooks)
        above = bandwidth_extension.encode_levels(levels[n]) if header.bands else b""
        stereo = parameters.encode_parameters(values[n]) if header.stereo_tokens else b""
        writer.write(
            container.Block(part.shape[2], each.id, crc, payload, deep or b"", above, stereo)
        )
    writer.close(frames)
    return file.getvalue()


@pytest.mark.parametrize("coder", ["packed", "static"])
def test_the_other_decoder_reads_what_vauxio_writes(coder):
    """With real numbers: the default block size, a table like a trained one, three channels."""
    random = np.random.default_rng(5)
    rates = np.exp(-np.arange(1024) / 120)
    table = np.stack([random.permutation(1 + rates * 60000) for _ in range(4)]).astype(np.uint16)
    codes = np.stack(
        [random.choice(1024, (3, 1600), p=row / row.sum()) for row in table], axis=1
    ).astype(np.uint16)
    used = coders.StaticCoder(table) if coder == "static" else coders.PackedCoder(10)
    header = container.Header(
        "a", bytes(8), used.id, used.hash, 48000, 3, None, 4, 10, 750, {"title": "x"}
    )
    data = written(header, codes, used, 12345)
    theirs = other.decode(data, table.tolist())
    assert np.array_equal(np.array(theirs.codes), codes.transpose(2, 0, 1))
    assert (theirs.frames, theirs.tags, theirs.blocks) == (12345, {"title": "x"}, 3)


def test_both_range_coders_agree_on_the_bytes():
    """Of the encoder in section 8.3 and of the one that vauxio uses, for the example there too."""
    cases = [([[3, 1]], [0, 0, 1, 0, 1, 1, 0, 0] * 6)]
    random = np.random.default_rng(6)
    for size in (2, 3, 1000, 1024):
        table = random.integers(1, 65536, (1, size))
        cases.append((table.tolist(), random.integers(0, size, 300).tolist()))
    for table, symbols in cases:
        coder = coders.StaticCoder(np.array(table, np.uint16))
        payload = coder.encode(np.array(symbols, np.uint16)[None, None])
        decoder = other.RangeDecoder(payload)
        bounds = other.distribution(table[0])
        assert [decoder.symbol(bounds) for _ in symbols] == symbols
        by_hand = made.range_encode([(table[0], symbol) for symbol in symbols])
        (codes,) = coder.decode([(by_hand, len(symbols))], 1, 1)
        assert codes.ravel().tolist() == symbols
        assert by_hand == payload
    assert made.range_encode([([3, 1], s) for s in cases[0][1]]).hex(" ") == (
        "80 03 cf 85 59 02 f2 48"
    )
