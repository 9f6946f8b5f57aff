"""Samples to codes and back, without files."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soxr

import vauxio
from support.signals import lag, voice
from vauxio.codec.codec import Codec
from vauxio.codec.signal import SignalDecoder, SignalEncoder
from vauxio.codec.tokens import TokenDecoder, TokenEncoder
from vauxio.entropy.allocation import Allocation
from vauxio.errors import AudioError, ModelError

MODEL = Codec().model
ALL, EIGHT = (Allocation.constant(k) for k in (MODEL.codebooks, 8))
HOP = MODEL.hop


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec()


# --- whole arrays ---


@pytest.mark.parametrize("frames", [0, 1, 319, 320, 321, 24000])
@pytest.mark.parametrize("samplerate", [8000, 24000, 44100, 44101, 192000])
def test_lengths(codec, frames, samplerate):
    codes = codec.encode(voice(frames, samplerate)[:, 0], samplerate, bitrate=1.5)
    assert codes.codes.dtype == np.uint16
    assert codes.codes.shape == (1, 2, MODEL.tokens_for(frames, samplerate))
    assert (codes.samplerate, codes.frames, codes.model) == (samplerate, frames, MODEL.name)
    data = codec.decode(codes)
    assert data.shape == (frames,) and data.dtype == np.float32 and np.isfinite(data).all()


@pytest.mark.parametrize("channels", range(1, 9))
def test_channels_are_coded_separately(codec, channels):
    data = voice(6000, 16000, channels)
    codes = codec.encode(data, 16000, bitrate=3 * channels)
    assert codes.codes.shape == (channels, 4, MODEL.tokens_for(6000, 16000))
    decoded = codec.decode(codes)
    assert decoded.shape == ((6000,) if channels == 1 else (6000, channels))
    one = codec.encode(data[:, -1], 16000, bitrate=3)
    assert (one.codes[0] == codes.codes[-1]).mean() > 0.995
    one = dataclasses.replace(codes, codes=codes.codes[-1:])
    assert np.abs(codec.decode(one) - decoded.reshape(6000, -1)[:, -1]).max() < 1e-4


@pytest.mark.parametrize("dtype", ["int16", "int32", "float64"])
def test_sample_types_mean_the_same(codec, dtype):
    data = np.rint(voice(9000)[:, 0] * 32768).astype("int16")
    as_float = data.astype("float32") / 32768
    other = {"int16": data, "int32": data.astype("int32") << 16, "float64": as_float.astype("f8")}
    expected = codec.encode(as_float, 24000).codes
    assert np.array_equal(codec.encode(other[dtype], 24000).codes, expected)


def test_lists_are_samples_too(codec):
    assert codec.encode([0.0, 0.5, -0.5], 24000).frames == 3


def test_first_codebooks_are_a_signal(codec):
    """About as good a one as if they had been searched for alone."""
    data = voice(24000)[:, 0]
    everything = codec.encode(data, 24000, codebooks=MODEL.codebooks)
    assert everything.codes.shape[1] == MODEL.codebooks
    first = dataclasses.replace(everything, codes=everything.codes[:, :4])
    alone = codec.encode(data, 24000, bitrate=3)
    errors = [np.square(codec.decode(codes) - data).mean() for codes in (everything, first, alone)]
    assert errors[0] < 0.8 * errors[1]
    assert errors[1] < 1.2 * errors[2]


@pytest.mark.parametrize("samplerate", [24000, 44100, 8000])
def test_alignment_to_the_frame(codec, samplerate):
    data = voice(4 * samplerate, samplerate)[:, 0]
    assert lag(data, codec.decode(codec.encode(data, samplerate))) == 0


@pytest.mark.parametrize("samplerate", [24000, 44100])
def test_pieces_are_the_same_as_one_run_of_the_networks(codec, samplerate):
    """No click where a piece of tokens ends: it is as if the signal had gone through at once."""
    data = voice(9 * samplerate, samplerate)
    codes = codec.encode(data, samplerate, codebooks=MODEL.codebooks)
    at_rate = soxr.resample(data, samplerate, 24000)
    fed = np.zeros((codes.codes.shape[2] * HOP, 1), np.float32)
    fed[: len(at_rate)] = at_rate
    whole = TokenEncoder(codec.model, 1, ALL).push(fed.T)
    assert (whole == codes.codes).mean() > 0.995
    samples = TokenDecoder(codec.model, 1).push(codes.codes)[0, MODEL.delay :][: len(at_rate)]
    expected = soxr.resample(samples, 24000, samplerate)
    assert np.abs(codec.decode(codes) - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("data", "samplerate", "message"),
    [
        (np.zeros((2, 2, 2)), 24000, "shape"),
        (np.zeros(3, "int64"), 24000, "int64"),
        (np.zeros((50, 33)), 24000, "33 channels"),
        (np.zeros((3, 0)), 24000, "0 channels"),
        (np.zeros(3), 999, "999 Hz"),
        (np.zeros(3), 44100.0, "integer"),
        ([0, float("nan")], 24000, "frame 1 "),
        ([[0, 0], [0, 0], [0, float("inf")]], 24000, "frame 2 "),
    ],
)
def test_what_cannot_be_encoded(codec, data, samplerate, message):
    with pytest.raises(AudioError, match=message):
        codec.encode(data, samplerate)


def test_bitrate_out_of_range(codec):
    with pytest.raises(ValueError, match="kbps"):
        codec.encode(np.zeros(3), 24000, bitrate=13)


@pytest.mark.parametrize(
    "changes",
    [
        {"codes": np.zeros((1, 4), "uint16")},
        {"codes": np.zeros((1, 4, 5), "float32")},
        {"codes": np.zeros((33, 4, 5), "uint16")},
        {"codes": np.zeros((1, 0, 5), "uint16")},
        {"codes": np.zeros((1, 99, 5), "uint16")},
        {"codes": np.zeros((1, 4, 6), "uint16")},
        {"codes": np.full((1, 4, 5), 1024, "uint16")},
        {"codes": np.full((1, 4, 5), -3, "int32")},
        {"codes": np.array([[[3], [-1], [3], [3]]] * 1).repeat(5, 2)},
        {"samplerate": 0},
        {"model": "other"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_cannot_be_decoded(codec, changes):
    frames = MODEL.frames_in(5, 24000)
    good = vauxio.Codes(np.zeros((1, 4, 5), "uint16"), 24000, frames, MODEL.name)
    assert codec.decode(good).shape == (frames,)
    with pytest.raises(AudioError):
        codec.decode(dataclasses.replace(good, **changes))


def test_reprs(codec):
    assert repr(codec) == f"Codec({MODEL.name!r})"
    codes = codec.encode(np.zeros((10, 2)), 44100, bitrate=6)
    assert repr(codes).startswith("Codes(2 channels x 4 codebooks x ")


def test_a_model_that_is_not_installed():
    with pytest.raises(ModelError, match="none"):
        Codec("none")


# --- as they come ---


@pytest.mark.parametrize("size", [1, 7, 75], ids="length {}".format)
def test_tokens_in_pieces(codec, size):
    samples = voice(150 * HOP, channels=2).T
    whole = TokenEncoder(codec.model, 2, EIGHT).push(samples)
    encoder = TokenEncoder(codec.model, 2, EIGHT)
    step = size * HOP
    pieces = [encoder.push(samples[:, i : i + step]) for i in range(0, samples.shape[1], step)]
    assert whole.shape == (2, 8, 150)
    assert (np.concatenate(pieces, axis=2) == whole).mean() > 0.995

    decoder = TokenDecoder(codec.model, 2)
    pieces = [decoder.push(whole[..., i : i + size]) for i in range(0, 150, size)]
    expected = TokenDecoder(codec.model, 2).push(whole)
    assert np.abs(np.concatenate(pieces, axis=1) - expected).max() < 1e-4


def test_state_is_all_there_is(codec):
    samples = voice(20 * HOP).T
    encoder, other = TokenEncoder(codec.model, 1, EIGHT), TokenEncoder(codec.model, 1, EIGHT)
    first = encoder.push(samples[:, : 10 * HOP])
    other.state = encoder.state
    rest = encoder.push(samples[:, 10 * HOP :])
    assert np.array_equal(other.push(samples[:, 10 * HOP :]), rest)
    encoder.reset()
    assert np.array_equal(encoder.push(samples[:, : 10 * HOP]), first)


def test_warm_up_over_the_receptive_field_is_enough(codec):
    codes = codec.encode(voice(200 * HOP), 24000).codes
    field = MODEL.decoder.receptive_field
    whole = TokenDecoder(codec.model, 1).push(codes)
    late = TokenDecoder(codec.model, 1).push(codes[..., 100 - field :])
    assert np.abs(late[:, field * HOP :] - whole[:, 100 * HOP :]).max() < 1e-4


@pytest.mark.parametrize("samplerate", [24000, 44100])
def test_codes_do_not_depend_on_how_a_signal_is_pushed(codec, samplerate):
    data = voice(5 * samplerate, samplerate)
    rng = np.random.default_rng(0)

    def encoded(sizes) -> np.ndarray:
        encoder, parts, at = SignalEncoder(codec.model, samplerate, 1, EIGHT), [], 0
        while at < len(data):
            size = int(rng.choice(sizes))
            parts.append(encoder.push(data[at : at + size]))
            at += size
        assert encoder.frames == len(data)
        return np.concatenate([*parts, encoder.finish()], axis=2)

    assert np.array_equal(encoded([len(data)]), encoded([1, 7, 320, 1000, 30000]))


@pytest.mark.parametrize("samplerate", [24000, 44100, 44101])
def test_decoding_from_any_frame(codec, samplerate):
    codes = codec.encode(voice(10 * samplerate, samplerate), samplerate)
    whole = codec.decode(codes)
    for start in (0, 1, 12345, 5 * samplerate, 9 * samplerate + 77, len(whole) - 1, len(whole)):
        decoder = SignalDecoder(codec.model, samplerate, 1, start=start, frames=len(whole))
        assert decoder.position == start
        out = decoder.push(codes.codes[..., decoder.first_token :])
        out = np.concatenate([out, decoder.finish()])
        assert decoder.position == len(whole)
        assert out.shape == (len(whole) - start, 1)
        assert np.abs(out[:, 0] - whole[start:]).max(initial=0) < 1e-4


def test_the_end_must_be_known(codec):
    decoder = SignalDecoder(codec.model, 24000, 1)
    decoder.push(np.zeros((1, 4, 10), "uint16"))
    with pytest.raises(ValueError, match="frames must be known"):
        decoder.finish()
