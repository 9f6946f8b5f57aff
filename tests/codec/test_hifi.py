"""The transform codec: blocks to payloads and back."""

import io
import json
import random

import numpy as np
import pytest
import soundfile
import soxr

from support import independent_hifi
from support.paths import DATA
from vauxio.codec.hifi import block_sizes, copies, layout, mdct, powers, sides, steps, stereo
from vauxio.codec.hifi.character import Character
from vauxio.codec.hifi.decoder import Decoder
from vauxio.codec.hifi.encoder import Encoder, block_size
from vauxio.codec.hifi.network import CLASSES, FEATURES, LEVEL_FEATURES, Tables
from vauxio.codec.hifi.pack import Packer
from vauxio.codec.hifi.payload import Settings
from vauxio.codec.hifi.rate import settings_for
from vauxio.codec.hifi.raw_bits import BitReader, BitWriter
from vauxio.codec.hifi.spectra import Spectra
from vauxio.codec.hifi.unpack import unpack
from vauxio.entropy import fixed
from vauxio.errors import FormatError, ModelError
from vauxio.model.installed import find_transform

BLOCK = block_size(1)
SIZES = np.array([2048, 512, 512, 1024, *[128] * 8, 1024, 256, 256, 512])


@pytest.fixture(scope="module")
def tables():
    return Tables(find_transform().tables.load())


@pytest.fixture(scope="module")
def speech():
    return load("speech-48k.flac", 3.0)


@pytest.fixture(scope="module")
def music():
    return load("music-44k-stereo.flac", 1.5)


def load(name, seconds):
    samples, rate = soundfile.read(DATA / name, always_2d=True, dtype="float32")
    samples = samples if rate == 48000 else soxr.resample(samples, rate, 48000)
    return np.ascontiguousarray(samples[: int(seconds * 48000)].T)


def encode(tables, samples, bitrate):
    encoder = Encoder(tables, len(samples), bitrate)
    return encoder.push(samples) + encoder.finish()


def decode(tables, blocks, channels, length):
    decoder = Decoder(tables, channels)
    parts = [decoder.push(payload, frames) for frames, payload, _ in blocks]
    return np.concatenate([*parts, decoder.finish()], axis=1)[:, :length]


def snr(original, decoded):
    return 10 * np.log10((original**2).sum() / ((original - decoded) ** 2).sum())


def kbps(blocks, samples):
    return sum(8 * len(payload) for _, payload, _ in blocks) * 48 / samples.size


@pytest.mark.parametrize("size", layout.SIZES)
def test_the_cosine_transform_is_its_own_inverse(size):
    x = np.random.default_rng(0).standard_normal((3, size))
    n = np.arange(size) + 0.5
    matrix = np.sqrt(2 / size) * np.cos(np.pi / size * np.outer(n, n))
    np.testing.assert_allclose(mdct.dct4(x), x @ matrix, atol=1e-9)
    np.testing.assert_allclose(mdct.dct4(mdct.dct4(x)), x, atol=1e-9)


def test_blocks_of_all_sizes_give_the_samples_back():
    x = np.zeros((2, SIZES.sum() + 2048))
    x[:, 1024:-1024] = np.random.default_rng(0).standard_normal((2, SIZES.sum()))
    found = mdct.forward(x, SIZES, 0, 0)
    np.testing.assert_allclose((found**2).sum(), (x**2).sum())
    np.testing.assert_allclose(mdct.inverse(found, SIZES), x[:, 1024:-1024], atol=1e-9)


def test_a_block_is_the_same_alone_and_in_a_long_run():
    sizes = np.array([2048] * 40 + [128] * 16 + [2048])
    x = np.random.default_rng(0).standard_normal((2, sizes.sum() + 2048))
    whole = mdct.forward(x, sizes, 2048, 2048)
    around = [2048, *sizes.tolist(), 2048]
    for i, begin in enumerate((np.cumsum(sizes) - sizes).tolist()):
        end = begin + around[i + 1]
        alone = mdct.forward(x[:, begin : end + 2048], sizes[i : i + 1], around[i], around[i + 2])
        np.testing.assert_array_equal(alone, whole[:, begin:end])


