"""Joint stereo: what tells two channels apart, in few bits, and both of them again."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest
import soundfile

import vauxio
from vauxio.audio.resample import Resampler
from vauxio.codec.bandwidth_extension import NO_BANDS, Bands
from vauxio.codec.spectral_decoder import SpectralDecoder, bands_with_values, timing
from vauxio.codec.stereo import choice
from vauxio.codec.stereo.downmix import Downmixer
from vauxio.codec.stereo.layout import (
    CENTRE,
    COHERENCES,
    DIFFERENCES,
    EDGES,
    FINE_SPAN,
    HELD,
    LOW,
    NO_STEREO,
    SIZES,
    SPAN,
    Stereo,
    turns,
)
from vauxio.codec.stereo.parameters import decode_parameters, encode_parameters
from vauxio.codec.stereo.rates import plan
from vauxio.container.header import STEREO_BANDS
from vauxio.errors import FormatError
from vauxio.model.installed import find_model

MODEL = find_model()
JOINT = Stereo(SPAN)


@pytest.fixture(scope="module")
def music() -> tuple[np.ndarray, int]:
    return soundfile.read("tests/data/music-44k-stereo.flac", dtype="float32")


def level(x: np.ndarray) -> float:
    return float(10 * np.log10(np.square(x).mean() + 1e-12))


def coherence(x: np.ndarray) -> float:
    return float(np.corrcoef(x.T)[0, 1])


# --- values ---


def test_the_limits_of_the_format_are_those_of_the_bands():
    assert len(EDGES) == len(STEREO_BANDS)
    for resolution, most in enumerate(STEREO_BANDS):
        stereo = Stereo(SPAN, resolution)
        assert len(EDGES[resolution]) == most == bands_with_values(Bands(5), stereo)
        assert list(EDGES[resolution]) == sorted(set(EDGES[resolution]))
    assert [bands_with_values(NO_BANDS, Stereo(SPAN, i)) for i in (0, 1)] == [31, 37]


def test_each_value_has_its_difference_and_coherence():
    values = np.stack(np.meshgrid(*map(np.arange, SIZES), indexing="ij")).astype(np.uint8)
    cosine, sine, amplitude = (part.astype(np.float64) for part in turns(values))
    left = cosine**2 + (sine * amplitude) ** 2
    right = sine**2 + (cosine * amplitude) ** 2
    product = cosine * sine * (1 - amplitude**2)
    both = slice(1, -1)  # where each channel has something
    difference = 10 * np.log10(left[both] / right[both])
    np.testing.assert_allclose(
        difference, np.array(DIFFERENCES)[both, None] + 0 * difference, atol=1e-4
    )
    coherence = product[both] / np.sqrt(left[both] * right[both])
    np.testing.assert_allclose(coherence, np.array(COHERENCES) + 0 * coherence, atol=1e-4)
    assert right[-1].max() < 1e-12 and left[0].max() < 1e-12


@pytest.mark.parametrize("pairs, bands, spans", [(1, 31, 150), (3, 40, 11), (1, 1, 1)])
def test_coded_values(pairs, bands, spans):
    random = np.random.default_rng(0)
    kinds = [np.where(random.random((pairs, bands, spans)) < 0.1,
                      random.integers(0, size, (pairs, bands, spans)), centre)
             for size, centre in zip(SIZES, CENTRE, strict=True)]  # fmt: skip
    values = np.stack(kinds, axis=1).astype(np.uint8)
    data = encode_parameters(values)
    assert np.array_equal(decode_parameters(data, pairs, bands, spans), values)
    values[:, 0], values[:, 1] = (np.full_like(kinds[0], centre) for centre in CENTRE)
    assert encode_parameters(values) == b""
    assert np.array_equal(decode_parameters(b"", pairs, bands, spans), values)
    for _ in range(30):
        try:
            found = decode_parameters(random.bytes(random.integers(1, 60)), pairs, bands, spans)
            assert all(found[:, kind].max() < size for kind, size in enumerate(SIZES))
        except FormatError:
            pass


def test_what_changes_has_its_price():
    """The difference is near what was measured; at a price it stays where it was."""
    random = np.random.default_rng(1)
    difference = 0.5 * random.standard_normal((4, 40))
    difference[:, 20:] += 7
    left = 10 ** (difference / 10)
    powers = np.stack([left, np.ones_like(left), np.sqrt(left)])
    starts = list(EDGES[0][:4])
    free, dear = choice.choose(powers, starts, 0.0), choice.choose(powers, starts, 3.0)
    assert np.abs(np.array(DIFFERENCES)[free[0]] - difference).max() <= 1.5
    assert not free[1].any() and not dear[1].any()
    assert (dear[0, :, :20] == CENTRE[0]).all() and (dear[0, :, 20:] == CENTRE[0] + 3).all()
    assert choice.cost_of(dear) < choice.cost_of(free)
    silence = choice.choose(np.zeros((3, 4, 9)), starts, 1.0)
    assert choice.cost_of(silence) == 0 and (silence[0] == CENTRE[0]).all()


def test_values_of_a_window_have_a_limit(music):
    data, rate = music
    samples = Resampler(rate, 48000, 2).push(data)
    taken = []
    for most in (math.inf, 12.0, 6.0):
        down = Downmixer(MODEL, 2, Bands(5), Stereo(FINE_SPAN), 0.2, most=most)
        down.push(samples)
        down.finish(110)
        taken.append(float(down.costs[0][0]) / 110)
    assert taken[0] > 12 >= taken[1] > 6 >= taken[2] > 2


def test_changes_are_dearer_in_high_bands_and_where_the_side_is_coded():
    random = np.random.default_rng(2)
    starts = list(EDGES[1])
    left, right = 10 ** (0.3 * random.standard_normal((2, len(starts), 100)))
    powers = np.stack([left, right, 0.5 * np.sqrt(left * right)])
    changes = np.diff(choice.choose(powers, starts, 4.0), axis=2)[0].astype(bool)
    low = np.array(starts) < LOW
    assert changes[low].mean() > 1.2 * changes[~low].mean() > 0
    coded = np.diff(choice.choose(powers, starts, 4.0, LOW), axis=2)[0].astype(bool)
    assert np.array_equal(coded[~low], changes[~low]) and coded[low].sum() < changes[low].sum()


# --- samples to samples, with nothing between ---


def through(
    frames: np.ndarray, rate: int, bands: Bands = NO_BANDS, stereo: Stereo = JOINT, size: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A recording at the model's rate, or twice that, turned and turned back; and its values."""
    channels = frames.shape[1]
    down = Downmixer(MODEL, channels, bands, stereo, 0.05)
    tokens = MODEL.tokens_for(len(frames), rate)
    size = size or len(frames)
    mixed = [down.push(frames[i : i + size]) for i in range(0, len(frames), size)]
    mixed.append(down.finish(tokens))
    samples = np.concatenate(mixed)
    assert len(samples) == tokens * 320
    levels, values = down.take()
    assert values.shape[3] == -(-tokens // stereo.span)
    # A decoder is late by the model's delay.
    late = np.concatenate([np.zeros((MODEL.delay, channels), np.float32), samples])
    late = late[: tokens * 320].T
    each = np.repeat(values, stereo.span, axis=3)[..., :tokens]
    if levels is not None:
        levels = np.repeat(levels, bands.span, axis=2)[..., :tokens]
    back = SpectralDecoder(channels, bands, stereo)
    out = np.concatenate([back.push(late, levels, each), back.finish()], axis=1).T
    return out[timing(MODEL, bands, stereo).delay :][: len(frames)], values


def noise(n: int, channels: int = 1) -> np.ndarray:
    return (0.1 * np.random.default_rng(3).standard_normal((n, channels))).astype(np.float32)


@pytest.mark.parametrize(
    "gains", [(1, 1), (1, 0), (0, 1), (1, -1), (0.3, 1)],
    ids=["centre", "left", "right", "out of phase", "panned"],
)  # fmt: skip
def test_one_source_comes_out_where_it_was(gains):
    x = noise(24000) * np.array(gains, np.float32)
    out, values = through(x, 24000)
    assert (values[:, 1, :, 1:-2] == (SIZES[1] - 1 if min(gains) < 0 else 0)).all()
    error = level(out - x) - level(x)
    assert error < (-60 if gains != (0.3, 1) else -20)
    if not gains[1]:
        assert level(out[:, 1]) < -90


def test_channels_that_are_equal_have_no_values():
    values = through(noise(20000).repeat(2, axis=1), 24000)[1]
    assert encode_parameters(values) == b""


@pytest.mark.parametrize("stereo", [Stereo(SPAN), Stereo(FINE_SPAN), Stereo(FINE_SPAN, 1)])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_width_and_level_are_kept(share, stereo):
    """Noise that two channels have in common in part, louder on one side."""
    both, own = noise(48000), noise(48000, 2)
    x = (np.sqrt(share) * both + np.sqrt(1 - share) * own) * np.array([1, 0.7], np.float32)
    out, _ = through(x.astype(np.float32), 24000, stereo=stereo)
    assert abs(coherence(out) - coherence(x)) < 0.12  # values of it are further apart
    for ch in (0, 1):
        assert abs(level(out[:, ch]) - level(x[:, ch])) < 0.7


def test_bands_lie_where_they_were():
    """Low frequencies on the left, high ones on the right."""
    spectrum = np.fft.rfft(noise(48000)[:, 0])
    f = np.fft.rfftfreq(48000, 1 / 24000)
    x = np.stack([np.fft.irfft(np.where(f < 2000, spectrum, 0)),
                  np.fft.irfft(np.where(f > 3000, spectrum, 0))], axis=1)  # fmt: skip
    out, _ = through(x.astype(np.float32), 24000)
    assert level(out - x) - level(x) < -20


def test_a_side_that_is_coded_is_the_side_itself():
    x = noise(24000, 2)
    out, values = through(x, 24000, stereo=Stereo(SPAN, 0, 320))
    assert values[0, 1].any()
    assert level(out - x) - level(x) < -20  # and where no angle changes, nothing is left


def test_pieces_do_not_matter():
    x = noise(24000 * 7, 2)
    whole, values = through(x, 24000)
    parts, same = through(x, 24000, size=7777)
    assert np.array_equal(values, same)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_above_the_models_band():
    """Noise on the left only, up to 16 kHz: so it is there, too."""
    x = noise(96000)
    f = np.fft.rfftfreq(len(x), 1 / 48000)
    x[:, 0] = np.fft.irfft(np.where(f < 16000, np.fft.rfft(x[:, 0]), 0), len(x))
    x = np.concatenate([x, np.zeros_like(x)], axis=1)
    out, _ = through(x, 48000, Bands(5))
    power = np.abs(np.fft.rfft(out, axis=0)) ** 2
    was = np.abs(np.fft.rfft(x[:, 0])) ** 2
    for low, high in ((1000, 11000), (12500, 14500)):
        band = (f >= low) & (f < high)
        assert abs(10 * np.log10(power[band, 0].sum() / was[band].sum())) < 2
        assert power[band, 1].sum() < 1e-6 * power[band, 0].sum()


def test_lost_values_are_what_they_were():
    x = noise(4800) * np.array([1, 0], np.float32)
    x = x.astype(np.float32)
    decoder = SpectralDecoder(2, NO_BANDS, JOINT)
    samples = np.stack([x[:, 0], 0 * x[:, 0]])
    values = np.full((1, 2, 31, 15), HELD, np.uint8)
    values[:, 0, :, :2], values[:, 1, :, :2] = SIZES[0] - 1, 0  # all of it on the left
    out = decoder.push(samples, None, values)
    assert level(out[1]) < -90 < level(out[0])


# --- files ---


@pytest.mark.parametrize(
    "bitrate, stereo", [(3, Stereo(SPAN)), (6, Stereo(FINE_SPAN)), (12, Stereo(FINE_SPAN, 1))]
)
def test_a_file(music, bitrate, stereo):
    data, rate = music
    blob = vauxio.compress(data, rate, bitrate=bitrate)
    with vauxio.VauxFile(io.BytesIO(blob)) as f:
        assert f._reader.stereo == stereo
        out = f.read()
        assert out.shape == data.shape
        for start in (0, 1, len(data) // 3, len(data) - 999):
            f.seek(start)
            np.testing.assert_allclose(f.read(999), out[start : start + 999], atol=1e-4)
    for ch in (0, 1):
        assert abs(level(out[:, ch]) - level(data[:, ch])) < (1 if bitrate > 6 else 1.6)
    assert abs(coherence(out) - coherence(data)) < 0.15
    codes = vauxio.read_codes(io.BytesIO(blob))
    np.testing.assert_allclose(vauxio.Codec().decode(codes), out, atol=1e-4)
    again = io.BytesIO()
    vauxio.write_codes(again, codes)
    assert again.getvalue() == blob


def test_writing_in_pieces(music):
    data, rate = music
    file = io.BytesIO()
    with vauxio.VauxFile(file, "w", rate, 2, bitrate=6) as f:
        for i in range(0, len(data), 6789):
            f.write(data[i : i + 6789])
    whole = io.BytesIO()
    with vauxio.VauxFile(whole, "w", rate, 2, bitrate=6) as f:
        f.write(data)
    assert file.getvalue() == whole.getvalue()


@pytest.mark.parametrize("bitrate", [3, 6, 12, 24])
def test_a_bitrate_is_that_of_the_whole_file(music, bitrate):
    data, rate = music
    data = np.tile(data, (3, 1))
    found = vauxio.info(io.BytesIO(vauxio.compress(data, rate, bitrate=bitrate, lm=False)))
    assert 0.85 * bitrate < found.kbps < 1.1 * bitrate + 0.2
    assert found.channels == 2


def test_equal_channels_cost_what_one_does(music):
    data, rate = music
    one = data[:, :1]
    mono = vauxio.compress(one[:, 0], rate, quality=3, lm=False)
    both = vauxio.compress(one.repeat(2, axis=1), rate, quality=3, lm=False)
    assert len(both) < 1.03 * len(mono) + 30
    out, _ = vauxio.decompress(both)
    assert np.array_equal(out[:, 0], out[:, 1])


def test_silence_on_one_side(music):
    data, rate = music
    one = data.copy()
    one[:, 1] = 0
    out, _ = vauxio.decompress(vauxio.compress(one, rate, bitrate=6))
    assert level(out[:, 1]) < level(out[:, 0]) - 60


@pytest.mark.parametrize("rate", [8000, 26000, 32000])
def test_recordings_that_end_below(rate):
    """With no band above the model's, with one, and with some."""
    data = noise(rate // 2, 2)
    out, _ = vauxio.decompress(vauxio.compress(data, rate, bitrate=6))
    assert out.shape == data.shape
    assert abs(coherence(out)) < 0.3 and abs(level(out) - level(data)) < 3


@pytest.mark.parametrize("channels", [3, 6])
def test_more_channels_are_pairs(music, channels):
    data, rate = music
    data = np.concatenate([data, 0.5 * data[:, ::-1], data], axis=1)[: rate // 2, :channels]
    out, _ = vauxio.decompress(vauxio.compress(data, rate, bitrate=3 * channels))
    assert out.shape == data.shape
    for ch in range(channels):
        assert abs(level(out[:, ch]) - level(data[:, ch])) < 2


def test_damage_is_concealed(music):
    data, rate = music
    data = np.tile(data, (16, 1)) * np.array([1, 0.2], np.float32)
    blob = bytearray(vauxio.compress(data, rate, bitrate=3, lm=False))
    with vauxio.VauxFile(io.BytesIO(bytes(blob))) as f:
        blob[f._reader._reader._offsets[1] + 40] ^= 1
        whole = f.read(frames=8 * rate)
    with pytest.raises(FormatError, match="block 1"):
        vauxio.decompress(bytes(blob))
    with vauxio.VauxFile(io.BytesIO(bytes(blob)), on_error="conceal") as f:
        out = f.read()
        assert out.shape == data.shape and len(f.damage) == 1
    np.testing.assert_allclose(out[: 8 * rate], whole, atol=1e-4)
    assert level(out[-2 * rate :, 0]) > level(out[-2 * rate :, 1]) + 6


def test_codes_of_a_side_that_has_none_are_refused(music):
    data, rate = music
    blob = vauxio.compress(data[:rate], rate, bitrate=24, lm=False)
    codes = vauxio.read_codes(io.BytesIO(blob))
    assert codes.stereo.side
    wrong = io.BytesIO()
    vauxio.write_codes(wrong, vauxio.Codes(
        codes.codes, rate, codes.frames, codes.model, codes.levels, codes.bands, codes.values,
        dataclasses.replace(codes.stereo, side=0),
    ))  # fmt: skip
    with pytest.raises(FormatError, match="codes of sides"):
        vauxio.decompress(wrong.getvalue())


# --- rates ---


def test_where_the_bits_go():
    assert not plan(MODEL, 44100, 1, 6, None).stereo
    low, middle, high = (plan(MODEL, 44100, 2, bitrate, None) for bitrate in (3, 12, 24))
    assert low.price > middle.price > high.price
    assert low.side is None and middle.side is None and not low.stereo.side
    assert high.side is not None and high.stereo.side
    assert low.allocation.average == 4
    for bitrate in range(2, 25):
        found = plan(MODEL, 44100, 2, bitrate, None)
        main = found.allocation.average or 0
        side = 0 if found.side is None else found.side.average or 0
        assert main + side <= bitrate / 0.75 + 1e-9
    with pytest.raises(ValueError, match="1.5 to 24 kbps"):
        plan(MODEL, 44100, 2, 25, None)
    assert plan(MODEL, 44100, 2, None, 9).stereo.side and not plan(MODEL, 44100, 2, None, 3).side


@pytest.mark.parametrize("bitrate", [3, 6])
def test_a_channel_without_a_partner_has_the_bits_of_one(music, bitrate):
    data, rate = music
    three = np.tile(np.column_stack([data, data[:, :1]]), (4, 1))
    alone = plan(MODEL, rate, 3, 3 * bitrate, None).alone
    assert alone is not None and alone.average is not None
    assert alone.average <= bitrate / 0.75
    taken = vauxio.read_codes(io.BytesIO(vauxio.compress(three, rate, bitrate=3 * bitrate))).mask
    assert taken[2].sum() <= bitrate / 0.75 * taken.shape[-1]


def test_a_rate_between():
    assert NO_STEREO.coded(3) == [0, 1, 2] and JOINT.coded(5) == [0, 2, 4]
    assert Resampler.restart(48000, 44100, 5) <= 5
