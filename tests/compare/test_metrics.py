"""The numbers that say how far a decoded signal is from its original."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile

from support import signals
from support.signals import low_pass, noise
from vauxio.compare import metrics

RATE = 24000


@pytest.fixture
def voice() -> np.ndarray:
    return signals.voice(2 * RATE, RATE)[:, 0]


@pytest.fixture
def recorded(speech) -> np.ndarray:
    return soundfile.read(speech, dtype="float32")[0]


def without_phase(x: np.ndarray) -> np.ndarray:
    """The same spectrogram, roughly, and nothing left of the waveform: as a vocoder does it."""
    window, hop = 512, 128
    hann = np.hanning(window)
    rng = np.random.default_rng(1)
    out = np.zeros(len(x))
    for i in range(0, len(x) - window, hop):
        size = np.abs(np.fft.rfft(x[i : i + window] * hann))
        phase = np.exp(2j * np.pi * rng.random(len(size)))
        out[i : i + window] += np.fft.irfft(size * phase) * hann
    return out


# SI-SDR


@pytest.mark.parametrize("decibel", [-10, 0, 20, 60])
def test_si_sdr_is_the_ratio_of_signal_to_what_is_orthogonal_to_it(voice, decibel):
    voice = voice.astype(float)
    rest = noise(voice).astype(float)
    rest -= (rest @ voice) / (voice @ voice) * voice
    rest *= np.sqrt((voice @ voice) / (rest @ rest)) * 10 ** (-decibel / 20)
    assert metrics.si_sdr(voice, voice + rest) == pytest.approx(decibel, abs=1e-6)
    assert metrics.si_sdr(voice, 0.3 * (voice + rest)) == pytest.approx(decibel, abs=1e-6)


def test_si_sdr_at_its_ends(voice):
    assert metrics.si_sdr(voice, voice) == 100
    assert metrics.si_sdr(voice, 0 * voice) == -100
    assert math.isnan(metrics.si_sdr(0 * voice, voice))


# mel distance


def test_mel_distance_of_a_gain_is_the_gain(recorded):
    loud = recorded + 0.01 * noise(recorded)  # no band under the floor
    for decibel in (-6, 3):
        other = loud * 10 ** (decibel / 20)
        assert metrics.mel_distance(loud, other, 48000) == pytest.approx(abs(decibel), abs=0.01)


def test_mel_distance_ignores_what_lies_80_db_down(voice):
    assert metrics.mel_distance(voice, voice, RATE) == 0
    hiss = noise(voice)
    assert metrics.mel_distance(voice, voice + 1e-7 * hiss, RATE) < 0.05
    assert metrics.mel_distance(voice, voice + 1e-2 * hiss, RATE) > 1


def test_mel_distance_hears_missing_treble(recorded):
    distances = [
        metrics.mel_distance(recorded, low_pass(recorded, 48000, cutoff), 48000)
        for cutoff in (16000, 8000, 4000)
    ]
    assert 0 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("samples", [1, 100, 5000])
@pytest.mark.parametrize("samplerate", [8000, 44100, 192000])
def test_mel_distance_of_silence_and_of_few_samples(samples, samplerate):
    silence = np.zeros(samples)
    assert metrics.mel_distance(silence, silence, samplerate) == 0
    assert metrics.mel_distance(silence, silence + 0.1, samplerate) >= (samples > 1) * 0.1


def test_mel_bands_cover_every_frequency():
    for window, samplerate in ((128, 16000), (512, 48000), (4096, 44100)):
        bands = metrics._mel_bands(window, samplerate)
        assert bands.shape == (window // 2 + 1, window // 16)
        assert (bands.sum(axis=0) > 0).all()  # no band without a bin
        assert (bands.sum(axis=1)[1:-1] > 0).all()  # no bin without a band


# lag


@pytest.mark.parametrize("lag", [0, 1, -1, 311, -2000, 11999, -9000])
def test_lag_of_a_waveform_is_exact(recorded, lag):
    x = recorded[48000:144000]
    moved = recorded[48000 - lag : 144000 - lag]
    moved = 0.3 * moved + 0.002 * noise(moved)
    assert metrics.find_lag(x, moved, 48000) == lag


@pytest.mark.parametrize("lag", [0, 480, -960])
def test_lag_of_a_vocoder_is_found_by_its_spectrogram(recorded, lag):
    x = recorded[48000:144000]
    moved = without_phase(recorded)[48000 - lag : 144000 - lag]
    assert metrics.find_lag(x, moved, 48000) == pytest.approx(lag, abs=48)


def test_no_lag_without_a_reason():
    a = noise(np.empty(48000))
    assert metrics.find_lag(a, noise(a, 1), 48000) == 0
    assert metrics.find_lag(0 * a, a, 48000) == 0
    assert metrics.find_lag(a, 0 * a, 48000) == 0
    assert metrics.find_lag(a[:0], a, 48000) == metrics.find_lag(a, a[:0], 48000) == 0
    assert metrics.find_lag(a[:5], a[5:9], 48000) in range(-5, 6)


def test_align_moves_and_fits():
    x = np.arange(1.0, 6.0)
    assert metrics.align(x, 0, 5).tolist() == [1, 2, 3, 4, 5]
    assert metrics.align(x, 2, 5).tolist() == [3, 4, 5, 0, 0]
    assert metrics.align(x, -2, 5).tolist() == [0, 0, 1, 2, 3]
    assert metrics.align(x, 9, 3).tolist() == [0, 0, 0]
    assert metrics.align(x, 0, 2).tolist() == [1, 2]


def test_level_difference(voice):
    assert metrics.level_difference(voice, 2 * voice) == pytest.approx(20 * math.log10(2))
    assert metrics.level_difference(0 * voice, 0 * voice) == 0
