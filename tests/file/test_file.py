"""Files: whole, in pieces, from anywhere, damaged, and while something goes wrong."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

import vauxio
from support.signals import Full, Pipe, lag, voice
from vauxio import container
from vauxio.codec.signal import SignalDecoder
from vauxio.errors import AudioError, FormatError, ModelError, TruncatedError, UnsupportedError
from vauxio.file.block_reader import TokenReader
from vauxio.model.installed import find_model

RATE = 16000
FRAMES = 25 * RATE + 123


@pytest.fixture(scope="module")
def blob() -> bytes:
    """25 seconds of stereo: three blocks. Bare codes, since many tests read it many times."""
    tags = {"title": "Test"}
    return vauxio.compress(voice(FRAMES, RATE, 2), RATE, bitrate=6, tags=tags, lm=False)


@pytest.fixture(scope="module")
def whole(blob) -> np.ndarray:
    return vauxio.decompress(blob)[0]


@pytest.fixture(scope="module")
def wave(whole, tmp_path_factory) -> Path:
    """What the file decodes to as a WAV file, to compare with soundfile."""
    path = tmp_path_factory.mktemp("wave") / "a.wav"
    soundfile.write(path, whole, RATE, "FLOAT")
    return path


@pytest.fixture
def path(blob, tmp_path) -> Path:
    path = tmp_path / "a.vx"
    path.write_bytes(blob)
    return path


@pytest.mark.parametrize(
    ("seconds", "known", "blocks"),
    [(12, 12, [905]), (12, None, [750, 155]), (8, 8, [605]), (16, 16, [750, 455]),
     (16, 12, [1125, 80]), (8, 12, [605]), (12, 400, [750, 155])],
)  # fmt: skip
def test_up_to_fifteen_seconds_are_one_block(seconds, known, blocks):
    """If the length is known; and any other may be written all the same."""
    data, file = voice(seconds * RATE, RATE), io.BytesIO()
    with vauxio.VauxFile(
        file,
        "w",
        RATE,
        1,
        model="general-24k",
        bitrate=0.75,
        lm=False,
        frames=known and known * RATE,
        exact=known == seconds,
    ) as f:
        f.write(data)
    reader = container.Reader(io.BytesIO(file.getvalue()))
    assert [reader.read(i).tokens for i in range(reader.blocks)] == blocks
    assert len(vauxio.decompress(file.getvalue())[0]) == len(data)
    if known == seconds:
        assert (
            vauxio.compress(data, RATE, model="general-24k", bitrate=0.75, lm=False)
            == file.getvalue()
        )


# --- there and back ---


@pytest.mark.parametrize("samplerate", [1000, 8000, 24000, 44100, 44101, 192000, 768000])
@pytest.mark.parametrize("frames", [0, 1, 319, 320, 321, "one second"])
def test_exact_length(frames, samplerate):
    frames = samplerate if frames == "one second" else frames
    blob = vauxio.compress(voice(frames, samplerate)[:, 0], samplerate, bitrate=1.5)
    data, rate = vauxio.decompress(blob)
    assert (data.shape, data.dtype, rate) == ((frames,), np.float32, samplerate)
    assert np.isfinite(data).all()


@pytest.mark.parametrize("seconds", [61.7, 120])
def test_exact_length_of_long_files(tmp_path, seconds):
    data = voice(int(seconds * 8000), 8000)[:, 0]
    vauxio.write(tmp_path / "a.vx", data, 8000, bitrate=1.5, lm=False)
    decoded, _ = vauxio.read(tmp_path / "a.vx")
    assert decoded.shape == data.shape
    assert lag(data, decoded) == 0
    tail = slice(-20 * 8000, None)
    assert lag(data[tail], decoded[tail]) == 0


@pytest.mark.parametrize("channels", [*range(1, 9), 32])
def test_channels(channels):
    data = voice(3000, RATE, channels)
    decoded, _ = vauxio.decompress(vauxio.compress(data, RATE))
    assert decoded.shape == ((3000,) if channels == 1 else (3000, channels))


@pytest.mark.parametrize("dtype", ["int16", "int32", "float64"])
def test_sample_types_in(dtype):
    as_int16 = np.rint(voice(3000)[:, 0] * 32768).astype("int16")
    data = {
        "int16": as_int16,
        "int32": as_int16.astype("int32") << 16,
        "float64": as_int16 / 32768,
    }[dtype]
    expected = vauxio.compress((as_int16 / 32768).astype("float32"), RATE)
    assert vauxio.compress(data, RATE) == expected


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
def test_sample_types_out(blob, whole, dtype):
    data, _ = vauxio.read(io.BytesIO(blob), dtype=dtype)
    assert data.dtype == dtype
    if dtype.startswith("int"):
        format, subtype = {"int16": ("FLAC", "PCM_16"), "int32": ("WAV", "PCM_32")}[dtype]
        file = io.BytesIO()
        soundfile.write(file, whole, RATE, subtype, format=format)
        file.seek(0)
        assert np.array_equal(data, soundfile.read(file, dtype=dtype)[0])
    else:
        assert np.array_equal(data, whole)


def test_a_file_is_what_the_codec_makes():
    data = voice(12 * 24000, 24000)[:, 0]
    decoded, _ = vauxio.decompress(vauxio.compress(data, 24000, bitrate=12, model="general-24k"))
    codec = vauxio.Codec()
    assert np.array_equal(decoded, codec.decode(codec.encode(data, 24000, bitrate=12)))


@pytest.mark.parametrize("bitrate", [6, 12])
def test_with_noise_above_it_is_the_same_below(bitrate):
    data = voice(6 * 44100, 44100)
    file = vauxio.compress(data, 44100, bitrate=bitrate, lm=False)
    codes = TokenReader(io.BytesIO(file)).get(0, 750)
    decoder = SignalDecoder(vauxio.Codec().model, 44100, 1, frames=len(data))
    parts = [decoder.push(codes), decoder.finish()]
    pair = np.concatenate(parts)[:, 0], vauxio.decompress(file)[0]
    expected, decoded = (soxr.resample(x, 44100, 20000) for x in pair)
    assert np.abs(decoded - expected)[1000:-1000].max() < 2e-3


def test_a_file_does_not_depend_on_how_it_is_written(blob):
    data = voice(FRAMES, RATE, 2)
    file = io.BytesIO()
    options = {"bitrate": 6, "tags": {"title": "Test"}, "lm": False}
    with vauxio.VauxFile(file, "w", RATE, 2, frames=FRAMES, exact=True, **options) as f:
        at = 0
        for size in [1, 7, 320, 100_000] * 10:
            f.write(data[at : at + size])
            at += size
            assert f.tell() == f.frames == min(at, FRAMES)
    assert file.getvalue() == blob


def test_plain_codes_sound_the_same(blob, whole):
    coded = vauxio.compress(voice(FRAMES, RATE, 2), RATE, bitrate=6)
    assert vauxio.info(io.BytesIO(blob)).coder == "packed"
    assert vauxio.info(io.BytesIO(coded)).coder != "packed" and len(coded) < len(blob)
    assert np.array_equal(vauxio.decompress(coded)[0], whole)
    second, _ = vauxio.read(io.BytesIO(coded), start=12 * RATE, frames=RATE)
    assert np.abs(second - whole[12 * RATE : 13 * RATE]).max() < 1e-4


def test_bitrate_is_what_was_asked_for():
    data = voice(60 * 8000, 8000)
    sizes = {b: len(vauxio.compress(data, 8000, bitrate=b, lm=False)) for b in (1.5, 6, 12)}
    assert sizes[1.5] * 8 / 60 == pytest.approx(1500, rel=0.02)  # all bytes counted
    assert sizes[6] * 8 / 60 == pytest.approx(6000, rel=0.02)
    assert sizes[12] * 8 / 60 == pytest.approx(12000, rel=0.02)


# --- where a file may be ---


@pytest.mark.parametrize("kind", ["str", "bytes path", "PathLike", "descriptor", "file", "BytesIO"])
def test_files_of_every_kind(tmp_path, blob, whole, kind):
    path = tmp_path / "a.vx"
    data = voice(FRAMES, RATE, 2)
    options = {"bitrate": 6, "tags": {"title": "Test"}, "lm": False}
    if kind == "descriptor":
        vauxio.write(os.open(path, os.O_WRONLY | os.O_CREAT), data, RATE, **options)
    elif kind == "file":
        with path.open("wb") as file:
            vauxio.write(file, data, RATE, **options)
            assert not file.closed
    elif kind == "BytesIO":
        memory = io.BytesIO()
        vauxio.write(memory, data, RATE, **options)
        path.write_bytes(memory.getvalue())
    else:
        name = {"str": str(path), "bytes path": os.fsencode(path), "PathLike": path}[kind]
        vauxio.write(name, data, RATE, **options)
    assert path.read_bytes() == blob

    if kind == "descriptor":
        descriptor = os.open(path, os.O_RDONLY)
        assert np.array_equal(vauxio.read(descriptor, closefd=False)[0], whole)
        os.lseek(descriptor, 0, os.SEEK_SET)
        assert np.array_equal(vauxio.read(descriptor)[0], whole)
        with pytest.raises(OSError):
            os.fstat(descriptor)
    elif kind == "file":
        with path.open("rb") as file:
            assert np.array_equal(vauxio.read(file)[0], whole)
            assert not file.closed
    else:
        file = {"str": str(path), "bytes path": os.fsencode(path), "PathLike": path}.get(kind)
        assert np.array_equal(vauxio.read(file or io.BytesIO(blob))[0], whole)


def test_through_a_pipe_while_it_is_written(blob, whole):
    receiver, sender = os.pipe()
    data = voice(FRAMES, RATE, 2)
    options = {"bitrate": 6, "lm": False}
    writer = threading.Thread(target=vauxio.write, args=(sender, data, RATE), kwargs=options)
    writer.start()
    decoded, _ = vauxio.read(receiver)
    writer.join()
    assert np.array_equal(decoded, whole)


def test_a_pipe_is_read_in_order(blob, whole):
    with vauxio.VauxFile(Pipe(blob)) as f:
        assert not f.seekable() and not f.complete and f.frames is None
        assert np.array_equal(f.read(1000), whole[:1000])
        assert f.tell() == 1000
        with pytest.raises(io.UnsupportedOperation):
            f.seek(0)
        assert np.array_equal(f.read(fill_value=0, frames=200_000), whole[1000:201_000])
        assert np.array_equal(f.read(dtype="float64"), whole[201_000:])
        assert f.complete and f.frames == FRAMES
        assert f.read().shape == (0, 2)
        assert (f.read(5, fill_value=3) == 3).all()
    with pytest.raises(ValueError, match="seekable"):
        vauxio.read(Pipe(blob), start=5)
    with pytest.raises(ValueError, match="seekable"):
        vauxio.read(Pipe(blob), stop=-5)
    assert np.array_equal(vauxio.read(Pipe(blob), stop=500)[0], whole[:500])


@pytest.mark.parametrize("fill_value", [None, 7])
@pytest.mark.parametrize("overlap", [0, 100])
def test_blocks_of_a_pipe(blob, whole, fill_value, overlap):
    pieces = list(vauxio.blocks(Pipe(blob), 30_000, overlap, fill_value=fill_value))
    data = np.concatenate([pieces[0]] + [piece[overlap:] for piece in pieces[1:]])
    assert np.array_equal(data[:FRAMES], whole)
    assert (data[FRAMES:] == 7).all() and (len(pieces[-1]) == 30_000) == (fill_value == 7)


@pytest.mark.parametrize("file", [3.5, None, ["a.vx"], object()])
def test_what_is_no_file(file):
    with pytest.raises(TypeError):
        vauxio.read(file)
    with pytest.raises(TypeError):
        vauxio.write(file, [0.0], RATE)


# --- reading as soundfile does ---


READS = [
    {}, {"frames": 1000}, {"frames": 0}, {"start": 5}, {"start": -1000}, {"stop": 1000},
    {"stop": -1}, {"start": 100, "stop": 50}, {"start": 300_000, "frames": 100},
    {"start": FRAMES}, {"start": FRAMES + 5}, {"start": FRAMES - 10, "frames": 50},
    {"start": FRAMES - 10, "frames": 50, "fill_value": 9}, {"stop": FRAMES + 100},
    {"stop": FRAMES + 100, "fill_value": 9}, {"start": 9, "always_2d": True},
    {"start": FRAMES - 5, "dtype": "float64", "frames": 10, "fill_value": 1},
    {"frames": 5, "stop": 5}, {"dtype": "int64"}, {"dtype": "float16"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", READS, ids=str)
def test_read_as_soundfile(blob, wave, arguments):
    arguments = {"dtype": "float32"} | arguments
    try:
        expected, _ = soundfile.read(wave, **arguments)
    except Exception as e:
        with pytest.raises(type(e)):
            vauxio.read(io.BytesIO(blob), **arguments)
        return
    data, samplerate = vauxio.read(io.BytesIO(blob), **arguments)
    assert samplerate == RATE and data.dtype == expected.dtype
    assert data.shape == expected.shape
    assert np.abs(data - expected).max(initial=0) < 1e-4


INTO = [
    {}, {"frames": 10}, {"frames": 99, "fill_value": 4}, {"start": FRAMES - 20},
    {"start": FRAMES - 20, "fill_value": 4}, {"start": 7, "stop": 20, "fill_value": 4},
]  # fmt: skip


@pytest.mark.parametrize("arguments", INTO, ids=str)
def test_read_into_an_array_as_soundfile(blob, wave, arguments):
    ours, theirs = np.full((2, 50, 2), 8, "float32")
    expected, _ = soundfile.read(wave, out=theirs, **arguments)
    data, _ = vauxio.read(io.BytesIO(blob), out=ours, **arguments)
    assert data.shape == expected.shape and np.shares_memory(data, ours)
    assert np.abs(ours - theirs).max() < 1e-4


BLOCKS = [
    {"blocksize": 60_000}, {"blocksize": 60_000, "overlap": 1000}, {"blocksize": 10 * FRAMES},
    {"blocksize": 100, "frames": 1050}, {"blocksize": 100, "frames": 1050, "overlap": 30},
    {"blocksize": 100, "start": FRAMES - 250},
    {"blocksize": 100, "start": FRAMES - 250, "fill_value": 3},
    {"blocksize": 100, "start": FRAMES - 250, "fill_value": 3, "overlap": 20},
    {"blocksize": 100, "start": 5, "stop": 305}, {"blocksize": 100, "start": FRAMES},
    {"blocksize": 100, "stop": 250, "dtype": "float64", "always_2d": True}, {},
    {"blocksize": 100, "out": np.empty((100, 2), "float32")},
]  # fmt: skip


@pytest.mark.parametrize("arguments", BLOCKS, ids=lambda a: " ".join(a) + str(a.get("start", "")))
def test_blocks_as_soundfile(blob, wave, arguments):
    arguments = {"dtype": "float32"} | arguments
    try:
        expected = list(soundfile.blocks(wave, **arguments))
    except Exception as e:
        with pytest.raises(type(e)):
            list(vauxio.blocks(io.BytesIO(blob), **arguments))
        return
    pieces = list(vauxio.blocks(io.BytesIO(blob), **arguments))
    assert [p.shape for p in pieces] == [e.shape for e in expected]
    for piece, wanted in zip(pieces, expected, strict=True):
        assert piece.dtype == wanted.dtype and np.abs(piece - wanted).max() < 1e-4


def test_blocks_into_an_array(blob, whole):
    out = np.empty((7000, 2), "float32")
    at = 0
    for piece in vauxio.blocks(io.BytesIO(blob), out=out, start=1000, stop=30_000):
        assert np.shares_memory(piece, out)
        assert np.abs(piece - whole[1000 + at :][: len(piece)]).max() < 1e-4
        at += len(piece)
    assert at == 29_000


@pytest.mark.parametrize(("blocksize", "overlap"), [(0, 0), (-5, 0), (10, 10), (10, -1)])
def test_impossible_blocks(blob, blocksize, overlap):
    with pytest.raises(ValueError):
        next(vauxio.blocks(io.BytesIO(blob), blocksize, overlap))


@pytest.mark.parametrize(
    "out",
    [
        np.empty(5, "float32"),
        np.empty((5, 3), "float32"),
        np.empty((5, 2), "int64"),
        np.empty((5, 2, 1), "float32"),
    ],
)
def test_arrays_that_do_not_fit(blob, out):
    with pytest.raises(ValueError):
        vauxio.read(io.BytesIO(blob), out=out)


@pytest.mark.parametrize("samplerate", [24000, 44100, 44101, 8000])
def test_any_slice_equals_the_slice_of_the_whole(samplerate):
    blob = vauxio.compress(voice(32 * samplerate, samplerate), samplerate, bitrate=6, lm=False)
    whole, _ = vauxio.decompress(blob)
    f = vauxio.VauxFile(io.BytesIO(blob))

    @settings(max_examples=25)
    @given(st.integers(0, len(whole)), st.integers(0, samplerate))
    def check(start: int, count: int) -> None:
        f.seek(start)
        data = f.read(count)
        assert len(data) == min(count, len(whole) - start)
        assert np.abs(data - whole[start : start + count]).max(initial=0) < 1e-4
        assert f.tell() == start + len(data)

    check()


def test_seek(blob, whole):
    with vauxio.VauxFile(io.BytesIO(blob)) as f:
        assert f.seekable() and f.tell() == 0
        assert f.seek(100) == 100 == f.tell()
        assert f.seek(-20, io.SEEK_CUR) == 80
        assert f.seek(-10, io.SEEK_END) == FRAMES - 10
        assert np.abs(f.read() - whole[-10:]).max() < 1e-4
        assert f.tell() == FRAMES and f.read().shape == (0, 2)
        for frames, whence in [(-1, 0), (FRAMES + 1, 0), (1, 2), (0, 3)]:
            with pytest.raises(ValueError):
                f.seek(frames, whence)
        assert f.tell() == FRAMES


def test_a_frame_deep_in_a_long_file_is_near(blob):
    """Ten hours, made of one block repeated: only what is around a frame is decoded."""
    reader = container.Reader(io.BytesIO(blob))
    block, count = reader.read(0), 3600
    file = io.BytesIO()
    writer = container.Writer(file, replace(reader.header, frames=None))
    for _ in range(count):
        writer.write(block)
    frames = find_model().frames_in(count * block.tokens, RATE)
    writer.close(frames)

    decoded: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            decoded.append(len(data))
            return data

    f = vauxio.VauxFile(Counting(file.getvalue()))
    assert f.frames == frames
    decoded.clear()
    f.seek(9 * 3600 * RATE)
    late = f.read(RATE)
    assert len(late) == RATE
    assert sum(decoded) < 4 * len(block.payload)


# --- what a file says of itself ---


def test_attributes(path):
    with vauxio.VauxFile(path) as f:
        assert (f.name, f.mode) == (str(path), "r")
        assert (f.samplerate, f.frames, f.channels) == (RATE, FRAMES, 2)
        assert (f.model, f.bitrate) == (find_model().name, 7.5)  # 6 on average
        assert f.tags == {"title": "Test"} and f.complete and not f.closed
        assert repr(f).startswith(f"VauxFile({str(path)!r}, mode='r', samplerate=16000")
    assert f.closed


@pytest.mark.parametrize("pipe", [False, True])
def test_info(path, blob, pipe):
    info = vauxio.info(Pipe(blob) if pipe else path)
    assert (info.samplerate, info.channels, info.frames) == (RATE, 2, FRAMES)
    assert info.duration == FRAMES / RATE
    assert (info.model, info.codebooks, info.joint) == (find_model().name, 10, True)
    assert info.nominal == pytest.approx(6, rel=0.05)
    assert 6 < info.allocation[1] <= 10
    assert info.installed and info.complete and info.blocks == 3
    assert info.bytes == len(blob)
    assert info.kbps == pytest.approx(len(blob) * 8 / info.duration / 1000)
    assert info.tags == {"title": "Test"}
    assert info.tokens == find_model().tokens_for(FRAMES, RATE)
    for text in (
        "16000 Hz",
        "channels: 2, joint stereo",
        "0:25.008",
        find_model().name,
        " of 10 codebooks per token",
        "title: Test",
    ):
        assert text in repr(info)


@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize("mode", ["stop", "conceal"])
def test_of_files_that_are_joined_the_first_is_read(path, blob, pipe, mode):
    other = vauxio.compress(np.zeros((FRAMES, 2)), RATE, bitrate=6)  # of the same length
    data = blob + other
    with vauxio.VauxFile(Pipe(data) if pipe else io.BytesIO(data), on_error=mode) as f:
        assert np.array_equal(f.read(), vauxio.read(path)[0])
        assert f.complete and f.damage == []
        assert f.tags == {"title": "Test"}


@pytest.mark.parametrize("pipe", [False, True])
def test_info_counts_what_belongs_to_the_file(blob, pipe):
    alone = vauxio.info(io.BytesIO(blob))
    assert alone.ignored == 0 and "after its end" not in repr(alone)
    for after in (b"x", b"TAG" + bytes(125), blob):
        data = blob + after
        info = vauxio.info(Pipe(data) if pipe else io.BytesIO(data))
        assert (info.bytes, info.kbps, info.ignored) == (len(blob), alone.kbps, len(after))
        assert f"after its end: {len(after)} bytes, which are no part of it" in repr(info)
    cut = blob[: len(blob) // 2]  # of one without an end, all belongs to it
    info = vauxio.info(Pipe(cut) if pipe else io.BytesIO(cut))
    assert (info.bytes, info.ignored) == (len(cut), 0)


def test_info_of_an_empty_recording():
    info = vauxio.info(io.BytesIO(vauxio.compress([], RATE)))
    assert (info.frames, info.duration, info.kbps) == (0, 0, None)
    assert "unknown" in repr(info)


def test_without_the_model(blob, tmp_path, monkeypatch):
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    info = vauxio.info(io.BytesIO(blob))
    assert (info.installed, info.frames, info.nominal) == (False, FRAMES, None)
    assert "NOT INSTALLED" in repr(info)
    cut = vauxio.info(io.BytesIO(blob[: len(blob) // 2]))
    assert (cut.frames, cut.duration, cut.complete) == (None, None, False)
    with pytest.raises(ModelError, match="not installed"):
        vauxio.decompress(blob)
    with pytest.raises(ModelError, match="not installed"):
        vauxio.write(tmp_path / "b.vx", [0.0], RATE)
    assert os.listdir(tmp_path) == []


def test_a_later_decoder_of_the_same_codes(blob, tmp_path, monkeypatch):
    """Whatever else a decoder learned, files of its code space stay readable."""
    name, folder = find_model().name, tmp_path / find_model().name
    shutil.copytree(find_model().decoder.path.parent, folder)
    graph = (folder / "decoder.onnx").read_bytes() + b"\x32\x05later"  # ModelProto.doc_string
    (folder / "decoder.onnx").write_bytes(graph)
    fields = json.loads((folder / "model.json").read_text())
    fields["decoder"]["sha256"] = hashlib.sha256(graph).hexdigest()
    (folder / "model.json").write_text(json.dumps(fields))
    before, sound = vauxio.info(io.BytesIO(blob)), vauxio.decompress(blob)[0]
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    after = vauxio.info(io.BytesIO(blob))
    assert after.code_space == before.code_space and after.installed
    assert after.decoder == hashlib.sha256(graph).hexdigest()[:16] != before.decoder
    assert f"{name}, decoder {after.decoder}" in repr(after)
    np.testing.assert_array_equal(vauxio.decompress(blob)[0], sound)


# --- what cannot be written ---


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"data": [0, 0, float("nan")]}, AudioError),
        ({"data": np.zeros((5, 33))}, AudioError),
        ({"data": np.zeros((5, 0))}, AudioError),
        ({"data": np.zeros(5, "int64")}, AudioError),
        ({"data": 3.0}, AudioError),
        ({"samplerate": 999}, AudioError),
        ({"samplerate": 768001}, AudioError),
        ({"samplerate": 44100.5}, AudioError),
        ({"samplerate": "44100"}, AudioError),
        ({"bitrate": 0.5}, ValueError),
        ({"bitrate": 200}, ValueError),
        ({"model": "none"}, ModelError),
        ({"tags": "title"}, FormatError),
        ({"pictures": [b"image"]}, FormatError),
    ],
    ids=str,
)
def test_refused_and_nothing_left(tmp_path, arguments, error):
    target = tmp_path / "a.vx"
    target.write_bytes(b"old")
    with pytest.raises(error) as caught:
        vauxio.write(target, **({"data": np.zeros(500), "samplerate": RATE} | arguments))
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["a.vx"] and target.read_bytes() == b"old"


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.uint8, np.array, Fraction, Decimal])
@pytest.mark.parametrize("asked", [{"bitrate": 6}, {"bitrate": 64}, {"quality": 5}])
def test_numbers_of_other_types(kind, asked):
    """Half precision ends at 65,504, which bits a second are beyond."""
    sound = voice(RATE, RATE)
    numbers = {what: kind(value) for what, value in asked.items()}
    assert vauxio.compress(sound, RATE, **numbers) == vauxio.compress(sound, RATE, **asked)


@pytest.mark.parametrize("model", ["auto", "general-24k", "hifi-48k"])
@pytest.mark.parametrize("kind", [int, Fraction, Decimal])
def test_numbers_beyond_all_ranges(model, kind):
    for value in (kind(10**400), kind(-(10**400)), Decimal("sNaN")):
        with pytest.raises(vauxio.BitrateError, match=r"bitrate of (-?inf|nan) kbps: "):
            vauxio.compress(np.zeros(500), RATE, model=model, bitrate=value)
        with pytest.raises(ValueError, match=r"quality of (-?inf|nan): "):
            vauxio.compress(np.zeros(500), RATE, model=model, quality=value)


@pytest.mark.parametrize("model", ["auto", "general-24k", "hifi-48k"])
@pytest.mark.parametrize("value", ["6", b"6", True, [6], 6j])
def test_what_is_no_number(model, value):
    for what in ("bitrate", "quality"):
        with pytest.raises(ValueError, match=f"{what} of .*: must be a number"):
            vauxio.compress(np.zeros(500), RATE, model=model, **{what: value})
    with pytest.raises(AudioError, match=r"sample rate of .*: must be an integer"):
        vauxio.compress(np.zeros(500), value)
    with pytest.raises(AudioError, match="channels: must be an integer"):
        vauxio.VauxFile(io.BytesIO(), "w", RATE, value)


@pytest.mark.parametrize("value", ["6", [6], 1.5, float("nan"), True])
def test_what_is_no_integer(value):
    blob, codec = vauxio.compress(np.zeros(500), RATE), vauxio.Codec()
    for name, use in {
        "frames": lambda: vauxio.read(io.BytesIO(blob), value),
        "start": lambda: vauxio.read(io.BytesIO(blob), start=value),
        "stop": lambda: vauxio.read(io.BytesIO(blob), stop=value),
        "max_frames": lambda: vauxio.decompress(blob, max_frames=value),
        "blocksize": lambda: list(vauxio.blocks(io.BytesIO(blob), value)),
        "overlap": lambda: list(vauxio.blocks(io.BytesIO(blob), 9, value)),
        "codebooks": lambda: codec.encode(np.zeros(500), RATE, codebooks=value),
        "workers": lambda: codec.encode([np.zeros(500)] * 2, RATE, workers=value),
        "threads": lambda: vauxio.Codec(threads=value),
        "n": lambda: codec.stream_batch(value),
    }.items():
        with pytest.raises(TypeError, match=f"{name} of .*: must be an integer"):
            use()
    for use in (
        lambda: vauxio.read_codes(io.BytesIO(blob), frames=value),
        lambda: vauxio.VauxFile(io.BytesIO(blob)).seek(value),
        lambda: vauxio.VauxFile(io.BytesIO(), "w", RATE, 1, frames=value),
    ):
        with pytest.raises(TypeError, match="frames of .*: must be an integer"):
            use()


def test_a_number_of_numpy():
    blob = vauxio.compress(np.zeros(500), np.int32(RATE), bitrate=np.float32(3))
    assert blob == vauxio.compress(np.zeros(500), RATE, bitrate=3)
    assert vauxio.compress(np.zeros(500), RATE, quality=np.int64(4))


def test_the_first_bad_frame_is_named_from_the_beginning_of_the_file(tmp_path):
    bad = np.zeros((100, 2))
    bad[42, 1] = np.inf
    with vauxio.VauxFile(tmp_path / "a.vx", "w", RATE, 2) as f:
        f.write(np.zeros((1000, 2)))
        with pytest.raises(AudioError, match="frame 1042 "):
            f.write(bad)
        f.write(np.zeros((5, 2)))  # as if the bad samples had never come
    assert vauxio.info(tmp_path / "a.vx").frames == 1005


def test_wrong_use(path, tmp_path):
    for arguments in ({"mode": "r+"}, {"mode": "a"}, {"mode": "rw"}, {"mode": ""}):
        with pytest.raises(ValueError, match="mode"):
            vauxio.VauxFile(path, **arguments)
    with pytest.raises(TypeError, match="mode"):
        vauxio.VauxFile(path, None)
    with pytest.raises(TypeError, match="samplerate"):
        vauxio.VauxFile(path, "r", RATE)
    with pytest.raises(TypeError, match="samplerate"):
        vauxio.VauxFile(tmp_path / "b.vx", "w", RATE)
    with vauxio.VauxFile(path) as f, pytest.raises(io.UnsupportedOperation):
        f.write([[0.0, 0.0]])
    with vauxio.VauxFile(tmp_path / "b.vx", "w", RATE, 1) as f:
        assert not f.seekable()
        for use in (f.read, lambda: next(f.blocks(5)), lambda: f.seek(0)):
            with pytest.raises(io.UnsupportedOperation):
                use()
    for use in (f.tell, f.flush, lambda: f.write([0.0])):
        with pytest.raises(ValueError, match="closed"):
            use()
    f.close()


# --- names on disk ---


def test_nothing_is_seen_before_it_is_whole(tmp_path):
    target = tmp_path / "a.vx"
    with vauxio.VauxFile(target, "w", RATE, 1) as f:
        f.write(np.zeros(RATE * 25))
        f.flush()
        assert not target.exists()
        (part,) = tmp_path.iterdir()
        assert part.stat().st_size > 0
    assert os.listdir(tmp_path) == ["a.vx"]
    assert vauxio.info(target).frames == RATE * 25


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_what_was(tmp_path, there, error):
    target = tmp_path / "a.vx"
    if there:
        target.write_bytes(b"old")
    with pytest.raises(error), vauxio.VauxFile(target, "w", RATE, 1) as f:
        f.write(np.zeros(RATE * 12))
        raise error
    assert f.closed
    assert os.listdir(tmp_path) == (["a.vx"] if there else [])
    assert not there or target.read_bytes() == b"old"


def test_a_file_never_closed_is_discarded(tmp_path):
    f = vauxio.VauxFile(tmp_path / "a.vx", "w", RATE, 1)
    f.write(np.zeros(100))
    with pytest.warns(ResourceWarning, match=r"a\.vx.*never closed"):
        del f
    assert os.listdir(tmp_path) == []


def test_exclusive(tmp_path):
    target = tmp_path / "a.vx"
    with vauxio.VauxFile(target, "x", RATE, 1) as f:
        f.write(np.zeros(100))
    before = target.read_bytes()
    with pytest.raises(FileExistsError):
        vauxio.VauxFile(target, "x", RATE, 1)
    target.unlink()
    late = vauxio.VauxFile(target, "x", RATE, 1)
    target.write_bytes(b"came meanwhile")
    with pytest.raises(FileExistsError):
        late.close()
    assert target.read_bytes() == b"came meanwhile" and os.listdir(tmp_path) == ["a.vx"]
    assert len(before) > 20


def test_links_and_permissions_are_kept(tmp_path):
    target, link = tmp_path / "a.vx", tmp_path / "link.vx"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    vauxio.write(link, np.zeros(100), RATE)
    assert link.is_symlink() and vauxio.info(target).frames == 100
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_files_have_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    vauxio.write(tmp_path / "a.vx", np.zeros(100), RATE)
    assert (tmp_path / "a.vx").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_long_names(tmp_path):
    name = "ä" * 126 + ".vx"  # 255 bytes, as long as a name can be
    vauxio.write(tmp_path / name, np.zeros(100), RATE)
    assert os.listdir(tmp_path) == [name]


def test_targets_that_cannot_be_written(tmp_path):
    for target, error in [
        (tmp_path, IsADirectoryError),
        (tmp_path / "no" / "a.vx", FileNotFoundError),
    ]:
        with pytest.raises(error) as caught:
            vauxio.write(target, np.zeros(100), RATE)
        assert str(target) in str(caught.value) and ".part" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        vauxio.read(tmp_path / "none.vx")
    with pytest.raises(IsADirectoryError):
        vauxio.read(tmp_path)


def test_devices_are_written_to_directly():
    vauxio.write(os.devnull, np.zeros(100), RATE)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_device():
    with pytest.raises(OSError, match="No space left"):
        vauxio.write("/dev/full", np.zeros(100), RATE)


@pytest.mark.parametrize("space", [0, 5, 100, 4000])
def test_full_disk_under_a_file_object(space):
    file = Full(space)
    with pytest.raises(OSError, match="No space left"):
        vauxio.write(file, voice(25 * RATE, RATE), RATE)
    if space >= 4000:  # a block of ten seconds at 3 kbps fits, and is there
        assert vauxio.info(io.BytesIO(file.content)).frames is not None


def test_full_disk_under_a_path(tmp_path):
    """A write that fails half-way: nothing new is left and the old file is what it was."""
    target = tmp_path / "a.vx"
    target.write_bytes(b"old")
    code = (
        "import resource, sys, numpy, vauxio\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "f = vauxio.VauxFile(sys.argv[1], 'w', 16000, 1)\n"
        "try:\n"
        "    f.write(numpy.random.default_rng(0).uniform(-1, 1, 16000 * 45))\n"
        "    f.close()\n"
        "except OSError:\n"
        "    sys.exit(3 if f.closed else 4)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True)
    assert result.returncode == 3, result.stderr
    assert os.listdir(tmp_path) == ["a.vx"] and target.read_bytes() == b"old"


# --- damaged files ---


@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize("part", [0.5, 0.9, "trailer"])
def test_a_file_cut_off_reads_up_to_its_last_whole_block(blob, whole, part, pipe):
    cut = blob[:-10] if part == "trailer" else blob[: int(len(blob) * part)]
    kind = Pipe if pipe else io.BytesIO
    info = vauxio.info(kind(cut))
    assert not info.complete and "CUT OFF" in repr(info)
    assert info.blocks == {0.5: 1, 0.9: 2, "trailer": 3}[part]
    frames = info.frames
    assert frames == min(FRAMES, find_model().frames_in(info.tokens, RATE))

    with vauxio.VauxFile(kind(cut)) as f:
        data = f.read(frames)
        assert not f.complete
        # The resampler hears the silence after the cut, and so do the last tokens of a pair.
        same = min(frames, FRAMES) - 900
        assert np.abs(data[:same] - whole[:same]).max() < 1e-4
        for more in ({"frames": 1}, {"frames": -1}, {"frames": 1, "fill_value": 0}):
            with pytest.raises(TruncatedError, match=rf"cut off: .*\({frames} frames\)"):
                f.read(**more)
    for arguments in ({}, {"stop": frames + 1}, {"frames": frames + 1}):
        with pytest.raises(TruncatedError):
            vauxio.read(kind(cut), **arguments)
    assert len(vauxio.read(kind(cut), frames=frames)[0]) == frames
    assert np.array_equal(np.concatenate(pieces_until_error(kind(cut))), data)


def test_cut_off_in_its_first_block(vaux, tmp_path):
    coded = vauxio.compress(voice(RATE, RATE), RATE, bitrate=6)[:300]
    with pytest.raises(TruncatedError, match="cut off: nothing of its first block can be read"):
        vauxio.decompress(coded)
    (tmp_path / "a.vx").write_bytes(coded)
    for verb in ("verify", "decode"):
        result = vaux(verb, "a.vx")
        assert result.code == 1 and "a.vx: " in result.err
        assert "cut off: nothing of its first block can be read" in result.err


def pieces_until_error(file) -> list[np.ndarray]:
    pieces = []
    with pytest.raises(TruncatedError):
        for piece in vauxio.blocks(file, 50_000):
            pieces.append(piece)
    return pieces


def test_cut_off_anywhere():
    blob = vauxio.compress(voice(900, RATE), RATE, bitrate=1.5)
    whole, _ = vauxio.decompress(blob)
    for length in range(len(blob)):
        for kind in (io.BytesIO, Pipe):
            try:
                data, _ = vauxio.read(kind(blob[:length]))
            except FormatError as e:
                assert "\n" not in str(e)
            else:  # only the mark after the trailer is missing: nothing that one would miss
                assert length >= len(blob) - 8 and np.array_equal(data, whole)


def test_a_damaged_block_hurts_only_itself(blob, whole):
    reader = container.Reader(io.BytesIO(blob))
    damaged = blob.replace(reader.read(1).payload, bytes(len(reader.read(1).payload)))
    assert damaged != blob
    f = vauxio.VauxFile(io.BytesIO(damaged))
    with pytest.raises(FormatError, match="block 1"):
        f.read()
    f.seek(0)
    assert np.abs(f.read(9 * RATE) - whole[: 9 * RATE]).max() < 1e-4
    f.seek(22 * RATE)
    assert np.abs(f.read() - whole[22 * RATE :]).max() < 1e-4
    with vauxio.VauxFile(Pipe(damaged)) as f:
        assert np.abs(f.read(9 * RATE) - whole[: 9 * RATE]).max() < 1e-4
        with pytest.raises(FormatError, match="block 1"):
            f.read()


@pytest.mark.parametrize("content", [b"", b"x", b"RIFF" * 50, bytes(1000)])
def test_not_a_vx_file(tmp_path, content):
    path = tmp_path / "a.vx"
    path.write_bytes(content)
    for file in (path, io.BytesIO(content), Pipe(content)):
        with pytest.raises(FormatError):
            vauxio.read(file)
        with pytest.raises(FormatError):
            vauxio.info(file if file is path else type(file)(content))


def rewritten(blob: bytes, frames: int | None = None, codes_crc: int = 0, **changes) -> bytes:
    """The file with another header, trailer or codes' checksum, and all other checksums right."""
    reader = container.Reader(io.BytesIO(blob))
    file = io.BytesIO()
    if frames is not None:
        changes["frames"] = frames
    writer = container.Writer(file, replace(reader.header, **changes))
    for index in range(reader.blocks):
        block = reader.read(index)
        writer.write(replace(block, codes_crc=block.codes_crc ^ codes_crc))
    writer.close(reader.frames if frames is None else frames)
    return file.getvalue()


