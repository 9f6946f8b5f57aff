"""Files that nobody wrote: nothing but `VauxError`, and never more memory than stated."""

from __future__ import annotations

import io
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_format_vectors import GOOD, Trickle, stored

from support import format_vectors as made
from support.damage import repaired
from vauxio.container import Reader
from vauxio.entropy import coders
from vauxio.errors import FormatError, VauxError

FILES = [stored(name) for name in GOOD]
TABLE = np.array(made.TABLE, np.uint16)
MEMORY = 4 << 20  # for files of less than 1 kB: a piece that is read at once, and change
STEPS = 5000  # of an iteration over such a file: a chunk has six bytes at least


def consume(file: io.BytesIO) -> None:
    """Read and decode all that can be had, going on after errors; `VauxError` if it has none."""
    reader = Reader(file)
    header = reader.header
    every_coder = {0: coders.PackedCoder(header.code_bits), 1: coders.StaticCoder(TABLE)}
    blocks = iter(reader)
    for _ in range(STEPS):
        try:
            block = next(blocks)
            if block.coder in every_coder and block.tokens <= 1000:
                shape = header.channels, header.codebooks
                (codes,) = every_coder[block.coder].decode([(block.payload, block.tokens)], *shape)
                assert codes.shape == (*shape, block.tokens)
        except StopIteration:
            return
        except VauxError as e:
            assert str(e) and "\n" not in str(e)
    raise AssertionError("does not end")


def feed(data: bytes) -> None:
    for kind in (io.BytesIO, Trickle):
        try:
            consume(kind(data))
        except VauxError as e:
            assert str(e) and "\n" not in str(e)


@st.composite
def mutated(draw) -> bytes:
    """A good file with some bytes changed, taken out, put in, or doubled."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        action = draw(st.sampled_from(["change", "change", "cut", "insert", "copy"]))
        if action == "change" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif action == "cut":
            del data[at : at + draw(st.integers(1, 20))]
        elif action == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=10))
        elif action == "copy":
            data[at:at] = data[at : at + draw(st.integers(1, 60))]
    return bytes(data)


@given(mutated())
@settings(max_examples=100)
def test_mutated_files(data):
    feed(data)


@given(mutated())
@settings(max_examples=100)
def test_mutated_files_with_right_checksums(data):
    feed(repaired(data))


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=100)
def test_random_files(data, begins_well):
    feed(FILES[0][:49] + data if begins_well else data)


@given(st.binary(max_size=80))
@settings(max_examples=100)
def test_random_fields_in_a_header_with_a_right_checksum(fields):
    start = b"\x89VX\n\x01\x00" + len(fields).to_bytes(2, "little") + fields
    feed(start + zlib.crc32(start).to_bytes(4, "little") + FILES[0][49:])


@pytest.mark.parametrize("data", FILES, ids=GOOD)
def test_cut_off_at_every_byte(data):
    for size in range(len(data)):
        feed(data[:size])


@pytest.mark.parametrize("data", FILES, ids=GOOD)
def test_every_byte_of_a_file_with_right_checksums(data):
    for at in range(len(data)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            feed(repaired(data[:at] + bytes([value]) + data[at + 1 :]))


def test_repairing_is_what_it_says():
    for data in FILES[:3]:
        assert repaired(data) == data
    assert repaired(FILES[0][:60] + b"?" + FILES[0][61:]) != FILES[0]


@st.composite
def promising_much(draw) -> bytes:
    """Small files that announce large things, their checksums right where they have any."""
    big = st.sampled_from([1 << 14, 1 << 20, (1 << 24) - 1, 1 << 24, 1 << 28, (1 << 48) - 1])
    head = made.header(
        draw(st.sampled_from([24000, 768_000])),
        *draw(st.sampled_from([(1, 2, 8), (255, 32, 514), (8, 8, 65_535)])),
        coder=1,
    )
    kind = draw(st.sampled_from([b"t", b"p", b"B", b"E", b"x"]))
    length = made.number(draw(big))
    announced = kind + length + draw(st.binary(max_size=50))
    count = made.number(draw(big))
    body = draw(st.sampled_from([count, b"\x01" + count, b"\x01\x01" + count, count * 3]))
    whole = made.joined(made.chunk(kind, [(body + bytes(8), "")]))
    end = made.joined(made.end(draw(big), draw(big), draw(st.lists(big, max_size=5)), b"\1" * 400))
    return made.joined(head) + b"".join(draw(st.permutations([announced, whole, end])))


@given(promising_much())
@settings(max_examples=60)
def test_memory_is_not_taken_for_what_is_only_announced(data):
    for kind in (io.BytesIO, Trickle):
        assert peak(kind(data)) < MEMORY


def peak(file: io.BytesIO) -> int:
    """Most bytes taken while a file is read (not decoded)."""
    tracemalloc.start()
    try:
        for _ in Reader(file):
            pass
    except FormatError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return most


def test_memory_of_a_large_file_is_that_of_one_block():
    codes = [[[0] * 2] for _ in range(8)]
    block = made.joined(made.block(codes))
    count = 5000
    end = made.joined(made.end(1, 8 * count, [len(block)] * count))
    data = made.joined(made.header(24000, 1, 2, 8)) + block * count + end
    for kind in (io.BytesIO, Trickle):
        assert peak(kind(data)) < MEMORY
