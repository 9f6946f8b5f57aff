"""Samples in and out: scaling, checks, resampling, recordings."""

from __future__ import annotations

import io
import os
import subprocess
import threading

import numpy as np
import pytest
import soundfile

from support.signals import Pipe
from vauxio.audio import completeness, pcm
from vauxio.audio.formats import Raw
from vauxio.audio.recording import Recording
from vauxio.errors import AudioError


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (frames, channels)).astype(np.float32)


# --- sample types ---


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_integers_in_as_soundfile_reads_them(dtype):
    info = np.iinfo(dtype)
    samples = np.array([info.min, -12345, -1, 0, 1, 12345, info.max], dtype)
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, f"PCM_{info.bits}", format="WAV")
    file.seek(0)
    expected, _ = soundfile.read(file, dtype="float32")
    assert np.array_equal(pcm.to_float(samples[:, None])[:, 0], expected)


@pytest.mark.parametrize(("dtype", "subtype", "format"),
                         [("int16", "PCM_16", "FLAC"), ("int32", "PCM_32", "WAV")])  # fmt: skip
def test_integers_out_as_soundfile_scales_rounds_and_clips(dtype, subtype, format):
    samples = np.concatenate([
        np.random.default_rng(1).uniform(-1.2, 1.2, 5000),
        np.array([-0.4, 0.4, 0.6, -0.6, 1, -1, 32767, 32767.4, 32767.6, 32768]) / 32768,
        [1.0, -1.0, 2.0, -2.0],
    ]).astype(np.float32)  # fmt: skip
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, subtype, format=format)
    file.seek(0)
    expected, _ = soundfile.read(file, dtype=dtype)
    assert np.array_equal(pcm.from_float(samples, np.dtype(dtype)), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_in_are_clipped(dtype):
    samples = np.array([[0.25], [1.5], [-7.0], [1e30 if dtype == "float32" else 1e300]], dtype)
    assert pcm.to_float(samples).tolist() == [[0.25], [1.0], [-1.0], [1.0]]
    assert pcm.to_float(samples).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_out_are_left_alone(dtype):
    samples = np.array([[0.25], [1.5]], np.float32)
    out = pcm.from_float(samples, np.dtype(dtype))
    assert out.dtype == dtype and out.tolist() == [[0.25], [1.5]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_first_bad_frame_is_named(value):
    samples = np.zeros((3_000_000, 2), np.float32)
    samples[2_345_678, 1] = samples[2_999_999, 0] = value
    with pytest.raises(AudioError, match=r"frame 2345778 "):
        pcm.check_finite(samples, first=100)


def test_finite_and_integer_samples_pass():
    pcm.check_finite(np.full((5, 2), np.finfo(np.float64).max))
    pcm.check_finite(np.full((5, 2), -(2**31), np.int32))


@pytest.mark.parametrize("data", [np.zeros((2, 2, 2)), np.float32(1), np.zeros(3, "int64"),
                                  np.zeros(3, "uint8"), np.zeros(3, "complex64"), ["a", "b"],
                                  np.zeros(3, "float16")])  # fmt: skip
def test_what_is_not_samples_is_refused(data):
    with pytest.raises(AudioError):
        pcm.to_frames(data)


def test_channels_are_checked():
    assert pcm.to_frames([0.0, 1.0]).shape == (2, 1)
    assert pcm.to_frames(np.zeros((4, 2)), 2).shape == (4, 2)
    for channels in (None, 1, 2):  # as other libraries have it
        with pytest.raises(AudioError, match=r"shape \(2, 100\): .* give data\.T"):
            pcm.to_frames(np.zeros((2, 100)), channels)
    assert pcm.to_frames(np.zeros((2, 32))).shape == (2, 32)
    with pytest.raises(AudioError, match="3 channels expected"):
        pcm.to_frames(np.zeros((4, 2)), 3)


@pytest.mark.parametrize(
    ("samplerate", "channels"),
    [(999, 1), (768001, 1), (44100.0, 1), (True, 1), (44100, 0), (44100, 33), (None, 1)],
)
def test_formats_that_cannot_be_coded(samplerate, channels):
    with pytest.raises(AudioError):
        pcm.check_format(samplerate, channels)


def test_formats_that_can_be_coded():
    assert pcm.check_format(np.int64(1000), 8) == (1000, 8)
    assert pcm.check_format(768000, np.int32(32)) == (768000, 32)


@pytest.mark.parametrize("dtype", ["int64", "float16", ">f4", "nonsense", object, "uint16"])
def test_dtypes_that_cannot_be_read(dtype):
    with pytest.raises(ValueError, match="dtype must be one of"):
        pcm.check_dtype(dtype)


def test_mix_down_is_the_mean():
    assert pcm.mix_down(np.array([[1, 0], [0.5, -0.5]], np.float32)).tolist() == [[0.5], [0.0]]


# --- recordings ---


def recorded(tmp_path, format: str = "WAV", frames: int = 10000, channels: int = 2):
    path = tmp_path / f"a.{format.lower()}"
    soundfile.write(path, noise(frames, channels), 44100, format=format)
    return path


def collect(file) -> np.ndarray:
    with Recording(file) as recording:
        assert (recording.samplerate, recording.channels) == (44100, 2)
        return np.concatenate(list(recording.blocks(3000)))


@pytest.mark.parametrize("format", ["WAV", "RF64", "FLAC", "OGG", "MP3", "AIFF", "AU", "W64"])
@pytest.mark.parametrize("kind", ["path", "str", "descriptor", "file", "bytes", "pipe"])
def test_recordings_from_anything(tmp_path, format, kind):
    path = recorded(tmp_path, format)
    expected, _ = soundfile.read(path, dtype="float32")
    if kind == "descriptor":
        descriptor = os.open(path, os.O_RDONLY)
        data = collect(descriptor)
        os.close(descriptor)  # it is still ours
    elif kind == "file":
        with path.open("rb") as file:
            data = collect(file)
            assert not file.closed
    elif kind == "pipe":
        receiver, sender = os.pipe()
        feeder = threading.Thread(target=feed, args=(sender, path.read_bytes()))
        feeder.start()
        with os.fdopen(receiver, "rb") as file:
            data = collect(file)
        feeder.join()
    else:
        data = collect({"path": path, "str": str(path)}.get(kind) or io.BytesIO(path.read_bytes()))
    assert np.array_equal(data, np.clip(expected, -1, 1))


def feed(sender: int, content: bytes) -> None:
    with os.fdopen(sender, "wb") as file:
        file.write(content)


def test_live_wav_of_unknown_length_from_a_pipe(tmp_path):
    content = bytearray(recorded(tmp_path).read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4
    receiver, sender = os.pipe()
    feeder = threading.Thread(target=feed, args=(sender, bytes(content)))
    feeder.start()
    with os.fdopen(receiver, "rb") as file, Recording(file) as recording:
        assert recording.frames is None
        assert sum(len(block) for block in recording.blocks(777)) == 10000
    feeder.join()


def test_a_named_pipe(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    content = recorded(tmp_path, "FLAC").read_bytes()
    feeder = threading.Thread(target=path.write_bytes, args=(content,))
    feeder.start()
    assert len(collect(path)) == 10000
    feeder.join()


def test_a_recording_left_early_does_not_hang(tmp_path):
    content = recorded(tmp_path, frames=500_000).read_bytes()
    with Recording(Pipe(content)) as recording:
        next(recording.blocks(10))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all" * 100, bytes(5000)])
def test_not_a_recording(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    for file in (path, io.BytesIO(content), Pipe(content)):
        with pytest.raises(AudioError, match="not a recording"):
            Recording(file)


def test_recordings_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Recording(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError):
        Recording(tmp_path)


def test_a_recording_cut_off_is_not_taken_for_whole(tmp_path):
    path = recorded(tmp_path, "FLAC", frames=200_000)
    path.write_bytes(path.read_bytes()[:300_000])
    with Recording(path) as recording, pytest.raises(AudioError, match="cut off|damaged"):
        list(recording.blocks(10_000))


def chunked(format: str, subtype: str = "PCM_16", endian: str = "FILE") -> bytes:
    """A recording of 4,000 bytes of samples in chunks, those of its tags among them."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 2, subtype, endian, format) as f:
        if format not in ("W64", "AU"):  # which have no tags
            f.title = "odd"
        f.write(noise(1000, 2))
    return file.getvalue()


@pytest.mark.parametrize("format, endian", [
    ("WAV", "FILE"), ("WAV", "BIG"), ("WAVEX", "FILE"), ("RF64", "FILE"), ("AIFF", "FILE"),
    ("W64", "FILE"), ("AU", "FILE"), ("AU", "LITTLE"),
])  # fmt: skip
def test_files_of_chunks_that_are_cut_off(tmp_path, format, endian):
    """libsndfile would take them for whole."""
    whole = chunked(format, endian=endian)
    assert completeness.missing(io.BytesIO(whole)) == 0
    begin = whole.index({"AIFF": b"SSND", "AU": whole[:4]}.get(format, b"data"))
    for kept in (begin + 100, begin + 3000):
        stream = io.BytesIO(b"before" + whole[:kept])
        stream.seek(6)
        header = {"AIFF": 16, "AU": 24, "W64": 24}.get(format, 8)
        assert completeness.missing(stream) == 4000 + header - (kept - begin) and stream.tell() == 6
        for file in (tmp_path / "a", io.BytesIO(whole[:kept])):
            (tmp_path / "a").write_bytes(whole[:kept])
            with pytest.raises(AudioError, match="cut off: its last [0-9,]+ bytes are missing"):
                Recording(file)
        assert soundfile.SoundFile(tmp_path / "a").frames < 1000
        with subprocess.Popen(["cat", tmp_path / "a"], stdout=subprocess.PIPE) as pipe:
            with Recording(pipe.stdout) as recording:
                assert 0 < sum(len(block) for block in recording.blocks(4096)) < 1000


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 4036])
def test_lengths_that_say_nothing(length):
    """Of those who write to a pipe, and of those who count the header among the samples."""
    whole = bytearray(chunked("WAV"))
    at = whole.index(b"data") + 4
    whole[at : at + 4] = length.to_bytes(4, "little")
    assert completeness.missing(io.BytesIO(whole)) == 0


@pytest.mark.parametrize("format, at, lengths", [
    ("W64", 96, [0, 24, 1 << 62, (1 << 64) - 1]), ("AU", 8, [0xFFFFFFFF]),
])  # fmt: skip
def test_lengths_that_say_nothing_in_other_formats(format, at, lengths):
    for length in lengths:
        whole = bytearray(chunked(format))
        order, size = ("little", 8) if format == "W64" else ("big", 4)
        whole[at : at + size] = length.to_bytes(size, order)
        assert (
            completeness.missing(io.BytesIO(whole))
            == completeness.unfinished(io.BytesIO(whole))
            == 0
        )
        with Recording(io.BytesIO(whole)) as recording:
            assert sum(len(block) for block in recording.blocks(4096)) == 1000


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("kind", ["path", "file", "pipe"])
@pytest.mark.parametrize("endian", ["FILE", "BIG"])
@pytest.mark.parametrize("length", [0, 8, 36, 0xFFFFFFFF, None])
def test_wav_whose_header_was_never_finished(tmp_path, subtype, kind, endian, length):
    """The recorder was interrupted: libsndfile would find no samples."""
    file = io.BytesIO()
    samples = noise(5000, 2)
    soundfile.write(file, samples, 8000, subtype, endian, "WAV")
    whole = bytearray(file.getvalue())
    if length is not None:
        whole[4:8] = length.to_bytes(4, "big" if endian == "BIG" else "little")
    whole[40:44] = bytes(4)
    whole += b"\1"  # of the frame that was not complete
    path = tmp_path / "a.wav"
    path.write_bytes(whole)
    content = {"path": path, "file": io.BytesIO(whole), "pipe": Pipe(whole)}[kind]
    with Recording(content) as recording:
        data = np.concatenate(list(recording.blocks(777)))
    file.seek(0)
    assert np.array_equal(data, soundfile.read(file, dtype="float32")[0])


@pytest.mark.parametrize("format, at", [("AIFF", b"SSND"), ("AU", b""), ("RF64", b"ds64")])
@pytest.mark.parametrize("kind", [io.BytesIO, lambda content: Pipe(content)], ids=["file", "pipe"])
def test_others_whose_header_was_never_finished(format, at, kind):
    whole = bytearray(chunked(format))
    at = whole.index(at) + {"AIFF": 4, "AU": 8, "RF64": 16}[format]
    whole[at : at + 4] = b"\0\0\0\x08" if format == "AIFF" else bytes(4)
    with pytest.raises(AudioError, match="no samples, but 4,0[0-9]+ bytes follow.*repair"):
        Recording(kind(bytes(whole)))


@pytest.mark.parametrize("format, after", [
    ("WAV", b""), ("WAVEX", b""), ("RF64", b""), ("AIFF", b""), ("W64", b""), ("AU", b""),
    *[(format, b"note\0\0\0\0LIST\0\0\0\0") for format in ("WAV", "RF64", "AIFF")],
])  # fmt: skip
@pytest.mark.parametrize("kind", [io.BytesIO, lambda content: Pipe(content)], ids=["file", "pipe"])
def test_recordings_without_samples(format, after, kind):
    file = io.BytesIO()
    soundfile.write(file, noise(0, 2), 8000, format=format)
    with Recording(kind(file.getvalue() + after)) as recording:
        assert recording.frames == 0 and not list(recording.blocks(100))


W64 = chunked("W64")[:16]


@pytest.mark.parametrize("content", [
    b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata", b"fLaC" + bytes(99),
    b"RIFF\0\0\0\0WAVE" + b"tiny\0\0\0\0" * 100_000, b"RIFF\0\0\0\0WAVE" + b"\xff" * 99,
    b".snd", b".snd" + bytes(12), W64 + bytes(99), W64 + bytes(8) + b"wave" * 99,
    W64 + bytes(8) + b"wave" * 8 + b"\xff" * 99,
])  # fmt: skip
def test_chunks_that_tell_nothing(content):
    assert (
        completeness.missing(io.BytesIO(content))
        == completeness.unfinished(io.BytesIO(content))
        == 0
    )


def test_a_recording_with_nan_names_the_frame(tmp_path):
    samples = noise(9000)
    samples[8000] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 44100, "FLOAT")
    with (
        Recording(tmp_path / "a.wav") as recording,
        pytest.raises(AudioError, match=r"a\.wav: frame 8000 "),
    ):
        list(recording.blocks(1000))


def test_a_recording_outside_the_limits(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(100, 33), 44100)
    with pytest.raises(AudioError, match=r"a\.wav: 33 channels"):
        Recording(tmp_path / "a.wav")


def test_more_than_fits_in_memory():
    with pytest.raises(AudioError, match="blocks"):
        pcm.empty(1 << 50, 8, np.dtype("float64"), always_2d=True)
    with pytest.raises(AudioError, match="blocks"):
        pcm.empty(1 << 62, 8, np.dtype("float64"), always_2d=True)


# --- samples without a header ---


@pytest.mark.parametrize(
    "text, dtype, scale",
    [("16000,2,s16", "<i2", 2**15), ("16000,2,s16be", ">i2", 2**15), ("16000,2,s32", "<i4", 2**31),
     ("16000,2,f32le", "<f4", 1), ("16000,2,f64be", ">f8", 1), ("16000,2,s8", "i1", 2**7)],
)  # fmt: skip
@pytest.mark.parametrize("piped", [False, True])
def test_raw_samples(tmp_path, text, dtype, scale, piped):
    samples = noise(1000, 2)
    stored = (samples * scale).astype(dtype)
    (tmp_path / "a.raw").write_bytes(stored.tobytes())
    file = Pipe(stored.tobytes()) if piped else tmp_path / "a.raw"
    with Recording(file, Raw.parse(text)) as recording:
        found = np.concatenate(list(recording.blocks(300)))
        assert (recording.samplerate, recording.channels, recording.frames) == (16000, 2, 1000)
        assert recording.notes == []
    assert np.array_equal(found, (stored.astype("f8") / scale).astype("f4"))


def test_raw_samples_that_end_within_a_frame(tmp_path):
    with Recording(io.BytesIO(bytes(4003)), Raw.parse("8000,1,s24")) as recording:
        assert recording.frames == 1334 and "1 bytes" in recording.notes[0]


@pytest.mark.parametrize("text", ["", "16000", "16000,1", "16000,1,s17", "x,1,s16", "1,2,s16,3"])
def test_raw_samples_of_no_known_kind(text):
    with pytest.raises(ValueError, match="RATE,CHANNELS,TYPE"):
        Raw.parse(text)