def test_rewritten_files_are_as_before(blob):
    assert rewritten(blob) == blob


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"code_space": b"12345678"}, ModelError, "code space"),
        ({"model": "none", "code_space": b"12345678"}, ModelError, "none"),
        ({"coder_hash": b"12345678"}, FormatError, "plain packing"),
        ({"codes_crc": 1}, FormatError, "block 0"),
        ({"frames": FRAMES + 5000}, FormatError, "tokens"),
        ({"frames": 0}, FormatError, "tokens"),
        ({"samplerate": 44100}, FormatError, "tokens"),
        ({"codebooks": 32}, FormatError, None),
        ({"channels": 33}, UnsupportedError, "33 channels"),
        ({"samplerate": 999}, UnsupportedError, "999 Hz"),
        ({"channels": 1}, FormatError, None),
    ],
    ids=str,
)
def test_files_that_contradict_themselves_or_the_model(blob, changes, error, message):
    with pytest.raises(error, match=message):
        vauxio.decompress(rewritten(blob, **changes))


def test_a_file_of_another_language_model():
    coded = vauxio.compress(voice(900, RATE), RATE, bitrate=1.5)
    with pytest.raises(ModelError, match="language model"):
        vauxio.decompress(rewritten(coded, coder_hash=b"12345678"))


