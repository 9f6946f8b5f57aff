"""A page loads the scripts for what it does, and no others."""

from __future__ import annotations

import pytest
import soundfile

import vauxio
from support.paths import DATA, ROOT

DECODE = """async () => {
  const { VauxDecoderWebWorker } = await import('/web/dist/index.js');
  const decoder = new VauxDecoderWebWorker({ models: '/weights/', runtime: '/runtime/' });
  await decoder.decodeFile('/made/scripts.vx');
  await decoder.free();
}"""
ENCODE = """async () => {
  const { VauxEncoderWebWorker } = await import('/web/dist/encode.js');
  const encoder = new VauxEncoderWebWorker({ models: '/weights/', runtime: '/runtime/' });
  const channelData = [new Float32Array(9600)];
  await encoder.encode({ channelData, sampleRate: 48000 }, { bitrate: 9 });
  await encoder.free();
}"""


@pytest.mark.parametrize(
    ("what", "more", "other", "most"),
    [(DECODE, "vaux-player.js", "encoder-", 102_000), (ENCODE, "encode.js", "decoder-", 70_000)],
    ids=["play", "encode"],
)
def test_scripts(browser, site, made, what, more, other, most):
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    vauxio.write(made / "scripts.vx", speech[: rate // 2], rate, bitrate=24)  # the most scripts
    page = browser.new_page()
    try:
        page.goto(site.address)
        site.asked.clear()
        page.evaluate(what)
    finally:
        page.close()
    loaded = {path.lstrip("/") for path, _ in site.asked if path.startswith("/web/dist/")}
    assert "web/dist/worker.js" in loaded
    assert not [name for name in loaded if other in name]
    loaded.add(f"web/dist/{more}")
    assert sum((ROOT / name).stat().st_size for name in loaded) < most