def test_layouts():
    for size, one in layout.LAYOUTS.items():
        assert one.edges[-1] == round(20000 / 24000 * size)
        assert one.widths.min() >= 4
        assert one.place.min() >= 0 and one.place.max() <= 127
        assert (np.diff(one.bark) > 0).all()


def test_powers_and_logarithms_are_those_of_mathematics():
    i = np.arange(-512, 1025)
    np.testing.assert_array_equal(powers.power(i), np.rint(2.0 ** (i / 64 + 12)))
    x = np.arange(4096)
    exact = 12 * np.log2(1 + x / 4)
    assert (np.abs(powers.LOG - np.floor(exact + 1e-9)) == 0).all()


def test_a_tree_of_sizes():
    for sizes in ([2048], [1024, 256, 128, 128, 512], [128] * 16):
        flags = iter([split for _, split in block_sizes.splits(np.array(sizes))])
        assert block_sizes.from_splits(lambda _, flags=flags: next(flags)) == sizes
        assert next(flags, None) is None


def test_raw_bits():
    writer = BitWriter()
    values, bits = np.array([5, 0, 1023, 1]), np.array([3, 0, 10, 1])
    writer.put(values, bits)
    reader = BitReader(writer.finish())
    assert reader.take(bits).tolist() == values.tolist()
    reader.finish()
    with pytest.raises(FormatError):
        reader.take(np.array([20]))


@pytest.mark.parametrize("number, features, constant", [
    (0, FEATURES[0], FEATURES[0]), (1, FEATURES[1], FEATURES[0]),
    (2, LEVEL_FEATURES, LEVEL_FEATURES),
])  # fmt: skip
def test_networks_compute_in_integers(tables, arrays, number, features, constant):
    rng = np.random.default_rng(0)
    inputs = rng.integers(-127, 128, (500, features))
    hidden = inputs
    for n in range(3):
        weight, bias, shift = (
            arrays[f"{kind}{number}{n}"].astype(np.int64) for kind in ("weight", "bias", "shift")
        )
        hidden = hidden @ weight + bias >> shift
        if n < 2:
            hidden = np.clip(hidden, 0, 127)
    rows = np.insert(inputs, constant, 1, axis=1).T.astype(np.float32)

    def run(rows):
        return tables.levels(rows).T if number == 2 else tables.classify(rows, number)[:, None]

    expected = hidden if number == 2 else hidden.clip(0, CLASSES - 1)
    np.testing.assert_array_equal(run(rows), expected)
    order = rng.permutation(len(inputs))
    np.testing.assert_array_equal(run(rows[:, order]), expected[order])


@pytest.mark.parametrize("bitrate, least", [(16, 12), (64, 22), (128, 28)])
def test_speech(tables, speech, bitrate, least):
    blocks = encode(tables, speech, bitrate)
    assert kbps(blocks, speech) == pytest.approx(bitrate, rel=0.05)
    assert snr(speech, decode(tables, blocks, 1, speech.shape[1])) > least


def test_stereo(tables, music):
    blocks = encode(tables, music, 64)
    assert kbps(blocks, music) == pytest.approx(64, rel=0.05)
    assert snr(music, decode(tables, blocks, 2, music.shape[1])) > 20


def test_two_channels_alike_cost_little_more_than_one(tables, speech):
    def bits(samples, gain=1024):
        scaled = np.pad(samples * 2.0**15, ((0, 0), (1024, 1024)))
        frames = (scaled.shape[1] - 2048) // 2048
        sizes = [np.array([2048])] * frames
        found = mdct.forward(scaled[:, : frames * 2048 + 2048], np.concatenate(sizes), 0, 0)
        joint = len(samples) == 2
        angles = stereo.choose(found.reshape(2, frames, 1, 2048), 20) if joint else None
        settings = Settings(steps.Rule(7, 10, 8, gain), 20, joint=joint)
        return len(Packer(found, sizes, settings, tables, angles).pack(gain)[0])

    # The main channel is louder than either by half an octave.
    assert bits(np.concatenate([speech, speech])) < 1.25 * bits(speech)


