"""The network after the decoder of hifi-48k: where it is used, and on which samples."""

import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import DATA
from vauxio.codec.hifi import signal
from vauxio.codec.hifi.decoder import Decoder
from vauxio.codec.hifi.encoder import Encoder, block_size
from vauxio.codec.hifi.enhancer import Enhancer, reach
from vauxio.codec.hifi.network import Tables
from vauxio.codec.hifi.unpack import unpack
from vauxio.errors import ModelError
from vauxio.model.installed import find_transform

TRANSFORM = find_transform()
BLOCK = block_size(1)
TABLES = Tables(TRANSFORM.tables.load())


@pytest.fixture(scope="module")
def speech():
    """21 seconds: three blocks."""
    samples, _ = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    return np.tile(samples, 6)[: 21 * 48000]


@pytest.fixture(scope="module")
def blob(speech):
    return vauxio.compress(speech, 48000, bitrate=12, model="hifi-48k")


@pytest.fixture(scope="module")
def decoded(blob):
    return vauxio.decompress(blob)[0]


@pytest.fixture
def plain(monkeypatch):
    """As if no network were installed."""
    bare = dataclasses.replace(TRANSFORM, enhancer=None)

    def decompress(blob):
        make = signal.SignalDecoder.__init__
        with monkeypatch.context() as m:
            m.setattr(
                signal.SignalDecoder, "__init__",
                lambda self, _, *args, **options: make(self, bare, *args, **options),
            )  # fmt: skip
            return vauxio.decompress(blob)[0]

    return decompress


def test_a_voice_of_few_bits_changes_where_it_has_most_to_gain(blob, decoded, plain):
    before = plain(blob)
    change = np.abs(np.fft.rfft(decoded - before)) ** 2
    assert decoded.shape == before.shape
    hertz = np.fft.rfftfreq(len(decoded), 1 / 48000)
    assert change[hertz > 5200].sum() < 1e-3 * change.sum()
    assert 0.01 < np.std(decoded - before) / np.std(before) < 0.2


def test_samples_are_the_same_wherever_decoding_begins(decoded, blob):
    with vauxio.VauxFile(io.BytesIO(blob)) as f:
        for start in (0, 478000, 490000, 492000, len(decoded) - 100):
            f.seek(start)
            np.testing.assert_array_equal(f.read(3000), decoded[start : start + 3000])
    pieces = list(vauxio.blocks(io.BytesIO(blob), 7001))
    np.testing.assert_array_equal(np.concatenate(pieces), decoded)


@pytest.mark.parametrize("bitrate, used", [(16, True), (20, True), (24, False), (192, False)])
def test_with_many_bits_it_is_not_used(speech, plain, bitrate, used):
    blob = vauxio.compress(speech[:48000], 48000, bitrate=bitrate)
    assert np.array_equal(vauxio.decompress(blob)[0], plain(blob)) != used


def test_music_stays_as_it_is(plain):
    music, rate = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    blob = vauxio.compress(music[:rate], rate, bitrate=24, model="hifi-48k")
    np.testing.assert_array_equal(vauxio.decompress(blob)[0], plain(blob))


def test_each_channel_of_speech(speech, plain):
    two = np.stack([speech[30:96030], 0.5 * speech[:96000]], axis=1)
    blob = vauxio.compress(two, 48000, bitrate=24, model="hifi-48k")
    found, before = vauxio.decompress(blob)[0], plain(blob)
    assert found.shape == two.shape
    assert (np.std(found - before, axis=0) > 0.01 * np.std(before, axis=0)).all()


def push_all(enhancer, parts):
    given = [enhancer.push(sound, coded) for sound, coded in parts]
    return np.concatenate([*given, enhancer.finish()], axis=1)


def test_speech_between_other_sounds(speech):
    """What is no speech stays as it is; the change fades in and out; nothing is lost or moved."""
    sound = speech[None, :100000].astype(float)
    parts = np.split(sound, [20000, 60000, 70001], axis=1)
    speaks = [None, parts[1] * 0.9, parts[2] * 0.9, None]
    found = push_all(Enhancer(TRANSFORM.enhancer, 1), list(zip(parts, speaks, strict=True)))
    change = found - sound
    assert found.shape == sound.shape
    assert not change[:, :20000].any() and not change[:, 70001:].any()
    assert np.abs(change[:, 20000:20010]).max() < 0.05 * np.abs(change).max()
    assert np.abs(change[:, 69990:70001]).max() < 0.05 * np.abs(change).max()
    assert np.std(change[:, 21000:69000]) > 0


