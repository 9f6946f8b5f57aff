"""The drop zone of the page for listening: a recording is encoded there, and played."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import soundfile

import vauxio
from support.browser import faults
from support.paths import DATA, ROOT

from .conftest import WEB

DROP = """async ([name, address]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([await (await fetch(address)).arrayBuffer()], name));
  document.getElementById('own-file').dispatchEvent(
    new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def zone(page, site, made):
    folder = made / "listen"
    if not folder.exists():
        folder.mkdir()
        for name, target in {
            "own-file.js": ROOT / "docs" / "own-file.js",
            "vauxio": WEB / "dist",
            "weights": ROOT / "weights",
            "onnxruntime-web": WEB / "node_modules" / "onnxruntime-web" / "dist",
        }.items():
            (folder / name).symlink_to(target)
        text = (ROOT / "docs" / "listen.md").read_text(encoding="utf-8")
        part = re.search(r'<div id="own-file">.*?</script>', text, re.S)[0]
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Listen</title>'
        (folder / "page.html").write_text(head + part, encoding="utf-8")
    page.goto(f"{site.address}/made/listen/page.html")
    return page.locator("#own-file")


def test_a_recording(page, zone, made):
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    soundfile.write(made / "speech.wav", speech[: 2 * rate], rate)
    zone.get_by_label("Choose").set_input_files(made / "speech.wav")
    zone.get_by_text("Encoded in").wait_for()
    told = zone.get_by_role("status").inner_text()
    assert re.match(r"\d\.\d kB instead of 192\.0 kB: \d\.\d kbps\. Encoded in", told)
    player = zone.locator("vaux-player")
    assert player.get_by_text("speech.wav").is_visible()
    player.get_by_role("button", name="Play").click()
    playing = "() => document.querySelector('vaux-player').currentTime > 0.3"
    page.wait_for_function(playing)
    assert faults(page) == []
    assert zone.get_by_label("Original").evaluate("(audio) => audio.src.startsWith('blob:')")
    with page.expect_download() as download:
        zone.get_by_text("Save speech.vx").click()
    saved = download.value.path().read_bytes()
    decoded, found_rate = vauxio.read(io.BytesIO(saved))
    assert (len(decoded), found_rate) == (2 * rate, rate)
    assert vauxio.info(io.BytesIO(saved)).tags == {"title": "speech.wav"}
    # Another bitrate encodes it again.
    zone.get_by_label("Bitrate").select_option("1.5")
    zone.get_by_text("Encoded in").wait_for()  # no longer what was said before
    with page.expect_download() as download:
        zone.get_by_text("Save speech.vx").click()
    assert download.value.path().stat().st_size < len(saved) / 2


def test_files_that_are_dropped(page, zone, made):
    vauxio.write(made / "dropped.vx", np.zeros(24000, np.float32), 24000, bitrate=1.5)
    page.evaluate(DROP, ["dropped.vx", "/made/dropped.vx"])
    page.wait_for_function("() => document.querySelector('vaux-player')?.duration === 1")
    (made / "text.txt").write_text("no recording")
    page.evaluate(DROP, ["text.txt", "/made/text.txt"])
    zone.get_by_text("cannot read text.txt").wait_for()
    assert zone.locator("vaux-player").count() == 0