def test_speech_is_told_from_music(tables, speech, music):
    assert Character().push(speech * 2.0**15) == 1
    assert Character().push(music * 2.0**15) < 0.5
    ((_, payload, _),) = encode(tables, speech, 24)
    assert payload[0] & 4
    ((_, payload, _),) = encode(tables, music, 24)
    assert not payload[0] & 4


def test_character_remembers_ten_seconds(speech, music):
    character = Character()
    character.push(speech * 2.0**15)
    assert character.push(music[:, :4096] * 2.0**15) > 0.5
    steady = np.tile(music * 2.0**15, 8)
    assert character.push(steady) < 0.5
    assert 0 <= Character().push(np.zeros((1, 100))) <= 1


@pytest.fixture(scope="module")
def lost(music):
    """Music in stereo, 6 s, with silence or hiss of -80 dB before it, after it or within."""
    hiss = 1e-5 * np.random.default_rng(0).standard_normal((2, 96000), np.float32)
    whole = np.tile(music, 4)
    return {
        "before": np.hstack([np.zeros_like(hiss), whole]),
        "within": np.hstack([whole[:, :100000], hiss, whole[:, 100000:]]),
        "after": np.hstack([whole, hiss]),
        "late": np.hstack([np.zeros((2, BLOCK * 2048 - 48000), np.float32), whole]),
    }


@pytest.mark.parametrize("where", ["before", "within", "after"])
def test_silence_and_gaps_do_not_make_music_speech(tables, lost, where):
    assert Character().push(lost[where] * 2.0**15) < 0.5
    ((_, payload, _),) = encode(tables, lost[where], 24)
    assert not payload[0] & 4


def test_gaps_in_other_blocks_do_not_make_music_speech(tables, lost):
    for _, payload, _ in encode(tables, lost["late"], 24):
        assert not payload[0] & 4


def test_pauses_are_a_part_of_speech(speech):
    """It is the same with a second of silence in it or around, and by what was before a gap."""
    for pause in (24000, 96000):
        silence = np.zeros((1, pause), np.float32)
        for samples in ([silence, speech, silence], [speech, silence, speech]):
            assert Character().push(np.hstack(samples) * 2.0**15) > 0.9
    character = Character()
    character.push(speech * 2.0**15)
    assert character.push(np.zeros((1, BLOCK * 2048))) > 0.9


def test_joint_stereo_only_where_it_saves_bits(tables, speech, music):
    def joint(samples, bitrate=64):
        ((_, payload, _),) = encode(tables, samples, bitrate)
        return bool(payload[0] & 2)

    length = 40000
    left, right = speech[:, 20000 : 20000 + length], music[:1, :length]
    assert joint(np.concatenate([left, 0.9 * left + 0.01 * right]))
    assert not joint(np.concatenate([left, right]))
    assert joint(np.concatenate([left, right]), 8)  # most is noise, which it puts where it was


