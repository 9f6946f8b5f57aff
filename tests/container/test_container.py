"""Files written and read: from disk and from pipes, whole, cut off and damaged."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace

import pytest

from vauxio.container import Block, Header, Picture, Reader, Writer
from vauxio.container import index as indexing
from vauxio.container import reader as reading
from vauxio.container import writer as writing
from vauxio.container.header import make_start
from vauxio.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError

HEADER = Header(
    model="general-24k",
    code_space=b"decoder!",
    coder=1,
    coder_hash=b"the-code",
    samplerate=44100,
    channels=2,
    frames=None,
    codebooks=2,
    code_bits=10,
    block_tokens=8,
    tags={"title": "Für Elise", "artist": "L. v. B."},
    pictures=(Picture(3, "image/png", "front", b"\x89PNG"),),
)
FRAMES = 123_456


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time and only once."""

    def __init__(self, data: bytes) -> None:
        self._data, self._piece = io.BytesIO(data), 3 + len(data) // 1000

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._piece) if size >= 0 else size)


KINDS = pytest.mark.parametrize("kind", [io.BytesIO, Pipe], ids=["seekable", "pipe"])


def block(number: int, tokens: int = 8, coder: int = 1) -> Block:
    return Block(tokens, coder, 1000 + number, bytes([number + 1]) * (20 + number))


BLOCKS = [block(0), block(1, coder=0), block(2), block(3, tokens=5)]


def written(
    header: Header = HEADER, blocks: list[Block] = BLOCKS, frames: int | None = FRAMES
) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, header)
    for b in blocks:
        writer.write(b)
    if frames is not None:
        writer.close(frames)
    return file.getvalue()


DATA = written()


def starts() -> list[int]:
    """Where the blocks of DATA begin, and its end chunk."""
    end = DATA.index(b"E", DATA.rindex(BLOCKS[-1].payload))
    return [DATA.index(b.payload) - 8 for b in BLOCKS] + [end]


def read(file: object) -> tuple[Reader, list[Block], FormatError | None]:
    reader, blocks = Reader(file), []
    try:
        for b in reader:
            blocks.append(b)
    except FormatError as e:
        return reader, blocks, e
    return reader, blocks, None


# --- whole files ---


@KINDS
def test_round_trip(kind):
    reader, blocks, error = read(kind(DATA))
    assert error is None and blocks == BLOCKS
    assert reader.header == HEADER
    assert (reader.complete, reader.frames, reader.tokens, reader.blocks) == (True, FRAMES, 29, 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": FRAMES},
        {"tags": {}, "pictures": ()},
        {"coder": 0, "coder_hash": bytes(8)},
        {"samplerate": 768_000, "channels": 255, "codebooks": 32, "code_bits": 16},
        {"samplerate": 1, "model": "m" * 64},
        {"block_tokens": 65_535},
        {"tags": {"a" * 64: "", " ~": "\n\u202e" + "x" * 9999}},
        {"pictures": tuple(Picture(i, "a", "", b"") for i in range(32))},
        {"pictures": (Picture(255, "m" * 64, "d" * 1024, bytes(16_000_000)),)},
    ],
)
@KINDS
def test_any_header(kind, changes):
    header = replace(HEADER, **changes)
    blocks = [] if header.block_tokens > 8 else [replace(block(0), coder=0)]
    reader, found, error = read(kind(written(header, blocks)))
    assert (reader.header, found, error) == (header, blocks, None)


@KINDS
@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_any_number_of_blocks(kind, count):
    """The last of them full."""
    blocks = [block(i) for i in range(count)]
    reader, found, error = read(kind(written(blocks=blocks)))
    assert (found, error, reader.complete) == (blocks, None, True)
    assert (reader.blocks, reader.tokens) == (count, 8 * count)


def test_random_access():
    reader = Reader(io.BytesIO(DATA))
    assert reader.seekable
    for i in (3, 0, 2, 2, 1):
        assert reader.read(i) == BLOCKS[i]
    for i in (-1, 4):
        with pytest.raises(IndexError):
            reader.read(i)
    assert list(reader) == list(reader) == BLOCKS


def test_random_access_reads_only_what_it_needs():
    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    header = replace(HEADER, block_tokens=750, tags={}, pictures=())
    big = Block(750, 1, 0, b"x" * 3000)
    file = Counting(written(header, [big] * 1000))
    reader = Reader(file)
    assert reader.blocks == 1000 and file.count < 3000
    file.count = 0
    assert reader.read(900) == big and file.count < 3100


