"""Conversion of the sample rate: exact lengths, any pushes, any start, no drift."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr

from vauxio.audio.resample import Resampler

RATES = [(24000, 44100), (44100, 24000), (24000, 8000), (192000, 24000), (24000, 11025),
         (24000, 44101), (8001, 24000), (24000, 48000), (24000, 24000)]  # fmt: skip


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (frames, channels)).astype(np.float32)


def resample(frames: np.ndarray, in_rate: int, out_rate: int, sizes: list[int]) -> np.ndarray:
    resampler = Resampler(in_rate, out_rate, frames.shape[1])
    parts, at, turn = [], 0, 0
    while at < len(frames):
        size = sizes[turn % len(sizes)]
        parts.append(resampler.push(frames[at : at + size]))
        at, turn = at + size, turn + 1
    parts.append(resampler.finish(math.ceil(len(frames) * out_rate / in_rate)))
    return np.concatenate(parts)


@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_resampler_agrees_with_soxr(in_rate, out_rate):
    frames = noise(in_rate * 11, 2)
    out = resample(frames, in_rate, out_rate, [in_rate])
    expected = soxr.resample(frames, in_rate, out_rate)
    assert len(out) == math.ceil(len(frames) * out_rate / in_rate)
    assert np.abs(out[: len(expected)] - expected[: len(out)]).max() < 1e-4


@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_resampler_does_not_depend_on_the_size_of_pushes(in_rate, out_rate):
    frames = noise(in_rate * 9 + 123, 2)
    whole = resample(frames, in_rate, out_rate, [len(frames)])
    assert np.array_equal(whole, resample(frames, in_rate, out_rate, [1000, 1, 7, 50000]))


@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_resampler_starts_anywhere(in_rate, out_rate):
    frames = noise(in_rate * 14)
    whole = resample(frames, in_rate, out_rate, [in_rate])
    for start in (0, 1, out_rate // 3, 4 * out_rate - 1, 4 * out_rate, 5 * out_rate + 17,
                  len(whole) - 1):  # fmt: skip
        resampler = Resampler(in_rate, out_rate, 1, start)
        assert 0 <= resampler.first <= start * in_rate // out_rate
        assert start * in_rate // out_rate - resampler.first <= 2 * in_rate
        out = np.concatenate(
            [resampler.push(frames[resampler.first :]), resampler.finish(len(whole))]
        )
        assert len(out) == len(whole) - start
        assert np.abs(out - whole[start:]).max() < 1e-5
        settled = -(-start // (11 * out_rate)) * 11 * out_rate
        assert np.array_equal(out[settled - start :], whole[settled:])


@pytest.mark.parametrize("frames", [0, 1, 2, 319, 320, 321])
@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_resampler_lengths(in_rate, out_rate, frames):
    out = resample(noise(frames), in_rate, out_rate, [100])
    assert out.shape == (math.ceil(frames * out_rate / in_rate), 1) and out.dtype == np.float32


def test_resampler_does_not_drift():
    """An hour on, a coprime ratio is still where it should be."""
    in_rate, out_rate = 24000, 44101
    second = noise(in_rate)
    resampler, given = Resampler(in_rate, out_rate, 1), 0
    for _ in range(3600):
        late = resampler.push(second)
        given += len(late)
    settled = resample(np.tile(second, (4, 1)), in_rate, out_rate, [in_rate])[out_rate:]
    expected = settled[(given - len(late)) % out_rate :][: len(late)]
    assert np.abs(late - expected).max() < 1e-3
