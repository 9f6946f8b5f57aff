"""Pages with sound, as phones show them in light and dark, and no serious accessibility fault."""

from __future__ import annotations

import threading

import pytest
import soundfile

import vauxio
from support.browser import PHONE, faults, is_scrolled_sideways
from support.paths import DATA
from vauxio.cli.site import Site as Served

PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Player</title>
<script type="module" src="/web/dist/vaux-player.js"></script>
<main><h1>A recording</h1>
<vaux-player src="sound.vx" models="/weights/" runtime="/runtime/"></vaux-player></main>
"""


@pytest.fixture(params=["light", "dark"])
def phone(browser, request):
    """A page in a window as small as a phone's."""
    context = browser.new_context(viewport=PHONE, color_scheme=request.param, bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def sound(made):
    data, rate = soundfile.read(DATA / "speech-16k.flac", dtype="int16")
    tags = {"title": "A title that is much too long for the window of a phone " * 3}
    vauxio.write(made / "sound.vx", data, rate, lm=False, tags=tags)
    return made


def test_the_player(phone, site, sound):
    (sound / "accessible.html").write_text(PAGE)
    phone.goto(f"{site.address}/made/accessible.html")
    phone.wait_for_function("document.querySelector('vaux-player').duration > 0")
    assert faults(phone) == [] and not is_scrolled_sideways(phone)
    phone.get_by_role("button", name="Play").click()
    played = "document.querySelector('vaux-player').currentTime > 0.1"
    phone.wait_for_function(played)
    assert faults(phone) == [] and not is_scrolled_sideways(phone)


def test_what_vaux_serve_shows(phone, tmp_path, sound):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a-name-without-any-space-and-longer-than-the-window-of-any-phone.vx").write_bytes(
        (sound / "sound.vx").read_bytes()
    )
    (tmp_path / "broken.vx").write_bytes(b"nothing of the kind")
    with Served(tmp_path, "127.0.0.1", 0) as served:
        thread = threading.Thread(target=served.run)
        thread.start()
        for page in ("", "folder/", "nowhere", "broken.vx"):
            phone.goto(served.address + page)
            assert faults(phone) == [] and not is_scrolled_sideways(phone), page
        served.stop()
        thread.join()
