"""Files of the transform codec: the same door as for every model."""

import io
import random

import numpy as np
import pytest
import soundfile

import vauxio
from support.archives import run
from support.paths import DATA
from vauxio import archive
from vauxio.archive.verify import verify
from vauxio.cli import main
from vauxio.container.header import make_start, parse_start
from vauxio.errors import ChecksumError, FormatError, ModelError, VauxError


class Pipe(io.BytesIO):
    def seekable(self):
        return False


@pytest.fixture(scope="module")
def speech():
    return soundfile.read(DATA / "speech-48k.flac", dtype="float32")[0]


@pytest.fixture(scope="module")
def long(speech):
    """21 seconds at 16 kHz, coded: three blocks."""
    samples = np.tile(speech[::3], 6)[: 21 * 16000]
    blob = vauxio.compress(samples, 16000, bitrate=24, tags={"title": "A"})
    return samples, blob, vauxio.decompress(blob)[0]


def snr(original, decoded):
    return 10 * np.log10((original**2).sum() / ((original - decoded) ** 2).sum())


@pytest.mark.parametrize("rate, channels", [(8000, 1), (44100, 2), (48000, 1), (96000, 3)])
@pytest.mark.parametrize("frames", [0, 1, 4097])
def test_any_rate_and_length(speech, rate, channels, frames):
    data = np.stack([speech[20000 : 20000 + frames] * (1 - c / 4) for c in range(channels)], 1)
    blob = vauxio.compress(data, rate, bitrate=96 * channels)
    decoded, found = vauxio.decompress(blob)
    decoded = decoded.reshape(-1, channels)
    assert found == rate and decoded.shape == data.shape
    if frames > 1:
        assert snr(data, decoded) > 15


def test_a_file_in_numbers(long):
    samples, blob, decoded = long
    assert snr(samples, decoded) > 12
    info = vauxio.info(io.BytesIO(blob))
    assert (info.model, info.coder, info.codebooks) == ("hifi-48k", "transform", 0)
    assert (info.frames, info.blocks, info.nominal) == (len(samples), 3, 24)
    assert info.kbps == pytest.approx(24, rel=0.03)
    assert "bit allocation: per coefficient (transform codec)" in repr(info)
    assert dict(info.tags) == {"title": "A"}
    with vauxio.VauxFile(io.BytesIO(blob)) as f:
        assert (f.model, f.bitrate, f.frames, f.complete) == ("hifi-48k", 24, len(samples), True)


def test_reading_from_anywhere(long):
    samples, blob, decoded = long
    with vauxio.VauxFile(io.BytesIO(blob)) as f:
        for start in (159000, 0, 160500, 5, len(samples) - 100):
            f.seek(start)
            np.testing.assert_allclose(f.read(3000), decoded[start : start + 3000], atol=1e-6)


def test_reading_from_a_pipe_and_in_pieces(long):
    _, blob, decoded = long
    np.testing.assert_array_equal(vauxio.read(Pipe(blob))[0], decoded)
    pieces = list(vauxio.blocks(io.BytesIO(blob), 7001))
    np.testing.assert_array_equal(np.concatenate(pieces), decoded)


def test_writing_in_pieces(long):
    samples, blob, _ = long
    file = io.BytesIO()
    with vauxio.VauxFile(file, "w", 16000, 1, bitrate=24, tags={"title": "A"}) as f:
        for i in range(0, len(samples), 12345):
            f.write(samples[i : i + 12345])
        assert f.tell() == len(samples)
    assert len(file.getvalue()) == pytest.approx(len(blob), rel=0.01)
    assert snr(samples, vauxio.decompress(file.getvalue())[0]) > 12


