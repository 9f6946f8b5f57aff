"""In a browser, sample rates are converted as they are elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from vauxio.audio.resample import Resampler

NEAR = 2e-5
HALVED = 1e-3  # libsoxr's filter that halves rates is not this one, as its beginning shows

CONVERT = """
  const { Resampler } = await import('/web/src/codec/resampler.js');
  const [from, to, samples, frames, start] = argument;
  const input = Float32Array.from(samples), own = new Resampler(from, to, 1, start);
  const parts = [];
  for (let at = own.first; at < input.length; at += 1000) {
    parts.push(own.push([input.subarray(at, at + 1000)])[0]);
  }
  parts.push(own.finish(frames)[0]);
  return parts.flatMap((part) => Array.from(part));
"""


@pytest.mark.parametrize("start", [0, 1111])
@pytest.mark.parametrize(
    "rates",
    [(24000, 44100), (48000, 44100), (24000, 22050), (24000, 16000), (24000, 8000),
     (24000, 48000), (44100, 24000), (44100, 48000), (11025, 24000), (96000, 24000),
     (24000, 14000), (24000, 23999)],
    ids=str,
)  # fmt: skip
def test_any_rate(run, rates, start):
    """Noise that begins and ends at once, which has all frequencies."""
    samples = np.random.default_rng(1).uniform(-0.3, 0.3, 12000).astype(np.float32)
    frames = -(-len(samples) * rates[1] // rates[0])
    resampler = Resampler(*rates, 1)
    expected = np.concatenate([resampler.push(samples[:, None]), resampler.finish(frames)])[:, 0]
    found = run(CONVERT, [*rates, samples.tolist(), frames, start])
    assert len(found) == frames - start
    off = np.abs(found - expected[start:])
    assert off[100:].max() < NEAR and off.max() < (HALVED if rates[0] >= 4 * rates[1] else NEAR)