def test_a_file_within_a_file():
    file = io.BytesIO(b"before" + DATA)
    file.seek(6)
    reader = Reader(file)
    assert reader.complete and list(reader) == BLOCKS


@KINDS
def test_bytes_after_the_end_are_ignored(kind):
    for after in (b"x", b"TAG" + bytes(125), DATA):
        reader, blocks, error = read(kind(DATA + after))
        assert (blocks, error, reader.complete, reader.frames) == (BLOCKS, None, True, FRAMES)
        assert reader.size == len(DATA)
        assert reader.ignored == (len(after) if reader.seekable else 0)


def test_pipes_cannot_be_read_at_random():
    reader = Reader(Pipe(DATA))
    assert not reader.seekable
    with pytest.raises(io.UnsupportedOperation):
        reader.read(0)


def test_a_pipe_tells_what_it_knows():
    reader = Reader(Pipe(DATA))
    assert (reader.complete, reader.frames, reader.blocks, reader.tokens) == (False, None, 0, 0)
    blocks = iter(reader)
    next(blocks)
    assert (reader.complete, reader.blocks, reader.tokens) == (False, 1, 8)
    assert Reader(Pipe(written(replace(HEADER, frames=FRAMES)))).frames == FRAMES


def test_through_a_real_pipe():
    out, into = os.pipe()

    def write() -> None:
        with open(into, "wb", buffering=0) as file:
            writer = Writer(file, replace(HEADER, block_tokens=5000))
            writer.write(Block(5000, 1, 7, b"x" * 24_000))
            writer.write(Block(5000, 1, 7, b"y" * 24_000))
            writer.close(1)

    thread = threading.Thread(target=write)
    thread.start()
    with open(out, "rb", buffering=0) as file:
        reader, blocks, error = read(file)
    thread.join()
    assert error is None and reader.complete
    assert [b.payload[:1] for b in blocks] == [b"x", b"y"]


def test_a_minute_at_low_bitrate_has_little_overhead():
    """1.5 kbps: two codebooks at 75 tokens a second, in blocks of ten seconds."""
    header = Header("general-24k", bytes(8), 1, b"12345678", 44100, 1, None, 2, 10, 750)
    tokens = 60 * 75 + 4  # the decoder's delay included
    sizes = [min(750, tokens - i) for i in range(0, tokens, 750)]
    blocks = [Block(t, 1, 1 << 31, b"x" * header.packed_size(t)) for t in sizes]
    payload = sum(len(b.payload) for b in blocks)
    assert len(written(header, blocks, 60 * 44100)) - payload < 0.02 * payload


# --- files cut off ---


@KINDS
def test_cut_off_at_every_byte(kind):
    begin, *_ = bounds = starts()
    header_size = DATA.index(b"t", 8 + len(HEADER.model) + 30)
    for size in range(len(DATA)):
        try:
            reader, blocks, error = read(kind(DATA[:size]))
        except TruncatedError:
            assert size < header_size
            continue
        assert size >= header_size
        assert isinstance(error, TruncatedError) and not reader.complete
        whole = sum(size >= bound for bound in bounds[1:])
        assert blocks == BLOCKS[:whole]
        assert (reader.blocks, reader.tokens) == (whole, sum(b.tokens for b in blocks))
        if size >= begin:
            assert reader.header == HEADER


@KINDS
def test_not_closed(kind):
    reader, blocks, error = read(kind(written(frames=None)))
    assert blocks == BLOCKS and not reader.complete and reader.frames is None
    assert isinstance(error, TruncatedError)


def test_each_block_can_be_read_as_soon_as_it_is_written():
    class Buffered(io.BytesIO):
        flushed = b""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    file = Buffered()
    writer = Writer(file, HEADER)
    for i, b in enumerate(BLOCKS):
        assert Reader(io.BytesIO(file.flushed)).blocks == i
        writer.write(b)
    assert Reader(io.BytesIO(file.flushed)).read(3) == BLOCKS[3]


def test_an_iteration_that_failed_is_over():
    for kind in (io.BytesIO, Pipe):
        blocks = iter(Reader(kind(DATA[: starts()[2]])))
        assert [next(blocks), next(blocks)] == BLOCKS[:2]
        with pytest.raises(TruncatedError):
            next(blocks)
        assert list(blocks) == []


# --- damaged files ---