@pytest.mark.parametrize("model", ["hifi-48k", "general-24k"])
@pytest.mark.parametrize("source", [io.BytesIO, Pipe])
def test_reading_on_after_an_error(speech, source, model):
    """What follows is right, or the same error: never other samples."""
    samples = np.tile(speech[::3], 6)[: 21 * 16000]
    blob = vauxio.compress(samples, 16000, bitrate=12, model=model)
    whole = vauxio.decompress(blob)[0]
    damaged = bytearray(blob)
    damaged[len(blob) // 2] ^= 1
    with vauxio.VauxFile(source(bytes(damaged))) as f:
        first = f.read(1000)
        with pytest.raises(FormatError) as failed:
            f.read()
        at = f.tell()
        try:
            found = f.read(100)
        except FormatError as e:
            assert str(e) == str(failed.value)
        else:
            np.testing.assert_allclose(found, whole[at : at + 100], atol=1e-6)
    np.testing.assert_allclose(first, whole[:1000], atol=1e-6)


@pytest.mark.parametrize("source", [io.BytesIO, Pipe])
def test_a_lost_block_leaves_the_others(long, source):
    _, blob, decoded = long
    damaged = bytearray(blob)
    damaged[len(blob) // 2] ^= 1
    with pytest.raises(ChecksumError, match="block 1"):
        vauxio.read(source(bytes(damaged)))
    with vauxio.VauxFile(source(bytes(damaged)), on_error="conceal") as f:
        found = f.read()
        (damage,) = f.damage
    assert found.shape == decoded.shape and damage.reason.startswith("block 1")
    begin, end = damage.start, damage.stop
    np.testing.assert_allclose(found[: begin - 600], decoded[: begin - 600], atol=1e-6)
    np.testing.assert_allclose(found[end + 600 :], decoded[end + 600 :], atol=1e-6)
    assert np.abs(found[begin + 600 : end - 600]).max() < 1e-6


def test_a_file_that_is_cut_off(long):
    _, blob, decoded = long
    with vauxio.VauxFile(io.BytesIO(blob[:-1000]), on_error="conceal") as f:
        found = f.read()
    np.testing.assert_array_equal(found[:300000], decoded[: len(found)][:300000])


def test_values_with_a_wrong_checksum(speech):
    """The bytes are what was written, but were not decoded to what was coded."""
    file = io.BytesIO()
    vauxio.write(file, speech[:20000], 48000, bitrate=64)
    reader = vauxio.container.Reader(io.BytesIO(file.getvalue()))
    block = reader.read(0)
    wrong = io.BytesIO()
    writer = vauxio.container.Writer(wrong, reader.header)
    writer.write(vauxio.container.Block(block.tokens, 4, block.codes_crc ^ 1, block.payload))
    writer.close(20000)
    with pytest.raises(ChecksumError, match="block 0: decoded to values"):
        vauxio.decompress(wrong.getvalue())


def test_verify(long):
    _, blob, _ = long
    assert verify(io.BytesIO(blob)) == verify(io.BytesIO(blob), deep=True) == (21, ())
    damaged = bytearray(blob)
    damaged[len(blob) // 2] ^= 1
    with pytest.raises(ChecksumError, match="1 of 3"):
        verify(io.BytesIO(bytes(damaged)))


def test_damaged_files_are_errors_or_samples(speech):
    blob = vauxio.compress(speech[:12000], 48000, bitrate=32)
    source = random.Random(3)
    for _ in range(60):
        bad = bytearray(blob)
        bad[source.randrange(len(bad))] ^= 1 << source.randrange(8)
        bad = bytes(bad[: source.choice([len(bad), source.randrange(len(bad))])])
        for conceal in ("stop", "conceal"):
            try:
                found, _ = vauxio.read(io.BytesIO(bad), on_error=conceal)
            except VauxError:
                continue
            assert len(found) <= 12000


def test_auto_takes_it_from_where_it_sounds_better(speech):
    def model(**options):
        return vauxio.info(io.BytesIO(vauxio.compress(speech[:4000], 48000, **options))).model

    assert model(bitrate=11.9) == model(bitrate=12, lm=False) == "general-24k"
    assert model(bitrate=12, denoise=True) == "general-24k"
    assert model(bitrate=12) == model(model="hifi-48k") == "hifi-48k"


@pytest.mark.parametrize(
    "options",
    [{"bitrate": 7.9}, {"bitrate": 193}, {"quality": 5}, {"quality": 20.1}, {"lm": False},
     {"denoise": True}],
)  # fmt: skip
def test_what_it_does_not_have(options):
    with pytest.raises(ValueError, match="hifi-48k"):
        vauxio.compress(np.zeros(100), 48000, model="hifi-48k", **options)


def test_a_bitrate_and_a_quality():
    with pytest.raises(TypeError, match="Only one of"):
        vauxio.compress(np.zeros(100), 48000, model="hifi-48k", bitrate=64, quality=15)


def test_a_quality_above_10(speech):
    sizes, ratios = [], []
    for quality in (10.5, 13, 16, 20):
        blob = vauxio.compress(speech, 48000, quality=quality)
        assert vauxio.info(io.BytesIO(blob)).model == "hifi-48k"
        sizes.append(len(blob))
        ratios.append(snr(speech, vauxio.decompress(blob)[0]))
    assert sizes == sorted(sizes) and sizes[-1] > 5 * sizes[0]
    assert ratios == sorted(ratios) and ratios[-1] > ratios[0] + 10


@pytest.mark.parametrize("rate, highest", [(8000, 4000), (44100, 20000), (96000, 20000)])
def test_info_knows_where_sound_ends(rate, highest):
    """Noise has nothing above the frequency that `vauxio.info` gives, and much just below."""
    noise = np.random.default_rng(0).normal(size=rate).astype(np.float32) / 10
    blob = vauxio.compress(noise, rate, quality=20)
    assert vauxio.info(io.BytesIO(blob)).bandwidth == highest
    power = np.abs(np.fft.rfft(vauxio.decompress(blob)[0])) ** 2  # a bin is 1 Hz
    below = power[int(0.85 * highest) : int(0.9 * highest)].mean()
    assert power[int(1.02 * highest) :].sum() < 0.1 * below * highest
    assert below > 0.3 * rate / 100


def test_bits_follow_the_signal_but_not_its_volume(speech, long):
    """Noise needs more than speech, and speech as much at half the volume."""

    def size(samples, rate=48000):
        return len(vauxio.compress(samples, rate, quality=14))

    noise = np.random.default_rng(0).uniform(-0.1, 0.1, len(speech)).astype(np.float32)
    assert size(noise) > 1.5 * size(speech)
    assert size(speech / 2) == pytest.approx(size(speech), rel=0.02)
    samples = long[0]
    faint = np.concatenate([samples[: 10 * 16000], samples[: 10 * 16000] / 30])
    assert size(faint, 16000) < 0.9 * size(np.tile(samples[: 10 * 16000], 2), 16000)


def test_sound_that_has_no_use_for_the_bits():
    """The questions and answers of the documentation say so."""
    time = np.arange(2 * 48000) / 48000
    tone = (0.5 * np.sin(2 * np.pi * 997 * time)).astype(np.float32)
    for samples, most in ((tone, 96), (np.zeros_like(tone), 2)):
        blob = vauxio.compress(samples, 48000, model="hifi-48k", bitrate=192)
        assert len(blob) * 8 / 2000 < most


def test_what_a_short_file_takes_beside_its_sound(speech):
    """The same: about 80 bytes, and whole tokens."""
    samples = speech[24000 : 24000 + 4800]
    blob = vauxio.compress(samples, 48000, model="hifi-48k", bitrate=16)
    (block,) = vauxio.container.Reader(io.BytesIO(blob))
    assert len(blob) - len(block.payload) == pytest.approx(80, abs=8)
    tokens = -(-len(samples) // 2048)
    assert len(block.payload) == pytest.approx(tokens * 2048 / 48000 * 16000 / 8, rel=0.1)
    assert len(blob) * 8 / 100 == pytest.approx(27, rel=0.1)


def test_it_has_no_tokens():
    with pytest.raises(ModelError, match="hifi-48k has no tokens"):
        vauxio.Codec("hifi-48k")


def test_headers_are_bounded():
    with vauxio.VauxFile(io.BytesIO(vauxio.compress(np.zeros(9), 48000, bitrate=64))) as f:
        header = f._header
    start = make_start(header)
    assert start[4:6] == bytes([1, 6])
    assert parse_start(io.BytesIO(start)).rate == 640
    for changes in ({"block_tokens": 2049}, {"codebooks": 2}, {"rate": 10000}, {"bands": 1}):
        with pytest.raises(FormatError):
            vauxio.container.Header(**{**vars(header), **changes})


def test_from_the_command_line(speech, tmp_path):
    soundfile.write(tmp_path / "a.wav", speech[:60000], 48000)
    for command in (["encode", "-b", "64", "a.wav"], ["info", "a.vx"], ["verify", "a.vx"],
                    ["decode", "-f", "a.vx", "c.wav"]):  # fmt: skip
        paths = [str(tmp_path / one) if "." in one else one for one in command]
        assert main(paths) == 0
    decoded, rate = soundfile.read(tmp_path / "c.wav", dtype="float32")
    assert rate == 48000 and snr(speech[:60000], decoded) > 20


@pytest.mark.parametrize("asked", [{"bitrate": 48}, {"quality": 15}])
def test_a_tree(speech, tmp_path, asked):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", speech[:30000], 48000)
    settings = archive.Settings(**asked)
    plan = archive.plan("encode", tmp_path / "in", tmp_path / "out", settings)
    (result,) = run(plan).values()
    assert not result.error, result
    assert vauxio.info(tmp_path / "out" / "a.vx").model == "hifi-48k"
    again = archive.plan("encode", tmp_path / "in", tmp_path / "out", settings)
    assert not again.tasks and len(again.skipped) == 1
