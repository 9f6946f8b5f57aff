"""Music told from speech by the beginning of a signal."""

import numpy as np
import pytest
import soundfile

from support.paths import DATA
from vauxio.codec.music import beginning, hear, is_music


def load(name: str) -> tuple[np.ndarray, int]:
    return soundfile.read(DATA / name, always_2d=True, dtype="float32")


@pytest.fixture(scope="module")
def music() -> tuple[np.ndarray, int]:
    """4.8 s."""
    data, rate = load("music-44k-stereo.flac")
    return np.tile(data, (3, 1)), rate


@pytest.mark.parametrize("gain", [1, 0.01])
def test_music_and_speech(music, gain):
    data, rate = music
    assert is_music(gain * data, rate) and is_music(gain * data[:, :1], rate)
    for name in ("speech-16k.flac", "speech-48k.flac"):
        data, rate = load(name)
        assert not is_music(gain * data, rate)


def test_silence_and_what_is_short_are_not_music(music):
    data, rate = music
    assert not is_music(np.zeros_like(data), rate)
    assert is_music(data[: 3 * rate], rate)
    for frames in (0, 1, 100, rate, int(2.9 * rate)):
        assert not is_music(data[:frames], rate)


@pytest.mark.parametrize("name", ["music-44k-stereo.flac", "speech-48k.flac"])
def test_silence_around_it_says_nothing(name):
    data, rate = load(name)
    data = np.tile(data, (3, 1))[: 4 * rate]
    hiss = 1e-4 * np.random.default_rng(0).standard_normal((rate, data.shape[1]))
    silence = 0 * hiss
    for before, after in ((silence, silence), (hiss, silence[:0]), (silence[: rate // 3], hiss)):
        around = np.concatenate([before, data, after]).astype(np.float32)
        assert is_music(around, rate) == name.startswith("music")


def beats(rise: float, fall: float, rate: int, regular: bool = False) -> np.ndarray:
    """About 6 s of noise that comes and goes; how long it takes to do so, in seconds."""
    rng = np.random.default_rng(0)
    parts = []
    for seconds in np.full(10, 0.6) if regular else rng.uniform(0.4, 0.9, 10):
        at = np.arange(int(seconds * rate)) / rate
        envelope = np.exp(np.where(at < 0.2, (at - 0.2) / rise, (0.2 - at) / fall))
        parts.append(0.1 * envelope * rng.standard_normal(len(at)))
    return np.concatenate(parts).astype(np.float32)[:, None]


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_drums_rise_faster_than_they_fall(rate):
    assert is_music(beats(0.001, 0.1, rate), rate)
    assert not is_music(beats(0.05, 0.05, rate), rate)
    assert not is_music(beats(0.1, 0.001, rate), rate)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("fall", [0.003, 0.01, 0.03])
def test_dry_drums_are_shorter_than_syllables(rate, fall):
    assert is_music(beats(0.001, fall, rate), rate)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_drum_machines_are_regular(rate):
    """Sounds as long as syllables, of which the loudness rises as slowly as it falls."""
    assert is_music(beats(0.05, 0.05, rate, regular=True), rate)
    assert not is_music(beats(0.05, 0.05, rate), rate)


def test_a_few_clicks_do_not_make_a_voice_music():
    data, rate = load("speech-48k.flac")
    data = np.tile(0.02 * data, (2, 1))
    data[rate // 2 :: rate] = 1
    assert not is_music(data, rate)
    data[rate // 4 :: rate // 4] = 1  # then they are what is heard
    assert is_music(data, rate)


def test_gaps_say_nothing(music):
    data, rate = music
    gap = np.zeros((2 * rate, data.shape[1]), np.float32)
    assert is_music(np.concatenate([data, gap, data]), rate)
    data, rate = load("speech-48k.flac")
    assert not is_music(np.concatenate([data, np.zeros((2 * rate, 1), np.float32), data]), rate)


def test_only_the_beginning_counts(music):
    data, rate = music
    data = np.tile(data, (4, 1))
    heard = beginning(rate, 2)
    assert heard == 10 * rate < len(data)
    assert is_music(np.concatenate([data[:heard], np.zeros_like(data)]), rate)
    assert not is_music(np.concatenate([np.zeros_like(data[:heard]), data]), rate)


@pytest.mark.parametrize(
    ("rate", "channels"), [(1000, 1), (48000, 1), (48000, 32), (768000, 1), (768000, 32)]
)
def test_what_is_heard_is_bounded(rate, channels):
    assert 0 < beginning(rate, channels) <= 10 * rate
    assert beginning(rate, channels) * channels * 4 <= 1 << 25
    if rate <= 48000:
        assert beginning(rate, channels) >= 5 * rate


@pytest.mark.parametrize("size", [4410, 1 << 16, 1 << 20])
def test_blocks_come_again_as_they_were(music, size):
    data, rate = np.tile(music[0], (3, 1)), music[1]
    taken = []

    def blocks():
        for i in range(0, len(data), size):
            taken.append(i)
            yield data[i : i + size]

    found, again = hear(blocks(), rate, 2)
    assert found and len(taken) == -(-beginning(rate, 2) // size)
    np.testing.assert_array_equal(np.concatenate(list(again)), data)


def test_no_blocks():
    found, again = hear([], 48000, 1)
    assert not found and not list(again)
