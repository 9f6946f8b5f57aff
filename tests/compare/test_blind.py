"""Listening tests: the page, and the means of what was said."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import vauxio
from support.signals import voice
from vauxio.compare.blind import ANCHOR, REFERENCE, anchor
from vauxio.compare.ratings import means, screened

RATE = 24000


def heard(listener: str, **ratings: float) -> dict:
    return {"listener": listener, "ratings": {REFERENCE: 100, **ratings}}


def test_the_page_has_all_sounds_and_no_figures(vaux, tmp_path):
    data = voice(RATE, RATE)
    soundfile.write("a.wav", data, RATE)
    for bitrate in (3, 12):
        vauxio.write(f"{bitrate}.vx", data, RATE, bitrate=bitrate)
    done = vaux("compare", "--blind", "a.wav", "3.vx", "12.vx", "-o", "test.html")
    assert done == (0, b"", "")
    page = (tmp_path / "test.html").read_text()
    test = json.loads(re.search(r'id="test">(.*?)</script>', page)[1])
    assert test["names"] == [REFERENCE, ANCHOR, "3.vx", "12.vx"] and test["item"] == "a.wav"
    coded = re.findall(r'class="sound">(.*?)</script>', page)
    sounds = [soundfile.read(io.BytesIO(base64.b64decode(text)))[0] for text in coded]
    assert [len(sound) for sound in sounds] == [RATE] * 4
    assert np.abs(sounds[0] - data[:, 0]).max() <= 2**-15
    assert "kbps" not in page and "http" not in page.replace("http-equiv", "")
    assert vaux("compare", "--blind", "a.wav", "3.vx").code == 2


@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_anchor_ends_at_3500_hz(rate):
    noise = np.random.default_rng(0).standard_normal((rate, 2)).astype(np.float32)
    power = np.abs(np.fft.rfft(anchor(noise, rate), axis=0)) ** 2
    before = np.abs(np.fft.rfft(noise, axis=0)) ** 2
    assert np.allclose(power[:3500], before[:3500], rtol=1e-2, atol=1)
    assert power[4001:].max() < 1e-3 * before.mean()


def test_means_and_intervals():
    results = [heard(f"l{i}", good=80 + i % 5, bad=20 + i % 7) for i in range(20)]
    best, good, bad = means(results)
    assert (best.name, good.name, bad.name) == (REFERENCE, "good", "bad")
    assert good.mean == pytest.approx(82) and good.low < 82 < good.high < 84 and good.low > 80
    assert (good.ratings, good.listeners) == (20, 20)
    # One person who listens a hundred times is one person still.
    often = means([*results, *(heard("l0", good=0.0) for _ in range(100))])
    assert next(one for one in often if one.name == "good").low < 20


def test_who_does_not_find_the_reference_is_left_out():
    deaf = [{"listener": "deaf", "ratings": {REFERENCE: 50, "x": 99}} for _ in range(2)]
    once = [{"listener": "keen", "ratings": {REFERENCE: 80, "x": 1}}]
    keen = [heard("keen", x=40) for _ in range(9)]
    kept, out = screened([*deaf, *once, *keen])
    assert out == ["deaf"] and len(kept) == 10


def test_the_script_reads_what_the_page_saves(tmp_path):
    for i in range(3):
        (tmp_path / f"r{i}.json").write_text(json.dumps(heard(f"l{i}", **{"a.vx": 70 + i})))
    (tmp_path / "bad.json").write_text("{}")
    command = [sys.executable, "-m", "vauxio.compare.ratings"]
    done = subprocess.run([*command, *sorted(tmp_path.glob("r*.json"))], capture_output=True)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and lines[1].split()[:2] == ["a.vx", "71.0"]
    done = subprocess.run([*command, tmp_path / "bad.json"], capture_output=True)
    assert done.returncode == 1 and b"bad.json: no ratings" in done.stderr
    assert subprocess.run(command, capture_output=True).returncode == 2


def test_a_listener_can_do_it(vaux, tmp_path, browser):
    """In a browser: hear, rate, save; on a phone, without a bar to scroll by."""
    data = voice(RATE, RATE)
    soundfile.write("a.wav", data, RATE)
    vauxio.write("a.vx", data, RATE)
    assert vaux("compare", "--blind", "a.wav", "a.vx", "-o", "test.html").code == 0
    page = browser.new_page(viewport={"width": 390, "height": 800}, accept_downloads=True)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto((tmp_path / "test.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#play")
    page.wait_for_function("document.getElementById('play').textContent === 'Stop'")
    rows = page.locator(".row")
    for i in range(rows.count()):
        assert page.is_disabled("#save")
        rows.nth(i).locator("button").click()
        rows.nth(i).locator("input").fill(str(100 - i))
    page.fill("#listener", "me")
    with page.expect_download() as download:
        page.click("#save")
    saved = json.loads(download.value.path().read_text())
    page.close()
    assert faults == [] and saved["listener"] == "me"
    assert sorted(saved["ratings"]) == sorted(saved["order"]) == sorted([REFERENCE, ANCHOR, "a.vx"])
    assert [saved["ratings"][name] for name in saved["order"]] == [100, 99, 98]