def test_music_that_becomes_speech_has_no_burst(speech):
    """What the end of its last block has was decoded from values: it is no noise."""
    music = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")[0][:, 0]
    music = np.resize(music, 3 * 2048 * BLOCK)
    first, *_ = Encoder(TABLES, 1, 32).push(music[None])
    second, *_ = Encoder(TABLES, 1, 8).push(speech[None])

    def decode(enhancer):
        decoder = Decoder(TABLES, 1, enhancer=enhancer)
        parts = [decoder.push(block.payload, block.frames) for block in (first, second)]
        return np.concatenate([*parts, decoder.finish()], axis=1)

    plain = decode(None)
    found = decode(Enhancer(TRANSFORM.enhancer, 1))
    border = slice(2048 * BLOCK - 1024, 2048 * BLOCK)
    assert unpack(first.payload, 1, first.frames, TABLES).coded is None
    assert found.shape == plain.shape
    assert np.std((found - plain)[:, border]) < 0.1 * np.std(plain[:, border])


def test_silence_stays_silent(speech):
    signal = np.concatenate([speech[:96000], np.zeros(96000, np.float32), speech[:96000]])
    found = vauxio.decompress(vauxio.compress(signal, 48000, bitrate=10, model="hifi-48k"))[0]
    assert not found[130000:160000].any()


def test_what_was_coded_well_stays(speech, plain):
    """Speech-like for the encoder, and easy to code: bursts of a tone."""
    time = np.arange(480000) / 48000
    bursts = (0.3 * np.sin(2 * np.pi * 1000 * time) * (time % 0.5 < 0.2)).astype(np.float32)
    blob = vauxio.compress(bursts, 48000, bitrate=12, model="hifi-48k")
    found, before = vauxio.decompress(blob)[0], plain(blob)
    assert np.std(found - before) < 3 * np.std(before - bursts) + 1e-4


def test_short_speech_and_none():
    assert push_all(Enhancer(TRANSFORM.enhancer, 2), []).shape == (2, 0)
    sound = np.ones((2, 5))
    assert push_all(Enhancer(TRANSFORM.enhancer, 2), [(sound, sound)]).shape == (2, 5)


def test_speech_begun_later_is_the_same_after_its_reach(speech):
    sound = speech[None, :90000].astype(float)
    whole = push_all(Enhancer(TRANSFORM.enhancer, 1), [(sound, 0.9 * sound)])
    late = sound[:, 30011:]
    found = push_all(Enhancer(TRANSFORM.enhancer, 1, 30011), [(late, 0.9 * late)])
    settled = reach(TRANSFORM.enhancer)
    np.testing.assert_array_equal(found[:, settled:], whole[:, 30011 + settled :])


def test_what_was_coded_is_what_was_decoded_without_noise(speech):
    (frames, payload, _), *_ = Encoder(TABLES, 1, 12).push(speech[None])
    block = unpack(payload, 1, frames, TABLES)
    values = np.zeros(block.coefficients.shape)
    begin = 0
    for size, one in zip(block.sizes, block.values, strict=True):
        values[:, begin : begin + one.shape[1]] = one
        begin += size
    expected = np.where(values == 0, 0, block.coefficients)
    np.testing.assert_array_equal(block.coded, expected)
    (frames, payload, _), *_ = Encoder(TABLES, 1, 64).push(speech[None])
    assert unpack(payload, 1, frames, TABLES).coded is None


@pytest.fixture
def about(tmp_path, monkeypatch):
    """What ``model.json`` says of a copy of the codec, and the path to change it."""
    shutil.copytree(
        TRANSFORM.tables.path.parent, tmp_path / "hifi-48k",
        ignore=shutil.ignore_patterns("training"),
    )  # fmt: skip
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    path = tmp_path / "hifi-48k" / "model.json"
    return json.loads(path.read_text()), path


@pytest.mark.parametrize("change", [
    {"hop": 10**8}, {"hop": 0}, {"delay": 10**9}, {"delay": -1}, {"state": "1"}, {"hop": None},
])  # fmt: skip
def test_an_impossible_enhancer(about, change):
    description, path = about
    description["enhancer"] |= change
    path.write_text(json.dumps(description))
    with pytest.raises(ModelError, match=r"model\.json: damaged"):
        vauxio.models()


def test_a_codec_that_has_none(about, blob, decoded):
    """Decodes as well: nothing that was coded depends on it."""
    description, path = about
    others = {key: value for key, value in description.items() if key != "enhancer"}
    for none in (others, others | {"enhancer": None}):
        path.write_text(json.dumps(none))
        found = vauxio.decompress(blob)[0]
        assert found.shape == decoded.shape and np.std(found - decoded) > 1e-4


def test_an_enhancer_that_is_missing(about, blob):
    (about[1].parent / "enhancer.onnx").unlink()
    with pytest.raises(ModelError, match=r"enhancer\.onnx: .*reinstall"):
        vauxio.decompress(blob)
