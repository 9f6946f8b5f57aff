"""Coders: exact round trips, exact weights, and payloads that cannot be."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vauxio.entropy import coders
from vauxio.errors import FormatError

TABLE = np.random.default_rng(0).integers(1, 65536, (8, 1024)).astype(np.uint16)
SKEWED = np.ones((8, 1024), np.uint16)
SKEWED[:, 7] = 65535


def codes_of(channels: int, codebooks: int, tokens: int, size: int = 1024, seed: int = 0):
    random = np.random.default_rng(seed)
    return random.integers(0, size, (channels, codebooks, tokens)).astype(np.uint16)


def every_coder() -> list[coders.Coder]:
    return [coders.PackedCoder(10), coders.StaticCoder(TABLE), coders.StaticCoder(SKEWED)]


@pytest.mark.parametrize("coder", every_coder(), ids=["packed", "static", "skewed"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 8, 750), (2, 3, 7), (8, 2, 100), (1, 4, 0)])
def test_round_trip(coder, shape):
    codes = codes_of(*shape)
    blocks = [(coder.encode(codes), shape[2])]
    (decoded,) = coder.decode(blocks, *shape[:2])
    assert decoded.dtype == np.uint16 and np.array_equal(decoded, codes)


@pytest.mark.parametrize("coder", every_coder(), ids=["packed", "static", "skewed"])
def test_many_blocks_at_once_are_as_one_by_one(coder):
    parts = [codes_of(2, 4, tokens, seed=tokens) for tokens in (750, 1, 33)]
    blocks = [(coder.encode(part), part.shape[2]) for part in parts]
    for part, decoded in zip(parts, coder.decode(blocks, 2, 4), strict=True):
        assert np.array_equal(decoded, part)
    assert coder.decode([], 2, 4) == []


@given(st.data())
@settings(max_examples=60)
def test_any_codes_any_table(data):
    size = data.draw(st.sampled_from([2, 3, 31, 256, 1024]))
    codebooks, channels = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    tokens = data.draw(st.integers(1, 40))
    entry = st.one_of(st.just(1), st.just(65535), st.integers(1, 65535))
    seed = data.draw(st.integers(0, 2**32 - 1))
    table = np.random.default_rng(seed).integers(1, 65536, (codebooks, size)).astype(np.uint16)
    for _ in range(data.draw(st.integers(0, 4))):
        table[data.draw(st.integers(0, codebooks - 1))] = data.draw(entry)
    codes = codes_of(channels, codebooks, tokens, size, seed)
    for coder in (coders.StaticCoder(table), coders.PackedCoder(10)):
        (decoded,) = coder.decode([(coder.encode(codes), tokens)], channels, codebooks)
        assert np.array_equal(decoded, codes)


@pytest.mark.parametrize("bits", range(1, 17))
def test_packed_codes_of_any_width(bits):
    codes = codes_of(1, 3, 11, 1 << bits)
    payload = coders.PackedCoder(bits).encode(codes)
    stream = int.from_bytes(payload, "little")
    expected = [int(c) for c in codes.transpose(2, 0, 1).ravel()]
    assert [stream >> bits * i & (1 << bits) - 1 for i in range(33)] == expected
    assert len(payload) == -(-33 * bits // 8)
    assert np.array_equal(coders.PackedCoder(bits).decode([(payload, 11)], 1, 3)[0], codes)


def test_a_signal_may_have_fewer_codebooks_than_the_table():
    codes = codes_of(1, 3, 50)
    payload = coders.StaticCoder(TABLE).encode(codes)
    assert payload == coders.StaticCoder(TABLE[:3]).encode(codes)
    with pytest.raises(ValueError, match="9 codebooks"):
        coders.StaticCoder(TABLE).encode(codes_of(1, 9, 5))
    with pytest.raises(FormatError, match="9 codebooks"):
        coders.StaticCoder(TABLE).decode([(payload, 5)], 1, 9)


def test_the_static_coder_comes_near_the_entropy():
    p = SKEWED[0] / SKEWED[0].sum()
    codes = np.random.default_rng(1).choice(1024, (1, 8, 2000), p=p).astype(np.uint16)
    bits = -np.log2(p[codes]).sum()
    size = 8 * len(coders.StaticCoder(SKEWED).encode(codes))
    assert bits <= size <= bits * 1.001 + 64


def test_ids_and_hashes():
    assert (coders.PACKED, coders.STATIC, coders.TRANSFORM, coders.LM) == (0, 1, 4, 5)
    packed, static, _ = every_coder()
    assert (packed.id, packed.hash) == (0, bytes(8))
    assert static.id == 1
    assert static.hash == hashlib.sha256(TABLE.astype("<u2").tobytes()).digest()[:8]
    big_endian = coders.StaticCoder(np.asfortranarray(TABLE))
    assert big_endian.hash == static.hash


def test_codes_crc_is_of_the_codes_in_token_order():
    codes = codes_of(2, 3, 4)
    by_hand = b"".join(
        int(codes[ch, k, t]).to_bytes(2, "little")
        for t in range(4)
        for ch in range(2)
        for k in range(3)
    )
    assert coders.codes_crc(codes) == zlib.crc32(by_hand)
    assert coders.codes_crc(codes[:, :, ::-1]) != coders.codes_crc(codes)
    assert coders.codes_crc(codes[:, :, :0]) == 0


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=300).filter(any))
@settings(max_examples=100)
def test_weights_are_exact(frequencies):
    weights = coders.range_weights(np.array(frequencies, np.uint16))
    assert weights.dtype == np.int64 and weights.min() >= 0
    assert weights.sum() == (1 << 24) - len(frequencies)
    room, total = (1 << 24) - len(frequencies), sum(frequencies)
    expected = [f * room // total for f in frequencies]
    expected[frequencies.index(max(frequencies))] += room - sum(expected)
    assert weights.tolist() == expected


def test_weights_of_many_rows_are_those_of_each():
    rows = np.stack([np.ones(5), np.arange(5), [3, 9, 9, 0, 1]]).astype(np.int64)
    together = coders.range_weights(rows)
    assert np.array_equal(together, [coders.range_weights(row) for row in rows])


@pytest.mark.parametrize("payload", [b"", bytes(12), bytes(14), bytes(12) + b"\x08"])
def test_packed_payload_that_cannot_be(payload):
    """Ten codes of ten bits have thirteen bytes and four bits to spare."""
    with pytest.raises(FormatError, match="packed codes"):
        coders.PackedCoder(10).decode([(payload + b"\xff" * (len(payload) == 13), 10)], 1, 1)
    assert coders.PackedCoder(10).decode([(bytes(13), 10)], 1, 1)[0].sum() == 0


def test_range_code_that_cannot_be():
    with pytest.raises(FormatError, match="range code"):
        coders.StaticCoder(TABLE).decode([(b"\xff" * 40, 100)], 1, 1)


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_any_payload_decodes_or_is_refused(payload):
    """To codes of the right shape and in range: checksums tell whether they are right."""
    for coder in every_coder():
        try:
            (codes,) = coder.decode([(payload, 20)], 1, 2)
        except FormatError as e:
            assert "\n" not in str(e)
        else:
            assert codes.shape == (1, 2, 20) and codes.max() < 1024


def test_what_stands_after_the_payload_is_zeros():
    """So zeros at its end need not be stored, and more of them change nothing."""
    codes = np.full((1, 1, 8), 7, np.uint16)
    coder = coders.StaticCoder(SKEWED)
    payload = coder.encode(codes)
    assert not payload.endswith(b"\0")
    for zeros in range(9):
        (decoded,) = coder.decode([(payload + bytes(zeros), 8)], 1, 1)
        assert np.array_equal(decoded, codes)


@pytest.mark.parametrize("coder", every_coder(), ids=["packed", "static", "skewed"])
def test_codes_that_cannot_be_coded(coder):
    with pytest.raises(ValueError, match="1024"):
        coder.encode(np.full((1, 1, 3), 1024, np.uint16))
    for wrong in (np.zeros((1, 1, 3), np.int64), np.zeros((1, 3), np.uint16)):
        with pytest.raises(ValueError, match="uint16"):
            coder.encode(wrong)


@pytest.mark.parametrize(
    "table",
    [np.ones((1, 8), np.int32), np.ones(8, np.uint16), np.ones((1, 1), np.uint16),
     np.zeros((1, 8), np.uint16)],
)  # fmt: skip
def test_tables_that_cannot_be(table):
    with pytest.raises(ValueError, match="table"):
        coders.StaticCoder(table)