def test_memory_is_flat(tmp_path):
    """Minutes through a window of 100,000 frames, in less memory than the samples take."""
    import tracemalloc

    block = voice(100_000, 48000)
    blocks = 135 * 48000 // len(block)
    vauxio.decompress(vauxio.compress(block[:1000], 48000))  # what is loaded once
    tracemalloc.start()
    try:
        with vauxio.VauxFile(tmp_path / "a.vx", "w", 48000, 1, bitrate=1.5, lm=False) as f:
            for _ in range(blocks):
                f.write(block)
        for piece in vauxio.blocks(tmp_path / "a.vx", 100_000):
            assert len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6 < blocks * block.nbytes / 2


@pytest.mark.parametrize("lm", [False, True])
def test_every_block_is_decoded_once(tmp_path, monkeypatch, lm):
    vauxio.write(tmp_path / "a.vx", voice(12 * RATE, RATE), RATE, bitrate=0.75, lm=lm)
    vauxio.write(tmp_path / "b.vx", voice(21 * RATE, RATE), RATE, bitrate=0.75, lm=lm)
    decode, decoded = TokenReader._decoded, []

    def counting(self, coder, blocks):
        decoded.append(len(blocks))
        return decode(self, coder, blocks)

    monkeypatch.setattr(TokenReader, "_decoded", counting)
    for name, blocks in {"a.vx": 1, "b.vx": 3}.items():
        decoded.clear()
        data, _ = vauxio.read(tmp_path / name)
        assert len(data) == (12 if name == "a.vx" else 21) * RATE
        assert sum(decoded) == blocks
        with open(tmp_path / name, "rb") as file:
            reader = TokenReader(file)
            decoded.clear()
            assert reader.get(reader.tokens - 1, 100).shape[2] == 1
            assert reader.get(reader.tokens, 1).shape[2] == 0  # past the end of the last block
            assert decoded == [1]