def left_over_right(samples):
    """dB, with what is heard above 6 kHz."""
    found = mdct.dct4(samples[:, : samples.shape[1] // 2048 * 2048].reshape(2, -1, 2048))
    left, right = (found[..., 512:] ** 2).sum(axis=(1, 2))
    return 10 * np.log10(left / right)


@pytest.mark.parametrize("bitrate", [12, 64])
def test_sides_are_balanced_where_levels_are_coarse(tables, music, bitrate):
    block = encode(tables, music, bitrate)[0]
    coarse, joint, _, balanced = (bool(block.payload[0] >> bit & 1) for bit in range(4))
    assert joint and coarse == balanced == (bitrate == 12)


def test_sides_get_the_level_difference_that_they_had():
    """To 1 dB, where levels and angles say that both are as loud; in all sizes of blocks."""
    rng = np.random.default_rng(8)
    angles = np.full((2, 25), 8)
    for size in layout.SIZES:
        count = 2 * 2048 // size
        frames = np.arange(count) * size // 2048
        levels = np.full((count, 2, layout.LAYOUTS[size].bands), 48)
        original = np.copysign(3000, rng.standard_normal((count, 2, size)))
        decoded = np.copysign(2000, rng.standard_normal((count, 2, size)))
        original[:, 0] *= 1.5
        powers = sides.powers(original, size, levels.shape[2])
        told = sides.measure({size: powers}, {size: levels}, angles, {size: frames})
        assert told.shape == (2, 7) and (told[:, -3:] == 3).all()
        assert np.isin(told, [0, 3]).all()  # some bands are none of short blocks
        sides.balance(decoded, levels, angles, told, frames, size)
        start, end = (round(hertz / 24000 * size) for hertz in (3700, 5000))
        left, right = (decoded[..., start:end] ** 2).sum(axis=(0, 2))
        assert np.log2(left / right) == pytest.approx(1)
        assert left + right == pytest.approx(2 * count * (end - start) * 2000**2)
        silence = np.zeros((count, 2, size))
        sides.balance(silence, levels, angles, told, frames, size)
        assert not silence.any()


@pytest.mark.parametrize("bands", [0, 5, 13, 16, 25])
def test_a_second_decoder_reads_differences_of_the_sides_and_copies(tables, arrays, bands):
    rng = np.random.default_rng(9)
    found = rng.standard_normal((3, 3 * 2048)) * np.exp2(rng.uniform(0, 12, (3, 3 * 2048)))
    split = [np.array([512, 128, 128, 256, 1024]), np.array([2048]), np.array([1024, 1024])]
    switches = dict.fromkeys(["coarse", "joint", "noisy", "balanced"], True)
    settings = Settings(steps.Rule(7, 10, 8, 1300), bands, **switches, copied=11)
    packer = Packer(found, split, settings, tables, rng.integers(0, 32, (3, bands)))
    payload, _ = packer.pack(1500)
    assert_decoded_alike(payload, 3, 3, tables, arrays)


def test_only_joint_stereo_is_balanced(tables):
    settings = Settings(steps.Rule(7, 10, 8, 0), 25, balanced=True)
    with pytest.raises(ValueError, match="balanced"):
        Packer(np.zeros((2, 2048)), [np.array([2048])], settings, tables)
    with pytest.raises(FormatError, match="balanced sides without joint stereo"):
        unpack(settings.head(0), 2, 1, tables)


@pytest.mark.parametrize("size", [2048, 128])
def test_copies_have_the_pitch_of_what_is_below(size):
    rng = np.random.default_rng(10)
    one = layout.LAYOUTS[size]
    pitch = size // 128 * 2
    values = np.zeros((4, 2, len(one.band)))
    values[..., size // 128 : size // 8 : pitch] = 1000
    noise = np.copysign(30.0, rng.standard_normal(values.shape)) * (values == 0)
    mixed = copies.mix(noise, values, one, 12)
    assert not mixed[values != 0].any()
    start = size * 13 // 128
    np.testing.assert_array_equal(mixed[..., :start], noise[..., :start])
    high, before = mixed[..., start:], noise[..., start:]
    louder = (high**2).sum() / (before**2).sum()
    assert 0.7 < louder < 1.25
    assert (high[..., pitch:] * high[..., :-pitch]).mean() > 0.5 * (high**2).mean()
    assert abs((before[..., pitch:] * before[..., :-pitch]).mean()) < 0.1 * (before**2).mean()


def test_speech_of_few_bits_has_copies(speech):
    spectra = Spectra(np.pad(speech[:, :20480].astype(float) * 2**15, ((0, 0), (1024, 1024))))
    shares = [settings_for(bitrate, spectra, 1.0).copied for bitrate in (8, 12, 14, 16, 64)]
    assert shares == [10, 10, 5, 0, 0]
    assert settings_for(8, spectra, 0.0).copied == 0


def test_only_noise_of_speech_has_copies(tables):
    settings = Settings(steps.Rule(7, 10, 8, 0), 25, copied=1)
    with pytest.raises(FormatError, match="copies without noise of speech"):
        unpack(settings.head(0), 1, 1, tables)


@pytest.mark.parametrize("balance", [0.2, 0.5, 1.0])
def test_noise_is_as_loud_on_each_side_as_it_was(tables, balance):
    """Panned noise, far above what these bits can code, is noise at the same place."""
    rng = np.random.default_rng(5)
    noise = 0.1 * rng.standard_normal(2 * 48000)
    samples = np.stack([noise, balance * noise]).astype(np.float32)
    samples += 0.005 * rng.standard_normal(samples.shape).astype(np.float32)
    blocks = encode(tables, samples, 12)
    assert blocks[0].payload[0] & 2
    found = decode(tables, blocks, 2, samples.shape[1])
    assert left_over_right(found) == pytest.approx(left_over_right(samples), abs=1.0)


def test_angles_that_turn_left_and_right_to_one_channel():
    rng = np.random.default_rng(6)
    source = rng.standard_normal((1, 3, 1, 2048))
    expected = np.array([0, 3, 8, 16, 21, 31])
    for angle in expected:
        direction = np.pi / stereo.ANGLES * angle
        left, right = np.cos(direction) * source, np.sin(direction) * source
        angles = stereo.choose(1000 * np.concatenate([left, right]), 25)
        assert (angles % 16 == angle % 16).all()  # it may be the second channel that is silent
        turned = np.stack([left[0, :, 0], right[0, :, 0]], axis=1)
        stereo.turn(turned, angles, np.arange(3), 2048)
        assert np.abs(turned[..., :1700]).min(axis=1).max() < 1e-9
        stereo.turn(turned, angles, np.arange(3), 2048, back=True)
        np.testing.assert_allclose(turned[:, 1], right[0, :, 0], atol=1e-9)


def test_angles_of_silence_do_not_change():
    rng = np.random.default_rng(7)
    found = np.zeros((2, 6, 1, 2048))
    found[:, 2:4] = rng.standard_normal((2, 2, 1, 2048)) * 1000
    angles = stereo.choose(found, 25)
    assert (angles[0] == angles[1]).all() and (angles[4] == angles[5]).all()
    assert stereo.choose(found[:, :0], 25).shape == (0, 25)
    assert stereo.choose(found, 0).shape == (6, 0)


@pytest.mark.parametrize("length", [0, 1, 2047, 2048, 5000])
def test_any_length(tables, speech, length):
    samples = speech[:, 20000 : 20000 + length]
    blocks = encode(tables, samples, 64)
    assert sum(frames for frames, _, _ in blocks) == -(-length // 2048)
    assert decode(tables, blocks, 1, length).shape == (1, length)


def test_silence_costs_nothing(tables):
    blocks = encode(tables, np.zeros((1, 48000), np.float32), 64)
    assert sum(len(payload) for _, payload, _ in blocks) < 30
    assert not decode(tables, blocks, 1, 48000).any()


def test_extremes(tables):
    rng = np.random.default_rng(0)
    samples = np.sign(rng.standard_normal((1, 20000))).astype(np.float32)
    assert np.isfinite(decode(tables, encode(tables, samples, 192), 1, 20000)).all()


@pytest.mark.parametrize("bitrate", [24, 64, 192])
@pytest.mark.parametrize("loudness", [0.5, 1e-3])
def test_more_bits_than_a_tone_needs(tables, bitrate, loudness):
    """Steps must not become so fine that values are beyond what a file can say."""
    n = np.arange(48000)
    tone = loudness * np.sin(2 * np.pi * 440 / 48000 * n)
    clicks = np.where(n % 5000 == 2500, loudness, 0)
    chord = np.where(abs(n - 24000) < 9000, tone + np.roll(tone, 40), 0)
    for samples, least in (
        (tone, 40),
        (chord, 40),
        (np.convolve(clicks, np.hanning(9), "same"), 20),
    ):
        samples = samples[None].astype(np.float32)
        assert snr(samples, decode(tables, encode(tables, samples, bitrate), 1, 48000)) > least


def test_pieces_make_the_same_payloads(tables, speech):
    encoder = Encoder(tables, 1, 48)
    blocks = []
    for i in range(0, speech.shape[1], 7001):
        blocks += encoder.push(speech[:, i : i + 7001])
    assert blocks + encoder.finish() == encode(tables, speech, 48)


@pytest.fixture(scope="module")
def long(tables):
    samples = np.tile(load("speech-48k.flac", 4.2), (1, 6))[:, : int(21 * 48000)]
    blocks = encode(tables, samples, 24)
    return samples, blocks, decode(tables, blocks, 1, samples.shape[1])


def test_a_file_meets_its_bitrate(long):
    samples, blocks, _ = long
    assert [frames for frames, _, _ in blocks] == [BLOCK, BLOCK, 25]
    assert kbps(blocks, samples) == pytest.approx(24, rel=0.03)


@pytest.mark.parametrize("frames", [BLOCK + 1, BLOCK + 24])
def test_a_short_last_block_has_not_to_make_up_for_the_first(tables, frames):
    """Ten seconds are a block of 9.98 s and one frame."""
    n = np.arange(2048 * frames) / 48000
    noise = np.random.default_rng(0).standard_normal(len(n))
    samples = (0.1 * noise * (0.5 + 0.5 * np.sin(np.pi * n)))[None].astype(np.float32)
    blocks = encode(tables, samples, 64)
    assert [block.frames for block in blocks] == [BLOCK, frames - BLOCK]
    assert kbps(blocks, samples) == pytest.approx(64, rel=0.03)


@pytest.mark.parametrize("level", [0, 1e-4])
def test_silence_saves_nothing_for_later_but_a_fifth(tables, speech, level):
    """Of a block, whether it is digital silence or what estimates of bits know little about."""
    quiet = np.tile(level * speech, 4)[:, : 2048 * BLOCK]
    quiet = np.pad(quiet, ((0, 0), (0, 2048 * BLOCK - quiet.shape[1])))
    blocks = encode(tables, np.hstack([quiet, np.tile(speech, 3)]), 24)
    seconds = 2048 * blocks[1].frames / 48000
    assert 8 * len(blocks[1].payload) / seconds < 24000 * 1.3


def test_starting_in_the_middle(tables, long):
    _, blocks, whole = long
    decoder = Decoder(tables, 1, start=False)
    found = decoder.push(blocks[1][1], BLOCK)
    begin = BLOCK * 2048
    np.testing.assert_array_equal(found[:, 2048:], whole[:, begin + 1024 : 2 * begin - 1024])


def test_a_lost_block_fades_and_the_next_is_clean(tables, long):
    _, blocks, whole = long
    decoder = Decoder(tables, 1)
    parts = [decoder.push(None if i == 1 else p, f) for i, (f, p, _) in enumerate(blocks)]
    found = np.concatenate([*parts, decoder.finish()], axis=1)
    begin, end = BLOCK * 2048, 2 * BLOCK * 2048
    np.testing.assert_array_equal(found[:, : begin - 1024], whole[:, : begin - 1024])
    assert not found[:, begin + 1024 : end - 1024].any()
    last = found[:, end + 1024 : whole.shape[1]]
    np.testing.assert_array_equal(last, whole[:, end + 1024 :])


def test_damaged_payloads_are_errors_or_samples(tables, speech):
    ((frames, payload, _),) = encode(tables, speech[:, :30000], 48)
    source = random.Random(1)
    for _ in range(60):
        bad = bytearray(payload)
        for _ in range(source.randrange(1, 4)):
            bad[source.randrange(len(bad))] ^= 1 << source.randrange(8)
        bad = bytes(bad[: source.choice([len(bad), source.randrange(len(bad))])])
        try:
            found = Decoder(tables, 1).push(bad, frames)
        except FormatError:
            continue
        assert np.isfinite(found).all()


def test_payloads_of_noise(tables):
    source = np.random.default_rng(2)
    for size in [0, 1, 9, 10, 11, 30, 200, 2000]:
        noise = source.integers(0, 256, size, np.uint8).tobytes()
        for head in (b"", bytes([0, 25, 7, 10, 0, 0, 4, 8, 0, 0]), bytes([11, 25, 0, 0, 0, 0, 0])):
            try:
                assert np.isfinite(Decoder(tables, 2).push(head + noise, 4)).all()
            except FormatError:
                continue


def test_the_golden_payloads(tables):
    """What one machine wrote decodes to the same integers on every other."""
    expected = json.loads((DATA / "hifi" / "payloads.json").read_text())
    for name, (channels, frames, checksum) in expected.items():
        found = unpack((DATA / "hifi" / name).read_bytes(), channels, frames, tables)
        assert found.checksum == checksum, name


@pytest.fixture(scope="module")
def arrays():
    with np.load(io.BytesIO(find_transform().tables.load())) as archive:
        return {name: archive[name] for name in archive.files}


def assert_decoded_alike(payload, channels, frames, tables, arrays):
    """Integers and coefficients are those of a decoder written from the specification alone."""
    found = unpack(payload, channels, frames, tables)
    blocks = independent_hifi.decode(payload, channels, frames, arrays)
    assert [block.layout.size for block in blocks] == found.sizes.tolist()
    for block, values in zip(blocks, found.values, strict=True):
        assert block.values == values.tolist()
    expected = independent_hifi.coefficients(blocks, flags=payload[0])
    np.testing.assert_allclose(found.coefficients, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["mono.bin", "stereo.bin"])
def test_a_second_decoder_reads_the_golden_payloads(tables, arrays, name):
    channels, frames, _ = json.loads((DATA / "hifi" / "payloads.json").read_text())[name]
    payload = (DATA / "hifi" / name).read_bytes()
    assert_decoded_alike(payload, channels, frames, tables, arrays)


@pytest.mark.parametrize("bitrate", [12, 192])
def test_a_second_decoder_reads_what_is_written(tables, arrays, speech, bitrate):
    samples = 0.9 / np.abs(speech).max() * speech[:, 30000:38000]
    samples[:, 4000:] *= 1e-3
    ((frames, payload, _),) = encode(tables, samples, bitrate)
    assert_decoded_alike(payload, 1, frames, tables, arrays)


def test_a_second_decoder_reads_large_values_and_strange_rules(tables, arrays):
    rng = np.random.default_rng(3)
    found = rng.standard_normal((2, 2 * 2048)) * np.exp2(rng.uniform(-3, 14, (2, 2 * 2048)))
    sizes = [np.array([512, 128, 128, 256, 1024]), np.array([2048])]
    for coarse, slope, total, tilt in ((True, 16, 0, -128), (False, 0, 31, 127)):
        rule = steps.Rule(slope, total, tilt, 0)
        settings = Settings(rule, 25, coarse, joint=coarse, noisy=coarse)
        angles = rng.integers(0, 32, (2, 25)) if coarse else None
        packer = Packer(found, sizes, settings, tables, angles)
        payload, _ = packer.pack(700 if coarse else 400)
        assert_decoded_alike(payload, 2, 2, tables, arrays)


def test_the_same_without_constriction(tables, speech, monkeypatch):
    expected = encode(tables, speech[:, :20000], 32)
    monkeypatch.setattr(fixed, "constriction", None)
    ((frames, payload, checksum),) = encode(tables, speech[:, :20000], 32)
    assert [(frames, payload, checksum)] == expected
    assert unpack(payload, 1, frames, tables).checksum == checksum


@pytest.mark.parametrize("content", [b"", b"PK", bytes(range(100))], ids=["empty", "zip", "bytes"])
def test_tables_that_are_none(content):
    with pytest.raises(ModelError):
        Tables(content)
