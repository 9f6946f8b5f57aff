"""Change of rate in live streams: soxr's filters, without its blocks."""

from __future__ import annotations

import numpy as np
import pytest

from support.signals import voice
from vauxio.audio.live_resample import LiveResampler
from vauxio.audio.resample import Resampler

RATIOS = [(48000, 24000), (44100, 24000), (8000, 24000), (24000, 44100), (24000, 16000),
          (192000, 24000), (44101, 24000), (24000, 44101)]  # fmt: skip


def through(resampler, data, size):
    out = [resampler.push(data[i : i + size]) for i in range(0, len(data), size)]
    return np.concatenate([*out, resampler.finish()])


@pytest.mark.parametrize(("in_rate", "out_rate"), RATIOS)
def test_as_files_are_resampled(in_rate, out_rate):
    data = voice(in_rate // 5, in_rate, 2)
    data[:100] *= np.linspace(0, 1, 100)[:, None] ** 2  # soxr has another way to begin
    frames = -(-len(data) * out_rate // in_rate)
    expected = Resampler(in_rate, out_rate, 2)
    expected = np.concatenate([expected.push(data), expected.finish(frames)])[:frames]
    heard = through(LiveResampler(in_rate, out_rate, 2), data, 1000)
    assert heard.shape == expected.shape
    # Where the ratio has large terms, soxr's filters are not those for any other.
    assert np.abs(heard - expected)[20:].max() < (1e-5 if in_rate % 100 + out_rate % 100 == 0
                                                  else 3e-4)  # fmt: skip


@pytest.mark.parametrize(("in_rate", "out_rate"), RATIOS)
def test_pushes_do_not_matter(in_rate, out_rate):
    data = voice(in_rate // 20, in_rate)
    expected = through(LiveResampler(in_rate, out_rate, 1), data, len(data))
    for size in (1, 97):
        assert np.array_equal(through(LiveResampler(in_rate, out_rate, 1), data, size), expected)


@pytest.mark.parametrize(("in_rate", "out_rate"), RATIOS)
def test_the_delay_is_as_stated(in_rate, out_rate):
    resampler = LiveResampler(in_rate, out_rate, 1)
    worst, given = 0.0, 0
    for pushed in range(1, in_rate // 20):
        given += len(resampler.push(np.zeros((1, 1), np.float32)))
        assert given == resampler.ready(pushed)
        worst = max(worst, pushed / in_rate - given / out_rate)
    assert worst == pytest.approx(resampler.delay, abs=1.5 / min(in_rate, out_rate))
    assert resampler.delay <= 0.0041 * max(1, 24000 / min(in_rate, out_rate))


def test_copies_go_on_on_their_own():
    data = voice(3000, 44100)
    resampler = LiveResampler(44100, 24000, 1)
    begun = resampler.push(data[:1500])
    other = resampler.copy()
    other.push(np.ones((500, 1), np.float32))
    whole = np.concatenate([begun, through(resampler, data[1500:], 100)])
    assert np.array_equal(whole, through(LiveResampler(44100, 24000, 1), data, 3000))
