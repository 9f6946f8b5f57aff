"""Damaged files that are read all the same, and what is said of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import DATA
from support.signals import Pipe, voice
from vauxio import container
from vauxio.codec.concealment import LOST, ConcealingDecoder
from vauxio.codec.tokens import TokenDecoder
from vauxio.container import metadata
from vauxio.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError

RATE = 16000
MODEL = vauxio.Codec().model
SECONDS = 25  # two full blocks and a part


@pytest.fixture(scope="module")
def blob() -> bytes:
    tags = {"title": "Whole", "comment": "x" * 300}
    return vauxio.compress(
        voice(SECONDS * RATE, RATE), RATE, model=MODEL.name, bitrate=1.5, tags=tags, lm=False
    )


@pytest.fixture(scope="module")
def whole(blob) -> np.ndarray:
    return vauxio.decompress(blob)[0]


def offsets(blob: bytes) -> list[int]:
    """Where blocks begin, and the end."""
    reader = container.Reader(io.BytesIO(blob))
    return [*reader._offsets, reader._stop]


def heard_in(seconds: int) -> int:
    """Frames that so many seconds of tokens give."""
    return max(0, seconds * 24000 - MODEL.delay) * RATE // 24000


def flipped(blob: bytes, at: int) -> bytes:
    return blob[:at] + bytes([blob[at] ^ 0x40]) + blob[at + 1 :]


def conceal(file) -> tuple[np.ndarray, list[tuple[int, int, str]]]:
    with vauxio.VauxFile(file, on_error="conceal") as f:
        return f.read(), f.damage


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("index", range(3))
def test_a_damaged_block_is_concealed_and_named(blob, whole, index, pipe):
    damaged = flipped(blob, offsets(blob)[index] + 100)
    with pytest.raises(ChecksumError, match=f"block {index}"):
        vauxio.decompress(damaged)
    data, damage = conceal((Pipe if pipe else io.BytesIO)(damaged))
    assert data.shape == whole.shape
    ((start, stop, reason),) = damage
    assert f"block {index}" in reason
    assert start == heard_in(index * 10)
    assert stop == min(heard_in((index + 1) * 10), len(whole))
    settle = RATE  # one second: the decoder's receptive field, and the filters'
    assert np.allclose(data[: max(0, start - 200)], whole[: max(0, start - 200)], atol=1e-4)
    assert np.allclose(data[stop + settle :], whole[stop + settle :], atol=1e-4)
    assert not data[start + RATE : stop - RATE].any()  # faded to silence
    if index:
        assert data[start + 100 : start + 500].any()  # not at once


def test_a_part_of_a_damaged_file(blob):
    damaged = flipped(blob, offsets(blob)[1] + 100)
    everything, _ = conceal(io.BytesIO(damaged))
    with vauxio.VauxFile(io.BytesIO(damaged), on_error="conceal") as f:
        f.seek(22 * RATE)
        assert np.allclose(f.read(RATE), everything[22 * RATE : 23 * RATE], atol=1e-4)
        assert f.damage == []  # not met
        f.seek(5 * RATE)
        for block in f.blocks(1000, frames=10 * RATE):
            assert np.isfinite(block).all()
        assert len(f.damage) == 1
    data, _ = vauxio.read(io.BytesIO(damaged), start=-RATE, on_error="conceal")
    assert np.allclose(data, everything[-RATE:], atol=1e-4)
    assert sum(len(b) for b in vauxio.blocks(io.BytesIO(damaged), 777, on_error="conceal")) == len(
        everything
    )


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
def test_damaged_tags_do_not_stop_it(blob, whole, pipe):
    kind = Pipe if pipe else io.BytesIO
    damaged = flipped(blob, blob.index(b"Whole"))
    with pytest.raises(ChecksumError):
        vauxio.read(kind(damaged))
    data, ((start, stop, reason),) = conceal(kind(damaged))
    assert np.array_equal(data, whole)
    assert (start, stop) == (0, 0) and "before the first block" in reason
    with vauxio.VauxFile(kind(damaged), on_error="conceal") as f:
        assert f.tags == {}


@pytest.mark.parametrize("at", range(4))
def test_damage_to_the_frame_of_tags(blob, whole, at):
    """Kind and length of the chunk: the index leads to the blocks all the same."""
    begin = blob.index(b"\x05title") - 4
    assert blob[begin : begin + 1] == b"t"
    data, damage = conceal(io.BytesIO(flipped(blob, begin + at)))
    assert np.array_equal(data, whole)
    assert len(damage) == 1


def test_other_tags_are_kept(whole):
    picture = metadata.Picture(3, "image/png", "", b"PICTURE" * 10)
    data = voice(RATE, RATE)
    blob = vauxio.compress(data, RATE, tags={"title": "Kept"}, pictures=[picture])
    with vauxio.VauxFile(
        io.BytesIO(flipped(blob, blob.index(b"PICTURE"))), on_error="conceal"
    ) as f:
        assert f.tags == {"title": "Kept"} and not f.pictures
        assert len(f.read()) == RATE and len(f.damage) == 1


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
def test_a_damaged_end(blob, whole, pipe):
    kind = Pipe if pipe else io.BytesIO
    data, damage = conceal(kind(flipped(blob, len(blob) - 14)))
    assert len(whole) <= len(data) <= len(whole) + 320
    assert np.allclose(data[: len(whole) - 200], whole[: len(whole) - 200], atol=1e-4)
    assert damage[-1][:2] == (len(data), len(data))


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
def test_a_file_cut_off(blob, whole, pipe):
    kind = Pipe if pipe else io.BytesIO
    cut = blob[: offsets(blob)[1] + 50]
    with pytest.raises(TruncatedError):
        vauxio.read(kind(cut))
    data, damage = conceal(kind(cut))
    assert len(data) == heard_in(10)
    assert np.allclose(data[:-200], whole[: len(data) - 200], atol=1e-4)
    assert "cut off" in damage[-1].reason
    assert "CUT OFF" in repr(vauxio.info(kind(cut)))


def test_every_byte_behind_the_header():
    """Whatever byte is damaged: sound comes out, or one of our errors, and never silence on it."""
    blob = vauxio.compress(voice(800, RATE), RATE, bitrate=0.75, tags={"a": "b"})
    expected = vauxio.decompress(blob)[0]
    first = next(n for n in range(len(blob)) if _opens(blob[:n]))
    for at in range(first, len(blob)):
        for kind in (io.BytesIO, Pipe):
            try:
                data, damage = conceal(kind(flipped(blob, at)))
            except FormatError:
                continue
            assert damage, at
            assert np.isfinite(data).all() and len(data) <= len(expected) + 10 * RATE


def _opens(blob: bytes) -> bool:
    try:
        container.Reader(io.BytesIO(blob))
    except FormatError:
        return False
    return True


@pytest.mark.parametrize(
    "gaps", [{0: [(20, 60)]}, {0: [(20, 60), (66, 67)], 1: [(23, 57), (70, 73)]}]
)
def test_a_long_gap_costs_little_and_changes_nothing(monkeypatch, gaps):
    """Tokens are decoded together where nothing is concealed, and where all is silent."""
    codec = vauxio.Codec()
    codes = codec.encode(voice(90 * 320, 24000, len(gaps)), 24000, codebooks=2)
    codes = codes.codes.astype(np.int32)
    for row, lost in gaps.items():
        for start, stop in lost:
            codes[row, :, start:stop] = LOST
    alone = ConcealingDecoder(codec.model, len(codes))
    expected = [alone.push(codes[..., at : at + 1]) for at in range(codes.shape[2])]
    calls, push = [], TokenDecoder.push
    monkeypatch.setattr(TokenDecoder, "push", lambda *a: calls.append(0) or push(*a))
    found = ConcealingDecoder(codec.model, len(codes)).push(codes)
    assert np.allclose(found, np.concatenate(expected, axis=1), atol=1e-4)
    assert len(calls) < codes.shape[2] / 2


def test_what_is_no_damage_still_stops():
    with pytest.raises(FormatError):
        vauxio.read(io.BytesIO(b"RIFF" + bytes(100)), on_error="conceal")
    vectors = DATA / "vectors"
    for name in ("bad-04-major.vx", "bad-05-feature.vx"):
        with pytest.raises(UnsupportedError):
            vauxio.read(vectors / name, on_error="conceal")
    with pytest.raises(ValueError, match="on_error"):
        vauxio.read(vectors / "good-01-packed.vx", on_error="ignore")


def test_an_undamaged_file_is_the_same(blob, whole):
    data, damage = conceal(io.BytesIO(blob))
    assert np.array_equal(data, whole) and damage == []


# -- the command line ----------------------------------------------------------------------------


def test_decode_conceals_and_lists(vaux, blob, tmp_path):
    (tmp_path / "in.vx").write_bytes(flipped(blob, offsets(blob)[1] + 100))
    result = vaux("decode", "in.vx", "out.wav")
    assert result.code == 1 and not (tmp_path / "out.wav").exists()
    result = vaux("decode", "--on-error", "conceal", "in.vx", "out.wav")
    assert result.code == 0
    assert soundfile.info(tmp_path / "out.wav").frames == SECONDS * RATE
    assert result.err.startswith("vaux: in.vx: concealed 0:09.93")
    assert "block 1" in result.err and result.err.count("\n") == 1
    assert vaux("verify", "in.vx").code == 1


def test_decode_what_is_left_of_a_file(vaux, blob, tmp_path):
    (tmp_path / "in.vx").write_bytes(blob[: offsets(blob)[1] + 50])
    assert "CUT OFF" in vaux("info", "in.vx").out.decode()
    assert vaux("decode", "in.vx").code == 1
    result = vaux("decode", "--on-error=conceal", "in.vx")
    assert result.code == 0 and "cut off" in result.err
    assert 9 < soundfile.info(tmp_path / "in.wav").duration < 10
    result = vaux("decode", "--until", "8", "in.vx", "part.wav")  # all of that is there
    assert result.code == 0 and soundfile.info(tmp_path / "part.wav").duration == 8


def test_decode_a_part(vaux, blob, whole, tmp_path):
    (tmp_path / "in.vx").write_bytes(blob)
    for skip, until, start, stop in (
        ("12.5", "0:13.75", 12.5, 13.75),
        ("0:00:24", None, 24, SECONDS),
        (None, "1", 0, 1),
        ("5", "5", 5, 5),
        ("20", "99", 20, SECONDS),
    ):
        options = ["--skip", skip] * (skip is not None) + ["--until", until] * (until is not None)
        result = vaux("decode", "-f", *options, "in.vx", "out.wav")
        assert (result.code, result.err) == (0, "")
        data, _ = soundfile.read(tmp_path / "out.wav")
        expected = whole[round(start * RATE) : round(stop * RATE)]
        assert data.shape == expected.shape
        assert np.allclose(data, expected, atol=2e-4)  # 16 bits
    for wrong in (["--skip", "x"], ["--skip", "3", "--until", "2"], ["--until", "1:2:3:4"]):
        assert vaux("decode", *wrong, "in.vx", "o.wav").code == 2
    assert vaux("decode", "--skip", "26", "in.vx", "o.wav").code == 1
