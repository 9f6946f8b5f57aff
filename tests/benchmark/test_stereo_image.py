"""The stereo image, of sources whose place and width are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.stereo import RANGES, image

RATE = 48000
NAMES = ["0.2-2", "2-6", "6-12", "12-18"]


def white(seed: int = 0, seconds: float = 2) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=round(seconds * RATE))


def panned(x: np.ndarray, decibel: float) -> np.ndarray:
    """A source so many dB louder on the left than on the right."""
    return np.stack([x, x * 10 ** (-decibel / 20)], axis=1)


def test_what_is_the_same_has_no_error():
    x = np.stack([white(0), white(1)], axis=1)
    found = image(x, x, RATE)
    assert list(found) == NAMES and len(RANGES) == 4
    for of_range in found.values():
        assert of_range.level == of_range.coherence == of_range.wider == 0


@pytest.mark.parametrize("decibel", [-12, -3, 6])
def test_a_source_that_moves(decibel):
    """From the centre to one side: the level is off by as many dB, and it is as narrow."""
    found = image(panned(white(), 0), panned(white(), decibel), RATE)
    for of_range in found.values():
        assert of_range.level == pytest.approx(abs(decibel), abs=1e-3)
        assert of_range.coherence == pytest.approx(0, abs=1e-6)


def test_a_gain_of_both_channels_moves_nothing():
    x = panned(white(), 4)
    for of_range in image(x, 0.25 * x, RATE).values():
        assert of_range.level == pytest.approx(0, abs=1e-3)


def test_one_side_only_is_as_far_as_can_be():
    x = panned(white(), 0)
    for of_range in image(x, x * [1, 0], RATE).values():
        assert of_range.level == pytest.approx(30, abs=1e-3)


def test_width():
    """Noise that both sides share has coherence 1; of each its own, hardly any."""
    narrow, wide = panned(white(), 0), np.stack([white(0), white(1)], axis=1)
    wider, narrower = image(narrow, wide, RATE), image(wide, narrow, RATE)
    for name in NAMES[1:]:  # bands are wide enough there for two noises to differ
        assert 0.75 < wider[name].wider <= 1
        assert wider[name].coherence == pytest.approx(wider[name].wider)
        assert narrower[name].wider == pytest.approx(-narrower[name].coherence)
        assert wider[name].wider == pytest.approx(narrower[name].coherence, abs=0.1)


def test_half_shared_noise_has_half_the_coherence():
    """Equal powers of a shared and an own part: coherence 1/2."""
    shared, own = white(0), (white(1), white(2))
    half = np.stack([shared + own[0], shared + own[1]], axis=1)
    found = image(panned(shared, 0), half, RATE)
    assert found["6-12"].wider == pytest.approx(0.5, abs=0.06)
    assert found["12-18"].wider == pytest.approx(0.5, abs=0.06)


def test_out_of_phase_is_coherent():
    x = white()
    for of_range in image(panned(x, 0), np.stack([x, -x], axis=1), RATE).values():
        assert of_range.coherence == pytest.approx(0, abs=1e-6)


def test_only_the_range_that_changed_has_an_error():
    """A tone of 4 kHz moves among others that stay."""
    t = np.arange(2 * RATE) / RATE
    low, middle, high = (np.sin(2 * np.pi * hz * t) for hz in (500, 4000, 9000))
    before = panned(low + middle + high, 0)
    after = panned(low + high, 0) + panned(middle, 10)
    found = image(before, after, RATE)
    assert found["2-6"].level > 5
    assert found["0.2-2"].level < 0.5 and found["6-12"].level < 0.5


def test_ranges_that_a_rate_does_not_have():
    x = panned(white()[:16000], 0)
    assert list(image(x, x, 8000)) == ["0.2-2"]
    assert list(image(x, x, 16000)) == ["0.2-2", "2-6"]


def test_silence_has_no_image():
    x = np.zeros((RATE, 2))
    assert image(x, x, RATE) == {}