@pytest.mark.parametrize("bit", range(8))
def test_each_bit_of_the_header_counts(bit):
    size = DATA.index(b"t", 8 + len(HEADER.model) + 30)
    for i in range(size):
        data = bytearray(DATA)
        data[i] ^= 1 << bit
        for kind in (io.BytesIO, Pipe):
            with pytest.raises(FormatError) as caught:
                Reader(kind(bytes(data)))
            assert "\n" not in str(caught.value)


def test_each_bit_of_everything_counts():
    """Wherever one flips: an error, and nothing that was not written."""
    for i in range(len(DATA)):
        for bit in range(8):
            data = bytearray(DATA)
            data[i] ^= 1 << bit
            for kind in (io.BytesIO, Pipe):
                try:
                    reader = Reader(kind(bytes(data)))
                except FormatError:
                    continue
                found, errors = survivors(reader)
                assert all(b in BLOCKS for b in found)
                assert errors and (reader.header == HEADER or not found)


def survivors(reader: Reader) -> tuple[list[Block], list[FormatError]]:
    """What an iteration gives that goes on after errors for as long as it can."""
    found, errors = [], []
    blocks = iter(reader)
    while True:
        try:
            found.append(next(blocks))
        except FormatError as e:
            errors.append(e)
        except StopIteration:
            return found, errors


@KINDS
@pytest.mark.parametrize("at", [2, 3, 6, 12, 30], ids=["tokens", "coder", "crc", "code", "check"])
def test_a_damaged_block_hurts_only_itself(kind, at):
    data = bytearray(DATA)
    data[starts()[1] + at] ^= 0x10
    reader = Reader(kind(bytes(data)))
    found, (error,) = survivors(reader)
    assert found == [BLOCKS[0], *BLOCKS[2:]]
    assert isinstance(error, ChecksumError) and "block 1" in str(error)
    assert (reader.complete, reader.tokens) == (True, 29)


@pytest.mark.parametrize("at", [0, 1], ids=["kind", "length"])
def test_with_an_index_a_damaged_length_hurts_no_other_block(at):
    for value in (0x10, 0x20, 0x80, 0x03):
        data = bytearray(DATA)
        data[starts()[0] + at] ^= value
        found, (error,) = survivors(Reader(io.BytesIO(bytes(data))))
        assert found == BLOCKS[1:]
        assert isinstance(error, ChecksumError) and "block 0" in str(error)


@KINDS
def test_with_a_damaged_end_all_blocks_can_be_read(kind):
    data = bytearray(DATA)
    data[-6] ^= 1
    reader, blocks, error = read(kind(bytes(data)))
    assert blocks == BLOCKS and isinstance(error, ChecksumError)
    assert (reader.complete, reader.frames, reader.tokens) == (False, None, 29)


@pytest.mark.parametrize("at", [0, 1, 2, 20], ids=["kind", "length", "count", "text"])
def test_damaged_tags_are_not_taken_for_a_missing_end(at):
    data = bytearray(DATA)
    data[DATA.index(b"t", 8 + len(HEADER.model) + 30) + at] ^= 0x40
    with pytest.raises(ChecksumError, match="before the first block"):
        Reader(io.BytesIO(bytes(data)))


@KINDS
def test_damaged_tags_are_not_passed_over(kind):
    at = DATA.index("Für".encode())
    with pytest.raises(ChecksumError, match="before the first block"):
        Reader(kind(DATA[:at] + b"G" + DATA[at + 1 :]))


@pytest.mark.parametrize("data", [b"", b"RIFF....WAVEfmt ", b"\x89VX\r" + DATA[4:], b"x"])
@KINDS
def test_not_a_vx_file(kind, data):
    with pytest.raises(FormatError, match="not a .vx file"):
        Reader(kind(data))


@KINDS
def test_a_file_of_the_future(kind):
    with pytest.raises(UnsupportedError, match="version 2.0.*update"):
        Reader(kind(DATA[:4] + b"\x02" + DATA[5:]))


