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


@pytest.mark.parametrize("name", recordings())
def test_the_file_is_the_same(encode, name):
    """A few codes may differ, as those of two processors do; all else follows from them."""
    data, rate, wishes = recordings()[name]
    tags = {"title": "Für Elise", "n": ""}
    found = encode(data, rate, tags=tags, **wishes)
    file = io.BytesIO()
    vauxio.write(file, data, rate, tags=tags, **wishes)
    expected = vauxio.read_codes(io.BytesIO(file.getvalue()))
    codes = vauxio.read_codes(io.BytesIO(found))
    assert codes.codes.shape == expected.codes.shape
    assert np.mean(codes.codes != expected.codes) < 0.02
    again = io.BytesIO()
    vauxio.write_codes(again, codes, tags=tags)
    assert again.getvalue() == found


def test_channels_are_coded_each_by_itself(encode):
    music, rate = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    music = music[:30000]
    found = encode(music, rate, bitrate=12)
    decoded, found_rate = vauxio.read(io.BytesIO(found))
    assert (decoded.shape, found_rate) == (music.shape, rate)
    file = vauxio.info(io.BytesIO(found))
    assert file.model == "general-24k"
    for channel in range(2):
        alone = encode(music[:, channel], rate, bitrate=6)
        codes = vauxio.read_codes(io.BytesIO(alone)).codes[0]
        assert np.array_equal(vauxio.read_codes(io.BytesIO(found)).codes[channel], codes)


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
