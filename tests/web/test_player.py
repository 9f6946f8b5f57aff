"""The player, clicked and typed at as people do."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import DATA

PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Player</title>
<script type="module" src="/web/dist/vaux-player.js"></script>
<body style="margin: 1rem; max-width: 48rem">
<vaux-player src="{}" models="/weights/" runtime="/runtime/"></vaux-player>
"""


@pytest.fixture(scope="session")
def recordings(made):
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    tags = {"title": "Für Elise", "artist": "Someone"}
    vauxio.write(made / "short.vx", speech[: 2 * rate : 2], rate // 2, bitrate=3)
    song = np.tile(speech[::2], 5)[: 20 * rate // 2]  # longer than any browser takes for a click
    vauxio.write(made / "song.vx", song, rate // 2, bitrate=0.75, lm=False, tags=tags)
    speech = np.tile(speech[::2], 15)[: 60 * rate // 2]
    vauxio.write(made / "minute.vx", speech, rate // 2, bitrate=0.75, model="general-24k")
    content = bytearray((made / "minute.vx").read_bytes())
    content[len(content) // 20] ^= 1
    (made / "spoilt.vx").write_bytes(content)
    (made / "none.vx").write_bytes(b"nothing of the kind")
    return made


@pytest.fixture
def player(page, site, recordings):
    """Open a page with a player of a file."""

    def open_(name):
        (recordings / "player.html").write_text(PAGE.format(f"/made/{name}.vx"))
        page.goto(f"{site.address}/made/player.html")
        page.evaluate("""() => {
          globalThis.said = [];
          globalThis.player = document.querySelector('vaux-player');
          for (const name of ['play', 'playing', 'pause', 'ended', 'seeking', 'error']) {
            player.addEventListener(name, () => said.push(name));
          }
        }""")
        return page.locator("vaux-player")

    return open_


def wait(page, condition):
    page.wait_for_function(f"() => {condition}")


def wait_for_silence(page):
    """Until the time stays the same, as the speakers stop a moment after a pause."""
    page.evaluate("globalThis.before = NaN")
    still = "(now => { const was = before; before = now; return was === now; })(player.currentTime)"
    page.wait_for_function(f"() => {still}", polling=300)


def test_play_pause_seek_end(page, player):
    element = player("song")
    wait(page, "player.duration > 0")
    assert page.evaluate("player.duration") == pytest.approx(20, abs=1e-3)
    assert element.get_by_text("Someone – Für Elise").is_visible()
    element.get_by_role("button", name="Play").click()
    wait(page, "said.includes('playing') && player.currentTime > 0.3")
    element.get_by_role("button", name="Pause").click()
    assert page.evaluate("player.paused")
    wait_for_silence(page)
    page.evaluate("player.currentTime = 18.5")
    assert page.evaluate("player.currentTime") == pytest.approx(18.5, abs=0.01)
    element.get_by_role("button", name="Play").click()
    wait(page, "player.ended")
    assert page.evaluate("player.currentTime") == pytest.approx(20, abs=0.01)
    said = page.evaluate("said")
    assert said[-1] == "ended" and "error" not in said
    element.get_by_role("button", name="Play").click()  # from the beginning
    wait(page, "!player.ended && player.currentTime > 0.1 && player.currentTime < 18")


def test_seeking_after_the_end_plays_nothing(page, player):
    element = player("short")
    element.get_by_role("button", name="Play").click()
    wait(page, "player.ended")
    page.evaluate("player.currentTime = 0.5")
    wait_for_silence(page)
    assert page.evaluate("player.paused && player.currentTime") == pytest.approx(0.5, abs=0.01)


def test_seeking_before_the_browser_has_begun_to_play(page, player):
    element = player("song")
    element.get_by_role("button", name="Play").click()
    wait(page, "player.currentTime > 0.1")
    element.get_by_role("button", name="Pause").click()
    wait_for_silence(page)
    page.evaluate(
        "player.play(), queueMicrotask(() => queueMicrotask(() => player.currentTime = 9))"
    )
    wait(page, "player.currentTime > 9.3")


def test_keyboard_and_screen_reader(page, player):
    element = player("minute")
    wait(page, "player.duration > 0")
    group = element.get_by_role("group")
    position = element.get_by_role("slider", name="Position")
    assert group.get_attribute("aria-label") == "minute.vx"
    assert position.get_attribute("aria-valuetext") == "0 seconds of 1 minute"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait(page, "player.currentTime > 0.2")
    page.keyboard.press("k")
    assert page.evaluate("player.paused")
    wait_for_silence(page)
    before = page.evaluate("player.currentTime")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("l")
    assert page.evaluate("player.currentTime") == pytest.approx(before + 15, abs=0.1)
    page.keyboard.press("j")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("player.currentTime") == pytest.approx(before, abs=0.1)
    page.keyboard.press("m")
    assert page.evaluate("player.muted")
    mute = element.get_by_role("button", name="Mute")
    assert mute.get_attribute("aria-pressed") == "true"
    position.focus()
    page.keyboard.press("End")
    assert page.evaluate("player.currentTime") == pytest.approx(60, abs=0.1)
    assert position.get_attribute("aria-valuetext") == "1 minute of 1 minute"


def test_touch(browser, site, recordings):
    (recordings / "touch.html").write_text(PAGE.format("/made/minute.vx"))
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.address}/made/touch.html")
    element = page.locator("vaux-player")
    page.evaluate("globalThis.player = document.querySelector('vaux-player')")
    wait(page, "player.duration > 0")
    element.get_by_role("button", name="Play").tap()
    wait(page, "player.currentTime > 0.1")
    box = element.get_by_role("slider", name="Position").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait(page, "player.currentTime > 28")
    element.get_by_role("button", name="Pause").tap()
    assert page.evaluate("player.paused && player.currentTime") < 58
    context.close()


def test_a_player_that_is_moved(page, player, site):
    """Scripts of pages wrap elements, which takes them out of the page and puts them back."""
    element = player("short")
    move = "document.body.append(player)"
    page.evaluate(move)
    wait(page, "player.duration > 0")
    assert len([path for path, _ in site.asked if path.endswith(".vx")]) <= 2
    element.get_by_role("button", name="Play").click()
    wait(page, "player.currentTime > 0.3")
    page.evaluate(move)
    assert page.evaluate("player.paused") and page.evaluate("player.currentTime") > 0.3
    element.get_by_role("button", name="Play").click()
    wait(page, "player.ended")


def test_it_decodes_a_little_ahead(page, player):
    """Sound comes long before the whole is decoded, and no more is kept than is needed."""
    element = player("minute")
    element.get_by_role("button", name="Play").click()
    wait(page, "player.currentTime > 0.5")
    page.wait_for_timeout(1500)
    known = "player.waveform.peaks.filter((peak) => peak >= 0).length"
    assert page.evaluate(known) < 120  # half of the minute
    box = element.get_by_role("slider", name="Position").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    wait(page, "player.currentTime > 45.5 && !player.paused")


def test_damage_is_told(page, player):
    element = player("spoilt")
    element.get_by_role("button", name="Play").click()
    alert = element.get_by_role("alert")
    alert.get_by_text("could not be read").wait_for()
    assert page.evaluate("player.error") is None
    element = player("none")
    alert = element.get_by_role("alert")
    alert.get_by_text("not a .vx file").wait_for()
    assert page.evaluate("said") in (["error"], [])
    said = alert.text_content()
    assert page.evaluate("player.error.message").endswith(f"/none.vx: {said[18:-1]}")
    page.evaluate("player.src = '/made/short.vx'")
    wait(page, "player.duration > 0")
    assert element.locator("[role=alert]").text_content() == ""
