"""Codes as data: out of files and back, batches, plain arrays, vectors, other libraries' arrays."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import soundfile

import vauxio
from support.signals import Pipe, voice
from vauxio.audio.arrays import give_back, to_numpy
from vauxio.codec.batches import in_parallel
from vauxio.codec.stereo.layout import NO_STEREO
from vauxio.errors import AudioError, FormatError, ModelError, TruncatedError

RATE = 16000


@pytest.fixture(scope="module")
def codec() -> vauxio.Codec:
    return vauxio.Codec("speech-24k")


# --- files ---

FILES = {
    "average": dict(bitrate=3),
    "quality": dict(quality=4),
    "plain": dict(bitrate=1.5, lm=False),
    "all": dict(bitrate=12, model="general-24k"),
    "fine": dict(bitrate=9, model="general-24k"),
    "tagged": dict(bitrate=1.5, tags={"title": "T", "artist": "A"}),
}


@pytest.mark.parametrize("settings", FILES.values(), ids=FILES)
@pytest.mark.parametrize("seconds, rate, channels", [(2, 48000, 2), (12, 16000, 1)])
def test_codes_of_a_file_make_the_same_file(settings, seconds, rate, channels):
    blob = vauxio.compress(voice(seconds * rate + 7, rate, channels), rate, **settings)
    codes = vauxio.read_codes(io.BytesIO(blob))
    assert codes.codes.shape[0] == channels and codes.frames == seconds * rate + 7
    copy = io.BytesIO()
    vauxio.write_codes(copy, codes)
    assert copy.getvalue() == blob
    data, _ = vauxio.decompress(blob)
    assert np.array_equal(vauxio.Codec(codes.model).decode(codes), data)


def test_a_file_of_unknown_length_too(tmp_path):
    with vauxio.VauxFile(tmp_path / "a.vx", "w", RATE, 1, bitrate=1.5) as f:
        f.write(voice(12 * RATE, RATE))  # two blocks, for nobody said how long it is
    vauxio.write_codes(tmp_path / "b.vx", vauxio.read_codes(tmp_path / "a.vx"))
    assert (tmp_path / "a.vx").read_bytes() == (tmp_path / "b.vx").read_bytes()


def test_a_file_of_several_blocks_too():
    blob = vauxio.compress(voice(21 * RATE, RATE), RATE, bitrate=3, lm=False)
    copy = io.BytesIO()
    vauxio.write_codes(copy, vauxio.read_codes(io.BytesIO(blob)))
    assert copy.getvalue() == blob


def test_codes_without_a_file_make_one(tmp_path, codec):
    codes = codec.encode(voice(RATE, RATE), RATE, codebooks=3)
    vauxio.write_codes(tmp_path / "a.vx", codes, tags={"title": "T"})
    back = vauxio.read_codes(tmp_path / "a.vx")
    assert np.array_equal(back.codes, codes.codes) and back.tags == {"title": "T"}
    assert back.mask.all() and (back.counts == 3).all() and not back.lost.any()
    assert np.array_equal(vauxio.read(tmp_path / "a.vx")[0], codec.decode(codes))


def test_allocation_as_mask_and_counts():
    data = voice(3 * RATE, RATE)
    data[RATE : 2 * RATE] = 0
    codes = vauxio.read_codes(io.BytesIO(vauxio.compress(data, RATE, bitrate=3)))
    assert codes.codes.dtype == np.int32 and len(set(codes.counts.ravel().tolist())) > 2
    there = np.arange(codes.codes.shape[1])[:, None] < codes.counts[:, None]
    assert np.array_equal(codes.mask, there)
    assert (codes.codes[codes.mask] >= 0).all() and (codes.codes[~codes.mask] == -1).all()


def test_a_part_of_a_file():
    blob = vauxio.compress(voice(25 * RATE, RATE), RATE, bitrate=3, lm=False)
    with vauxio.VauxFile(io.BytesIO(blob)) as f:
        f.seek(77)
        whole = f.codes()
        for start, frames in [(0, RATE), (9 * RATE + 5, 3 * RATE), (-RATE, -1), (RATE, 0)]:
            part = f.codes(start, frames)
            begin = start % (25 * RATE)
            assert part.first == begin * 75 // RATE
            assert part.frames == (frames if frames >= 0 else RATE)
            expected = whole.codes[..., part.first :][..., : part.codes.shape[2]]
            assert np.array_equal(part.codes, expected)
            assert f.tell() == 77
        decoded = vauxio.Codec(whole.model).decode(f.codes(9 * RATE, RATE))  # a token's beginning
    data, _ = vauxio.decompress(blob)
    settled = slice(RATE // 2, RATE)
    error = decoded[settled] - data[9 * RATE : 10 * RATE][settled]
    assert np.square(error).mean() < 0.05 * np.square(data).mean()


def test_codes_from_a_pipe():
    blob = vauxio.compress(voice(21 * RATE, RATE), RATE, bitrate=1.5, lm=False)
    with vauxio.VauxFile(Pipe(blob)) as f:
        codes = f.codes()
    expected = vauxio.read_codes(io.BytesIO(blob))
    assert np.array_equal(codes.codes, expected.codes) and codes.frames == expected.frames
    with vauxio.VauxFile(Pipe(blob)) as f, pytest.raises(ValueError, match="seekable"):
        f.codes(5)


def test_damage_is_marked_and_concealed():
    blob = bytearray(vauxio.compress(voice(25 * RATE, RATE), RATE, bitrate=3, lm=False))
    blob[len(blob) // 2] ^= 1  # the second of three blocks
    with pytest.raises(FormatError):
        vauxio.read_codes(io.BytesIO(blob))
    codes = vauxio.read_codes(io.BytesIO(blob), on_error="conceal")
    assert codes.lost[750:1500].all() and codes.lost.sum() == 750
    assert not codes.mask[..., codes.lost].any()
    data, _ = vauxio.read(io.BytesIO(blob), on_error="conceal")
    assert np.array_equal(vauxio.Codec(codes.model).decode(codes), data)
    with pytest.raises(AudioError, match="750 of"):
        vauxio.write_codes(io.BytesIO(), codes)


def test_a_file_that_is_cut_off():
    blob = vauxio.compress(voice(25 * RATE, RATE), RATE, bitrate=1.5, lm=False)[:-200]
    with pytest.raises(TruncatedError):
        vauxio.read_codes(io.BytesIO(blob))
    assert vauxio.read_codes(io.BytesIO(blob), 0, 8 * RATE).frames == 8 * RATE


def test_levels_and_values_of_other_tokens_cannot_be_written(tmp_path):
    sound, rate = soundfile.read("tests/data/music-44k-stereo.flac", frames=44100, dtype="float32")
    codes = vauxio.read_codes(io.BytesIO(vauxio.compress(sound, rate, bitrate=6)))
    assert codes.stereo and codes.bands.count
    for changed in (
        {"values": codes.values[..., 1:]},
        {"values": codes.values[:, :, 1:]},
        {"values": None},
        {"levels": codes.levels.astype(np.int64)},
        {"levels": None},
        {"stereo": NO_STEREO},
    ):
        with pytest.raises(AudioError, match=r"levels|values"):
            vauxio.write_codes(tmp_path / "a.vx", dataclasses.replace(codes, **changed))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written(tmp_path, codec):
    codes = codec.encode(voice(RATE, RATE), RATE, codebooks=3)
    array = codes.codes.astype(np.int32)
    array[:, 2, 7] = -1
    for wrong in (array, codes.codes[..., 1:], codes.codes + 1024, codes.codes[0]):
        with pytest.raises(AudioError):
            other = vauxio.Codes(wrong, codes.samplerate, codes.frames, codes.model)
            vauxio.write_codes(tmp_path / "a.vx", other)
    with pytest.raises(ModelError):
        vauxio.write_codes(tmp_path / "a.vx", vauxio.Codes(codes.codes, RATE, RATE, "other"))
    assert not list(tmp_path.iterdir())


# --- batches ---


def test_a_batch_is_each_signal_alone(codec):
    """Bit for bit, with signals of other lengths and rates beside it."""
    rates = [16000, 24000, 44100, 8000, 16000]
    lengths = [3.3, 0.0, 1.7, 5.2, 0.4]
    signals = [voice(round(s * r), r, seed=i)[:, 0]
               for i, (s, r) in enumerate(zip(lengths, rates, strict=True))]  # fmt: skip
    batch = codec.encode(signals, rates, codebooks=6, workers=3)
    assert batch.codes.dtype == np.uint16 and batch.codes.shape[:3] == (5, 1, 6)
    assert len(batch) == 5 and batch.frames == tuple(map(len, signals))
    for one, signal, rate, mask in zip(batch, signals, rates, batch.mask, strict=True):
        alone = codec.encode(signal, rate, codebooks=6)
        assert np.array_equal(one.codes, alone.codes)
        assert np.count_nonzero(mask) == alone.codes.shape[2] and mask[: mask.sum()].all()
    assert not batch.codes.transpose(0, 3, 1, 2)[~batch.mask].any()
    for decoded, one in zip(codec.decode(batch, workers=2), batch, strict=True):
        assert np.array_equal(decoded, codec.decode(one))


def test_a_batch_of_more_channels(codec):
    signals = [voice(4000, RATE, 2), voice(2000, RATE, 2)]
    batch = codec.encode(signals, RATE, codebooks=2)
    assert batch.codes.shape[:3] == (2, 2, 2)
    assert np.array_equal(batch[1].codes, codec.encode(signals[1], RATE, codebooks=2).codes)
    with pytest.raises(AudioError, match="as many channels"):
        codec.encode([signals[0], signals[1][:, 0]], RATE)
    with pytest.raises(ValueError, match="sample rates"):
        codec.encode(signals, [RATE])


def test_results_come_in_order():
    for workers in (1, 2, None):
        assert in_parallel(lambda i: i, [3, 1, 2], 1, workers) == [0, 1, 2]
    with pytest.raises(ValueError):
        in_parallel(lambda i: i, [1], 1, 0)


def test_plain_arrays_are_decoded(codec):
    codes = codec.encode(voice(RATE, RATE), RATE, codebooks=5)
    expected = codec.decode(codes)
    array = codes.codes
    assert np.array_equal(codec.decode(array, RATE, RATE), expected)
    assert np.array_equal(codec.decode(array[0].astype(np.int64), RATE, RATE), expected)
    for codebooks in range(1, 6):
        fewer = codec.decode(array[:, :codebooks], RATE)
        assert fewer.shape == (codec.model.frames_in(array.shape[2], RATE),)
    assert codec.decode(array[0]).shape == (codec.model.frames_in(array.shape[2], 24000),)
    assert codec.decode(np.concatenate([array, array])).shape[1] == 2


def test_batches_of_plain_arrays_are_decoded(codec):
    batch = codec.encode([voice(RATE, RATE), voice(RATE // 3, RATE)], RATE, codebooks=3)
    out = codec.decode(batch.codes, RATE, mask=batch.mask)
    for row, one in zip(out, batch, strict=True):
        alone = codec.decode(one.codes, RATE)
        assert np.array_equal(row[: len(alone)], alone) and not row[len(alone) :].any()
    assert codec.decode([one.codes for one in batch], RATE)[1].shape < out[1].shape
    with pytest.raises(AudioError, match="mask"):
        codec.decode(batch.codes, RATE, mask=batch.mask[:, :-1])
    with pytest.raises(AudioError, match="from the first on"):
        codec.decode(batch.codes, RATE, mask=~batch.mask)


def test_rates_are_there_or_an_error(codec):
    data = voice(2000, RATE)
    assert codec.encode(data, RATE).codes.shape[1] == 8  # 6 kbps, as of write
    assert codec.encode(data, RATE, 4.5).codes.shape[1] == 6
    with pytest.raises(ValueError, match="4.5 and 5.25, 6 and 7 codebooks"):
        codec.encode(data, RATE, bitrate=5)
    for codebooks in (0, 11):
        with pytest.raises(ValueError, match="1 to 10"):
            codec.encode(data, RATE, codebooks=codebooks)
    with pytest.raises(TypeError):
        codec.encode(data, RATE, bitrate=3, codebooks=4)
    assert (codec.token_rate, codec.codebooks, codec.codebook_size) == (75, 10, 1024)


# --- what codes mean ---


@pytest.mark.parametrize("model", ["speech-24k", "general-24k"])
def test_vectors_add_up_to_latents(model):
    codec = vauxio.Codec(model)
    data = np.concatenate([np.zeros((8000, 2), np.float32), voice(16000, RATE, 2)])
    latents = codec.latents(data, RATE)
    vectors = codec.codebook_vectors()
    assert vectors.shape == (codec.codebooks, 1024, latents.shape[1])
    assert vectors.dtype == latents.dtype == np.float32
    codes = codec.encode(data, RATE, codebooks=codec.codebooks)
    assert latents.shape == (2, vectors.shape[2], codes.codes.shape[2])
    errors = []
    for codebooks in (1, 4, codec.codebooks):
        near = codec.embed(codes.codes[:, :codebooks])
        errors.append(np.square(near - latents).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.1 * np.square(latents).mean()
    assert np.allclose(codec.embed(codes.codes[0, :1]), vectors[0][codes.codes[0, 0]].T)


def test_latents_do_not_depend_on_how_many_are_asked_for(codec):
    """They are those that codes are made of: the distances that the encoder gives are the same."""
    data = voice(6 * RATE, RATE)
    again = codec.latents(data, RATE)
    assert np.array_equal(codec.latents(data, RATE), again)
    assert np.abs(codec.latents(data[: 3 * RATE], RATE)[..., :200] - again[..., :200]).max() < 1e-3


def test_silence_and_absent_codes(codec):
    codes = np.full((3, 2), -1)
    codes[0, 1] = 5
    near = codec.embed(codes)
    assert np.array_equal(near[:, 1], codec.codebook_vectors()[0, 5])
    silent = codec.latents(np.zeros(24000), 24000)[0, :, -1]
    assert np.allclose(near[:, 0], silent, atol=1e-2)
    for wrong in (np.full((3, 2), 1024), np.zeros((3, 2)), np.zeros(5, int)):
        with pytest.raises(AudioError):
            codec.embed(wrong)


# --- other libraries ---


class Lent:
    """An array that can be had by DLPack only."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape = array, array.shape

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_arrays_by_dlpack(codec):
    data = voice(4000, RATE)[:, 0].copy()
    expected = codec.encode(data, RATE).codes
    assert np.array_equal(codec.encode(Lent(data), RATE).codes, expected)
    assert np.array_equal(codec.encode([Lent(data)], RATE)[0].codes, expected)
    assert codec.decode(Lent(expected.copy())).dtype == np.float32


