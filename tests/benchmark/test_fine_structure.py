"""Fine structure: what tells a tone from noise of the same level, and a voice from its whisper."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra 'bench'")

from benchmarks.quality import fine_structure as fine

RATE = 24000


def partials(seconds: float = 3.0) -> np.ndarray:
    """Of 200 Hz, up to 10 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    return 0.02 * sum(np.cos(2 * np.pi * f * t + f) for f in range(200, 10000, 200))


def noise_instead(x: np.ndarray, above: float) -> np.ndarray:
    """The same spectrum over time, but above `above` Hz every phase of it is drawn."""
    spectrum = np.fft.rfft(x)
    first = round(above * len(x) / RATE)
    rng = np.random.default_rng(0)
    level = np.sqrt(np.convolve(np.abs(spectrum) ** 2, np.ones(1201) / 1201, "same"))
    drawn = rng.normal(size=(2, len(spectrum) - first)) / np.sqrt(2)
    spectrum[first:] = level[first:] * (drawn[0] + 1j * drawn[1])
    return np.fft.irfft(spectrum, len(x))


def test_tones_that_are_the_same():
    x = partials()
    found = fine.tones(x, x, RATE)
    assert set(found) == {"2.4-4.8", "4.8-9.6"}
    for band in found.values():
        assert band.distance == 0 and band.shape == pytest.approx(1)


def test_levels_do_not_count():
    x = partials()
    for band in fine.tones(x, 0.1 * x, RATE).values():
        assert band.distance < 0.1 and band.shape == pytest.approx(1, abs=1e-3)


def test_tones_at_other_frequencies_are_tonal_and_of_another_shape():
    t = np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(0).normal(size=len(t))
    a, b = (
        1e-4 * noise + 0.02 * sum(np.cos(2 * np.pi * f * t + f) for f in range(first, 10000, 200))
        for first in (260, 340)
    )
    moved, drowned = fine.tones(a, b, RATE), fine.tones(a, noise, RATE)
    for band in moved:
        assert moved[band].shape < 0 and moved[band].distance < drowned[band].distance / 2


def test_noise_lacks_all_of_the_tonality():
    """A tone 60 dB over a floor of noise: the louder the noise, the further off; noise elsewhere
    changes nothing."""
    t = np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(0).normal(size=len(t))
    tone = np.cos(2 * np.pi * 3500 * t) + 1e-3 * noise
    off = [fine.tones(tone, tone + level * noise, RATE)["2.4-4.8"] for level in (0, 0.01, 0.1, 1)]
    assert [round(band.distance) for band in off] == sorted({round(b.distance) for b in off})
    assert off[0].distance == 0 and off[-1].distance > 30
    assert off[-1].shape < off[1].shape
    low = np.sin(2 * np.pi * 500 * t)
    assert fine.tones(tone, tone + low, RATE)["2.4-4.8"].distance < 0.1


def test_noise_in_place_of_tones():
    x = partials()
    found = fine.tones(x, noise_instead(x, 4800), RATE)
    assert found["2.4-4.8"].distance < 1 and found["2.4-4.8"].shape > 0.95
    assert found["4.8-9.6"].distance > 5 and found["4.8-9.6"].shape < 0.3


def test_noise_has_no_tones():
    x = np.random.default_rng(0).normal(size=3 * RATE)
    found = fine.tones(x, partials(), RATE)
    assert all(band.shape < 0.3 for band in found.values())


def test_pulses():
    """A buzz of 125 Hz, and noise of the same spectrum."""
    x = np.zeros(3 * RATE)
    x[:: RATE // 125] = 1.0
    x += 0.05 * np.sin(2 * np.pi * 125 * np.arange(len(x)) / RATE)
    same, other = fine.pulses(x, x, RATE), fine.pulses(x, noise_instead(x, 2000), RATE)
    for band in ("2.4-4.8", "4.8-8"):
        assert same[band] > 0.9 and other[band] < 0.35


def test_a_whisper_has_no_pulses():
    """White noise, where the original is a voice: its envelope is of another moment."""
    x = np.zeros(3 * RATE)
    x[:: RATE // 125] = 1.0
    x += 0.05 * np.sin(2 * np.pi * 125 * np.arange(len(x)) / RATE)
    found = fine.pulses(x, np.random.default_rng(0).normal(size=len(x)), RATE)
    assert all(abs(value) < 0.1 for value in found.values()) and len(found) == 2


@pytest.mark.parametrize("hop", [4, 5])
def test_pulses_of_another_pitch_are_not_those_of_the_voice(hop):
    """Pulses at 125 Hz and at 5/4 of that: periods of 192 and 153.6 samples, or 240."""
    x, other = np.zeros(3 * RATE), np.zeros(3 * RATE)
    x[:: RATE // 125] = 1.0
    other[:: 192 * hop // 4 + (hop == 4) * 48] = 1.0
    x += 0.05 * np.sin(2 * np.pi * 125 * np.arange(len(x)) / RATE)
    assert all(value < 0.3 for value in fine.pulses(x, other, RATE).values())


def test_no_voice_has_no_pulses():
    assert fine.pulses(np.zeros(RATE), np.zeros(RATE), RATE) == {}


def test_bands_that_a_rate_does_not_have():
    x = partials()[::3]
    assert fine.tones(x, x, 8000) == {} and fine.pulses(x, x, 8000) == {}


def test_comb():
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=5 * RATE)
    t = np.arange(len(noise)) / RATE
    lines = 0.0005 * sum(np.cos(2 * np.pi * 75 * k * t + k**2) for k in range(7, 90))
    assert abs(fine.comb(noise, RATE)) < 0.5 < 3 < fine.comb(noise + lines, RATE)
    assert fine.comb(np.zeros(5 * RATE), RATE) is None