# --- what cannot be written ---


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ""}, {"model": "m" * 65}, {"model": "../x"}, {"model": ".x"}, {"model": "é"},
        {"code_space": b"1234567"}, {"coder_hash": b"123456789"},
        {"coder": 256}, {"coder": -1}, {"coder": 0},
        {"samplerate": 0}, {"samplerate": 768_001},
        {"channels": 0}, {"channels": 256}, {"codebooks": 0}, {"codebooks": 33},
        {"code_bits": 0}, {"code_bits": 17}, {"block_tokens": 0}, {"block_tokens": 65_536},
        {"frames": -1}, {"frames": 1 << 48},
        {"channels": 255, "codebooks": 32, "block_tokens": 515},
        {"tags": {"": "x"}}, {"tags": {"a=b": "x"}}, {"tags": {"é": "x"}}, {"tags": {"a\n": "x"}},
        {"tags": {"k" * 65: "x"}}, {"tags": {"a": "x", "A": "y"}}, {"tags": {"a": "\0"}},
        {"tags": {"a": "\ud800"}}, {"tags": {"a": 1}}, {"tags": {1: "a"}},
        {"tags": {"a": "x" * ((1 << 18) + 1)}},
        {"tags": {str(i): "x" * (1 << 18) for i in range(4)}},
        {"tags": {str(i): "" for i in range(1025)}},
        {"pictures": (Picture(256, "a", "", b""),)}, {"pictures": (Picture(0, "", "", b""),)},
        {"pictures": (Picture(0, "a b", "", b""),)},
        {"pictures": (Picture(0, "a", "x" * 1025, b""),)},
        {"pictures": (Picture(0, "a", "", b""),) * 33},
        {"pictures": (Picture(0, "a", "", bytes(8_000_001)),) * 2},
    ],
    ids=lambda changes: ",".join(f"{k}={v!r:.20}" for k, v in changes.items()),
)  # fmt: skip
def test_headers_that_cannot_be(changes):
    with pytest.raises(FormatError) as caught:
        replace(HEADER, **changes)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "changes", [{"tokens": 0}, {"tokens": 9}, {"coder": 2}, {"payload": bytes(41)}]
)
def test_blocks_that_cannot_be(changes):
    with pytest.raises(ValueError, match="block to write"):
        Writer(io.BytesIO(), HEADER).write(replace(block(0), **changes))


def test_nothing_can_follow_a_block_that_is_not_full_or_the_end():
    file = io.BytesIO()
    writer = Writer(file, HEADER)
    writer.write(block(0, tokens=5))
    with pytest.raises(ValueError, match="last"):
        writer.write(block(1))
    for frames in (-1, 1 << 48):
        with pytest.raises(ValueError, match="frames"):
            writer.close(frames)
    writer.close(1)
    size = len(file.getvalue())
    with pytest.raises(ValueError):
        writer.write(block(1))
    with pytest.raises(ValueError):
        writer.close(1)
    assert len(file.getvalue()) == size and not file.closed


def test_the_end_must_have_the_frames_of_the_header():
    writer = Writer(io.BytesIO(), replace(HEADER, frames=5))
    with pytest.raises(ValueError, match="6 frames"):
        writer.close(6)


def test_there_is_a_limit_to_blocks(monkeypatch):
    data = written()
    for module in (writing, reading, indexing):
        monkeypatch.setattr(module, "MAX_BLOCKS", 3)
    with pytest.raises(FormatError, match="3 blocks"):
        written()
    for kind in (io.BytesIO, Pipe):
        with pytest.raises(FormatError, match="3 blocks"):
            list(Reader(kind(data)))


def test_errors_of_the_file_are_passed_on():
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Writer(Full(), HEADER)


def test_writers_that_take_a_part_or_say_nothing():
    class Part(io.RawIOBase):
        data = b""

        def write(self, data: memoryview) -> int:  # type: ignore[override]
            self.data += bytes(data[:5])
            return min(5, len(data))

    class Silent:
        data = b""

        def write(self, data: memoryview) -> None:
            self.data += bytes(data)

    class Busy(io.RawIOBase):
        def write(self, data: memoryview) -> None:  # type: ignore[override]
            return None

    for file in (Part(), Silent()):
        writer = Writer(file, HEADER)
        for b in BLOCKS:
            writer.write(b)
        writer.close(FRAMES)
        assert file.data == DATA
    with pytest.raises(BlockingIOError):
        Writer(Busy(), HEADER)


@pytest.mark.parametrize(
    "field, value, says",
    [
        ("samplerate", 0, "header: samplerate of 0: must be 1"),
        ("channels", 0, "header: channels of 0: must be 1"),
        ("code_bits", 17, "header: code_bits of 17: must be 1 to 16"),
        ("model", "a b", "header: model name 'a b'"),
    ],
)
def test_errors_of_what_a_header_says_name_the_header(field, value, says):
    wrong = replace(HEADER)
    object.__setattr__(wrong, field, value)  # what no header of our own can be
    with pytest.raises(FormatError, match=f"^{says}"):
        Reader(io.BytesIO(make_start(wrong)))