def test_torch_tensors_in_and_out(codec):
    torch = pytest.importorskip("torch")
    data = torch.from_numpy(voice(4000, RATE)[:, 0].copy())
    codes = codec.encode(data.requires_grad_(), RATE)
    assert np.array_equal(codes.codes, codec.encode(data.detach().numpy(), RATE).codes)
    tensor = give_back(codes.codes, data)
    assert tensor.dtype == torch.int64
    back = codec.decode(tensor, like=data)
    assert isinstance(back, torch.Tensor) and back.dtype == torch.float32
    assert torch.is_tensor(codec.embed(tensor, like=data))
    assert torch.is_tensor(codec.latents(data.detach(), RATE, like=data))
    assert np.array_equal(to_numpy(data), data.detach().numpy())


def test_what_is_no_array(codec):
    with pytest.raises(TypeError):
        give_back(np.zeros(3), [1, 2])
    for wrong in ("text", None, 5):
        with pytest.raises(AudioError):
            codec.decode(wrong)


# --- providers ---


def test_providers(codec):
    data = voice(4000, RATE)
    named = vauxio.Codec("speech-24k", providers=["CPUExecutionProvider"])
    with_options = vauxio.Codec("speech-24k", providers=[("CPUExecutionProvider", {})])
    assert named.providers == with_options.providers == codec.providers
    assert np.array_equal(named.encode(data, RATE).codes, codec.encode(data, RATE).codes)
    with pytest.raises(ModelError, match="onnxruntime has"):
        vauxio.Codec(providers=["NoSuchExecutionProvider"])
    with pytest.raises(ValueError):
        vauxio.Codec(providers=[])
