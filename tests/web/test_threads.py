"""Threads, where a page is cross-origin isolated: the same sound, and without them elsewhere."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import DATA

DECODE = """async ([module, more]) => {
  const { VauxDecoder, VauxDecoderWebWorker } = await import(module);
  const Decoder = more.worker ? VauxDecoderWebWorker : VauxDecoder;
  const decoder = new Decoder({ models: '/weights/', runtime: '/runtime/', ...more });
  const { channelData } = await decoder.decodeFile('/made/threads.vx');
  await decoder.free();
  return { isolated: crossOriginIsolated,
    threads: (await import('/runtime/ort.wasm.min.mjs')).env.wasm.numThreads,
    samples: btoa(String.fromCharCode(...new Uint8Array(channelData[0].buffer))) };
}"""


@pytest.mark.parametrize(
    ("isolated", "worker", "threads"),
    [(True, False, 2), (True, True, 2), (True, False, None), (False, False, None),
     (False, True, 2)],
)  # fmt: skip
def test_threads(browser, site, made, isolated, worker, threads):
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    vauxio.write(made / "threads.vx", speech[: rate // 2 : 2], rate // 2, bitrate=3)
    expected, _ = vauxio.read(made / "threads.vx")
    more = {"worker": worker} | ({"threads": threads} if threads else {})
    site.isolated = isolated
    page = browser.new_page()
    try:
        page.goto(site.address)
        found = page.evaluate(DECODE, ["/web/dist/index.js", more])
        cores = page.evaluate("navigator.hardwareConcurrency")
    finally:
        site.isolated = False
        page.close()
    samples = np.frombuffer(base64.b64decode(found["samples"]), "<f4")
    assert found["isolated"] == isolated
    assert np.abs(samples - expected).max() < 1e-4
    if not worker:  # whose copy of ONNX Runtime has its own
        assert found["threads"] == (threads or (min(4, cores) if isolated else 1))
