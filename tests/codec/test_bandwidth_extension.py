"""Noise above the model's band: measured, coded, put there, and left out where there is none."""

from __future__ import annotations

import dataclasses
import io
import zlib

import numpy as np
import pytest
import soundfile
import soxr

import vauxio
from vauxio import container
from vauxio.codec.bandwidth_extension import (
    NO_BANDS,
    Bands,
    Extender,
    Meter,
    check_bands,
    decode_levels,
    encode_levels,
)
from vauxio.codec.spectral_decoder import SpectralDecoder, timing
from vauxio.codec.spectrum import Analysis, Synthesis
from vauxio.codec.stereo.rates import plan
from vauxio.container.header import make_start
from vauxio.errors import FormatError
from vauxio.model.installed import find_model

MODEL = find_model()
COARSE, FINE = Bands(5), Bands(10, True)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    data, rate = soundfile.read("tests/data/speech-48k.flac", dtype="float32")
    assert rate == 48000
    return data


def allot(model, rate, bitrate, quality, denoise):
    """Of one channel."""
    found = plan(model, rate, 1, bitrate, quality, denoise)
    return found.allocation, found.bands


def band_db(x: np.ndarray, rate: int, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(len(x), 1 / rate)
    return float(10 * np.log10(power[(f >= low) & (f < high)].sum() / len(x) + 1e-20))


@pytest.mark.parametrize(
    "rate, bands", [(8000, 0), (24000, 0), (26000, 1), (32000, 3), (44100, 5), (192000, 5)]
)
def test_bands(rate, bands):
    assert allot(MODEL, rate, 6, None, False) == (MODEL.allocation(6, None), Bands(bands))
    blob = vauxio.compress(np.zeros(rate // 4, np.float32), rate)
    assert len(vauxio.decompress(blob)[0]) == rate // 4
    assert vauxio.VauxFile(io.BytesIO(blob))._header.bands == bands


@pytest.mark.parametrize("setting", [{"bitrate": 9}, {"bitrate": 12}, {"quality": 9}])
def test_fine_bands_where_there_are_bits_enough(setting, speech):
    wanted = setting.get("bitrate"), setting.get("quality")
    allocation, bands = allot(MODEL, 48000, *wanted, denoise=False)
    assert bands == FINE
    assert allot(MODEL, 32000, *wanted, denoise=False)[1] == Bands(3)  # not all of them
    plain = MODEL.allocation(*wanted)
    assert allot(MODEL, 24000, *wanted, denoise=False) == (plain, NO_BANDS)
    assert allot(MODEL, 48000, *wanted, denoise=True) == (plain, NO_BANDS)
    if plain.average is not None:  # it stays what it is, with what the levels take
        assert allocation == MODEL.allocation(setting["bitrate"] - 0.75, None)
    with vauxio.VauxFile(io.BytesIO(vauxio.compress(speech, 48000, lm=False, **setting))) as f:
        assert f._header.fine and f._header.bands == 10
        assert f.read().shape == speech.shape


def test_coarse_bands_elsewhere():
    for wanted in ((8.25, None), (None, 8.9)):
        assert allot(MODEL, 48000, *wanted, denoise=False) == (MODEL.allocation(*wanted), COARSE)
    voice = find_model("speech-24k")  # whose bits are for the voice
    assert allot(voice, 48000, None, 10, denoise=False)[1] == COARSE


@pytest.mark.parametrize("hertz", [100, 3000, 9000, 11700])
def test_without_levels_it_only_interpolates(hertz):
    n = np.arange(320 * 40)
    low = np.sin(2 * np.pi * hertz * n / 24000).astype(np.float32)
    decoder = SpectralDecoder(1, COARSE)
    levels = np.zeros((1, 5, 40), np.uint8)
    out = np.concatenate([decoder.push(low[None], levels, None)[0], decoder.finish()[0]])[640:]
    inner = slice(1000, -1000)
    expected = np.sin(2 * np.pi * hertz * np.arange(len(out)) / 48000)
    assert np.abs(out - expected)[inner].max() < 2e-3
    assert np.abs(out[::2] - low)[500:-500].max() < 1e-5


def test_a_steady_tone_has_a_steady_copy():
    tone = np.sin(2 * np.pi * 5000 / 24000 * np.arange(75 * 320, dtype=np.float32))
    tone += np.random.default_rng(0).normal(0, 0.05, len(tone)).astype(np.float32)  # a reference
    low = Analysis(1).push(tone[None])
    levels = np.full((1, 5, low.shape[1]), 10, np.uint8)
    above = Extender(COARSE).push(low, levels)
    above[..., :308] = 0
    out = Synthesis(1, 2).push(above)[0, 4800:]
    power = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
    f = np.fft.rfftfreq(len(out), 1 / 48000)
    band = (f > 13800) & (f < 14200)  # of one group; the copy is 9 kHz above
    line = (f > 13985) & (f < 14015)
    assert power[line].sum() > 0.9 * power[band].sum()


def test_pieces_do_not_matter():
    random = np.random.default_rng(0)
    samples = random.standard_normal((2, 30 * 320)).astype(np.float32)
    levels = random.integers(0, 22, (2, 3, 30)).astype(np.uint8)
    whole = SpectralDecoder(2, Bands(3)).push(samples, levels, None)
    decoder = SpectralDecoder(2, Bands(3))
    parts = [
        decoder.push(samples[:, 320 * a : 320 * b], levels[..., a:b], None)
        for a, b in ((0, 1), (1, 8), (8, 30))
    ]
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-5)


@pytest.mark.parametrize("bands, below", [(COARSE, 3), (FINE, 6)])
def test_levels_are_those_of_the_bands(bands, below):
    """Noise that is 20 dB quieter above 12 kHz, and nothing above 16.2 kHz."""
    random = np.random.default_rng(1)
    white = random.standard_normal(48000 * 2) * 0.1
    f = np.fft.rfftfreq(len(white), 1 / 48000)
    gain = np.where(f < 11480, 1, np.where(f < 16200, 0.1, 0))
    frames = np.fft.irfft(np.fft.rfft(white) * gain, len(white)).astype(np.float32)[:, None]
    for sizes in ([len(frames)], [1, 7, 5000, 40000, len(frames)]):
        meter, found, at = Meter(MODEL, 48000, 1, bands), [], 0
        for size in sizes:
            found.append(meter.push(frames[at : at + size]))
            at += size
        tokens = MODEL.tokens_for(len(frames), 48000)
        levels = np.concatenate([*found, meter.finish(tokens)], axis=2)[0]
        assert levels.shape == (bands.count, -(-tokens // bands.span))
        inner = levels[:, 25 // bands.span : 125 // bands.span]
        assert abs(inner[:below].mean() - 28 / 3) < 0.5  # -20 dB
        assert np.ptp(inner[:below]) <= (4 if bands.fine else 1)
        assert not inner[below:].any()
    # Put above noise of the same kind, they give it what it had there.
    low = soxr.resample(frames, 48000, 24000, "VHQ")[:, 0]
    low = low[: len(low) // 320 * 320]
    each = np.repeat(levels[None], bands.span, axis=2)[..., 5 : 5 + len(low) // 320]
    out = SpectralDecoder(1, bands).push(low[None], each, None)[0]
    middle = slice(9600, 9600 + 48000)
    for low_hz, high_hz in ((12300, 13300), (14700, 16100)):
        difference = band_db(out[middle], 48000, low_hz, high_hz) - band_db(
            frames[middle, 0], 48000, low_hz, high_hz
        )
        assert abs(difference) < 2.5
    assert band_db(out[middle], 48000, 17000, 23000) < -40


@pytest.mark.parametrize("bands", [COARSE, FINE])
def test_a_meter_may_begin_late(speech, bands):
    frames = np.tile(speech, 2)[:, None]
    tokens = MODEL.tokens_for(len(frames), 48000)
    whole = Meter(MODEL, 48000, 1, bands)
    levels = np.concatenate([whole.push(frames), whole.finish(tokens)], axis=2)
    late = Meter(MODEL, 48000, 1, bands, 3 * bands.span)
    found = np.concatenate([late.push(frames[late.first :]), late.finish(tokens)], axis=2)
    assert np.array_equal(found, levels[..., 3:])


@pytest.mark.parametrize("bands, spans", [(COARSE, 30), (FINE, 244)])
def test_coded_levels(bands, spans):
    random = np.random.default_rng(2)
    levels = np.clip(random.normal(9, 3, (2, bands.count, spans)).round(), 0, 21).astype(np.uint8)
    data = encode_levels(levels)
    assert np.array_equal(decode_levels(data, 2, bands, 730)[..., :: bands.span], levels)
    assert encode_levels(np.zeros_like(levels)) == b""
    assert not decode_levels(b"", 2, bands, 730).any()
    for _ in range(50):
        data = random.bytes(random.integers(1, 60))
        try:
            assert decode_levels(data, 1, bands, 100).max() <= 21
        except FormatError:
            pass


@pytest.mark.parametrize("rate", [44100, 48000])
def test_a_recording_has_what_it_had(speech, rate):
    data = soxr.resample(speech, 48000, rate)
    plain = vauxio.compress(data, rate, bitrate=3, lm=False)
    decoded, _ = vauxio.decompress(plain)
    for low, high in ((12300, 14600), (14800, 18000)):
        there, was = (band_db(x, rate, low, high) for x in (decoded, data))
        assert abs(there - was) < 4
    for start in (0, 12345, len(data) - 3000):
        part, _ = vauxio.read(io.BytesIO(plain), start=start, frames=3000)
        np.testing.assert_allclose(part, decoded[start : start + 3000], atol=1e-5)
    # 53 bits a second are some bytes of so short a recording.
    narrow = vauxio.compress(soxr.resample(data, rate, 24000), 24000, bitrate=3, lm=False)
    assert 0 < len(plain) - len(narrow) < 40


def test_it_is_there_again_after_the_end(speech):
    """Codes that are kept for the next read keep their levels, whatever was read in between."""
    frames = (750 * MODEL.hop - MODEL.delay) * 2  # whole blocks: the end comes after the last
    data = np.tile(speech, 3)[:frames]
    blob = bytearray(vauxio.compress(data, 48000, bitrate=1.5, lm=False))
    with vauxio.VauxFile(io.BytesIO(bytes(blob))) as f:
        whole = f.read()
        f.seek(0)
        assert np.array_equal(f.read(), whole)
    blob = bytearray(vauxio.compress(np.tile(data, 2), 48000, bitrate=1.5, lm=False))
    with vauxio.VauxFile(io.BytesIO(bytes(blob))) as f:
        blob[f._reader._reader._offsets[1] + 40] ^= 1
    with vauxio.VauxFile(io.BytesIO(bytes(blob))) as f:
        first = f.read(48000)
        with pytest.raises(FormatError, match="block 1"):
            f.read()
        f.seek(0)
        assert np.array_equal(f.read(48000), first)


def test_bands_of_a_model_of_other_tokens():
    check_bands(MODEL, COARSE)
    check_bands(dataclasses.replace(MODEL, hop=640), NO_BANDS)
    with pytest.raises(FormatError, match="bands above general-24k"):
        check_bands(dataclasses.replace(MODEL, hop=640), FINE)


def test_denoised_there_is_none(speech):
    blob = vauxio.compress(speech, 48000, denoise=True)
    assert vauxio.VauxFile(io.BytesIO(blob))._header.bands == 0
    assert band_db(vauxio.decompress(blob)[0], 48000, 13000, 20000) < -60


def test_a_silent_recording_takes_nothing():
    a, b = (len(vauxio.compress(np.zeros(rate * 9), rate, lm=False)) for rate in (24000, 48000))
    assert b - a <= 3  # a field of the header, a length in each block, a longer sample rate


def test_timing():
    plain, wide = timing(MODEL, NO_BANDS), timing(MODEL, COARSE)
    assert plain[:3] == (MODEL.samplerate, MODEL.hop, MODEL.delay)
    assert wide[:3] == (48000, 640, 2 * MODEL.delay + 640)


@pytest.mark.parametrize("at", [0, 1])
def test_damaged_blocks(speech, at):
    data = np.tile(speech, 5)
    blob = bytearray(vauxio.compress(data, 48000, bitrate=3, lm=False))
    offset = vauxio.VauxFile(io.BytesIO(bytes(blob)))._reader._reader._offsets[at]
    blob[offset + 30] ^= 1
    with pytest.raises(FormatError, match=f"block {at}"):
        vauxio.decompress(bytes(blob))
    with vauxio.VauxFile(io.BytesIO(bytes(blob)), on_error="conceal") as f:
        assert f.read().shape == data.shape
        assert len(f.damage) == 1


def test_limits_of_the_container():
    """More bytes of levels than there can be, levels without the feature, bands out of range."""
    header = container.Header(
        MODEL.name, bytes(8), 0, bytes(8), 48000, 2, None, 1, 10, 750, bands=3
    )
    most = header.levels_size(30)
    for size, wrong in ((most, False), (most + 1, True)):
        writer = container.Writer(io.BytesIO(), header)
        block = container.Block(30, 0, 0, b"", levels=bytes(size))
        if wrong:
            with pytest.raises(FormatError, match="levels"):
                writer.write(block)
        else:
            writer.write(block)
    plain = dataclasses.replace(header, bands=0)
    with pytest.raises(FormatError, match="levels"):
        container.Writer(io.BytesIO(), plain).write(block)
    with pytest.raises(FormatError, match="bands of 6: must be 0 to 5"):
        dataclasses.replace(header, bands=6)
    with pytest.raises(FormatError, match="bands of 11: must be 1 to 10"):
        dataclasses.replace(header, bands=11, fine=True)
    start = bytearray(make_start(header))
    start[-5] = 0
    start[-4:] = zlib.crc32(start[:-4]).to_bytes(4, "little")
    with pytest.raises(FormatError, match="bands of 0"):
        container.Reader(io.BytesIO(bytes(start)))


def test_broken_levels_are_an_error_or_sound(speech):
    """Whatever the bytes are: in time, and never past what levels can be."""
    random = np.random.default_rng(3)
    blob = bytearray(vauxio.compress(speech, 48000, bitrate=1.5, lm=False))
    source = container.Reader(io.BytesIO(bytes(blob)))
    (block,) = source
    for _ in range(20):
        file = io.BytesIO()
        writer = container.Writer(file, source.header)
        noise = random.bytes(int(random.integers(1, source.header.levels_size(block.tokens))))
        writer.write(dataclasses.replace(block, levels=noise))
        writer.close(len(speech))
        try:
            data, _ = vauxio.decompress(file.getvalue())
        except FormatError:
            continue
        assert len(data) == len(speech) and np.isfinite(data).all()
