"""In a browser, recordings become the files that they become elsewhere."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import DATA

ENCODE = """
  const { VauxEncoder } = await import('/web/src/encode.js');
  globalThis.encoder ??= new VauxEncoder(options({ threads: 1 }));
  const samples = new Float32Array((await bytes(argument.address)).buffer);
  const length = samples.length / argument.channels;
  const channelData = Array.from({ length: argument.channels }, (_, i) =>
    samples.subarray(i * length, (i + 1) * length));
  const progress = [];
  const found = await encoder.encode({ channelData, sampleRate: argument.rate },
    { ...argument.wishes, onProgress: (share) => progress.push(share) });
  return { file: btoa(String.fromCharCode(...found)), progress };
"""


@pytest.fixture
def encode(run, made):
    def call(data: np.ndarray, rate: int, **wishes: object) -> bytes:
        data = data.reshape(len(data), -1)
        data.T.astype("<f4").tofile(made / "samples.f32")
        argument = {"address": "/made/samples.f32", "channels": data.shape[1], "rate": rate}
        found = run(ENCODE, {**argument, "wishes": wishes})
        progress = found["progress"]
        assert progress == sorted(progress) and progress[-1] == 1
        return base64.b64decode(found["file"])

    return call


def recordings():
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    music, music_rate = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    short = speech[rate // 2 : rate * 3 // 2]
    return {
        "speech": (short[::2], 24000, {"model": "speech-24k", "bitrate": 3}),
        "bands": (short, 48000, {"model": "general-24k", "bitrate": 6}),
        "fine": (short, 48000, {"model": "general-24k", "bitrate": 9}),
        "all codebooks": (short[::3], 16000, {"model": "general-24k", "bitrate": 12}),
        "music": (music[:40000, 0], music_rate, {"model": "general-24k", "bitrate": 1.5}),
        "one block": (np.tile(short[::2], 12), 24000, {"model": "speech-24k", "bitrate": 0.75}),
        "blocks": (np.tile(short[::2], 16), 24000, {"model": "speech-24k", "bitrate": 0.75}),
    }


def check(encode, data, rate, wishes) -> vauxio.FileCodes:
    """A few codes may differ, as those of two processors do; all else follows from them."""
    tags = {"title": "Für Elise", "n": ""}
    found = encode(data, rate, tags=tags, **wishes)
    file = io.BytesIO()
    vauxio.write(file, data, rate, tags=tags, **wishes)
    expected = vauxio.read_codes(io.BytesIO(file.getvalue()))
    codes = vauxio.read_codes(io.BytesIO(found))
    assert codes.codes.shape == expected.codes.shape
    assert np.mean(codes.codes != expected.codes) < 0.02
    for beside in ("levels", "values"):
        here, there = getattr(codes, beside), getattr(expected, beside)
        assert (here is None) == (there is None)
        assert here is None or np.mean(here != there) < 0.02
    again = io.BytesIO()
    vauxio.write_codes(again, codes, tags=tags)
    assert again.getvalue() == found
    return codes


@pytest.mark.parametrize("name", recordings())
def test_the_file_is_the_same(encode, name):
    data, rate, wishes = recordings()[name]
    check(encode, data, rate, wishes)


@pytest.mark.parametrize("bitrate", [2, 6, 12, 24])
@pytest.mark.parametrize("channels", [2, 3])
def test_pairs_are_coded_jointly(encode, bitrate, channels):
    """More and finer values as there are bits, and from 16 kbps on codes of the side."""
    music, rate = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    data = np.column_stack([music, music[:, 1:] / 2])[:30000, :channels]
    wishes = {"model": "general-24k", "bitrate": bitrate / 2 * channels}
    codes = check(encode, data, rate, wishes)
    assert codes.stereo and codes.values is not None
    assert bool(codes.stereo.side) == (bitrate > 16)


def test_windows_of_stereo(encode):
    """Several, and one that is full only by what a decoder needs after the end."""
    music, _ = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    for frames in (119000, 200000):
        data = np.tile(music[:40000], (5, 1))[:frames]
        check(encode, data, 24000, {"model": "speech-24k", "bitrate": 3})


def test_equal_channels_take_no_values(encode):
    speech, rate = soundfile.read(DATA / "speech-16k.flac", dtype="float32")
    data = np.column_stack([speech[:rate], speech[:rate]])
    codes = check(encode, data, rate, {"bitrate": 6})
    assert not codes.mask[1].any()


def test_silence(encode):
    found = encode(np.zeros(24000, np.float32), 24000, bitrate=6)
    decoded, _ = vauxio.read(io.BytesIO(found))
    assert len(decoded) == 24000 and np.abs(decoded).max() < 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sampleRate = 0", "sample rate"),
        ("channelData = []", "channelData"),
        ("channelData = [new Float32Array(9), new Float32Array(8)]", "channelData"),
        ("channelData = [Float32Array.of(NaN)]", "not finite"),
        ("wishes = { bitrate: 100 }", "bitrate of 100"),
        ("wishes = { bitrate: 12.1 }", "has 0.75 to 12"),  # as in Python, though 12 is near
        ("wishes = { bitrate: 0.7 }", "has 0.75 to 12"),
        ("wishes = { model: '../x' }", "no name"),
        ("wishes = { model: 'other' }", "404"),
        ("wishes = { model: 'hifi-48k' }", "cannot encode"),
        ("wishes = { tags: { 'a=b': 'c' } }", "tag a=b"),
    ],
)
def test_what_cannot_be_encoded_is_told(run, change, message):
    found = run(
        """
        const { VauxEncoderWebWorker } = await import('/web/dist/encode.js');
        globalThis.remote ??= new VauxEncoderWebWorker(options());
        let sampleRate = 24000, channelData = [new Float32Array(100)], wishes = {};
        eval(argument);
        try {
          await remote.encode({ channelData, sampleRate }, wishes);
        } catch (error) {
          return error.message;
        }
        """,
        change,
    )
    assert message in found
