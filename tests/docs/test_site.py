"""The documentation as a site: built without warnings, whole, and usable on a phone."""

from __future__ import annotations

import functools
import http.server
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

import vauxio
from support.browser import DESKTOP, PHONE, faults, is_scrolled_sideways
from support.paths import ROOT
from vauxio.cli import main


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_site_is_whole_and_asks_no_other_server(site):
    for page in ("index.html", "api.html", "weights/general-24k/index.html"):
        html = (site / page).read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|audio|link)\b[^>]*(?:src|href)=\"?https?:", html) == []
        for image in re.findall(r'src="(images/[^"#]+)', html):
            assert (site / image).exists()
    home = (site / "index.html").read_text(encoding="utf-8")
    assert home.count("#only-light") == home.count("#only-dark") == 2
    assert (site / "search" / "search_index.js").exists()  # for a reader without a server
    assert len(list((site / "audio").glob("*.flac"))) == 10


@pytest.fixture(scope="module")
def served(site) -> Iterator[str]:
    """The address of the site."""
    handler = functools.partial(_Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def made(tmp_path) -> list[Path]:
    """The pages that the command makes: a comparison, a listening test, the report of a run."""
    data, rate = soundfile.read(ROOT / "tests" / "data" / "speech-16k.flac", dtype="int16")
    (tmp_path / "in").mkdir()
    recording = tmp_path / "in" / "a.wav"
    soundfile.write(recording, data[:rate], rate)
    coded = [tmp_path / f"{bitrate}.vx" for bitrate in (3, 6)]
    for bitrate, path in zip((3, 6), coded, strict=True):
        vauxio.write(path, data[:rate], rate, bitrate=bitrate, lm=False)
    pages = [tmp_path / f"{name}.html" for name in ("compare", "blind", "report")]
    for command in (
        ["compare", recording, *coded, "-o", pages[0]],
        ["compare", "--blind", recording, *coded, "-o", pages[1]],
        ["encode", "-r", tmp_path / "in", "-o", tmp_path / "out", "--report", pages[2], "-j", "1"],
    ):
        assert main([str(part) for part in command]) == 0
    return pages


def eventually_nothing(page, look) -> None:
    """What is wrong with a page as long as its scripts have not named and wrapped everything."""
    end = time.monotonic() + 60
    page.wait_for_timeout(100)
    while found := look(page):
        assert time.monotonic() < end, f"{page.url}: {found}"
        page.wait_for_timeout(100)


def test_every_page_fits_a_phone_and_asks_no_other_server(site, served, browser):
    context = browser.new_context(viewport=PHONE)
    page, asked, failed = context.new_page(), set(), []
    page.on("request", lambda request: asked.add(request.url))
    page.on("pageerror", lambda error: failed.append(f"{page.url}: {error}"))
    for path in sorted(site.rglob("*.html")):
        page.goto(served + path.relative_to(site).as_posix())
        eventually_nothing(page, is_scrolled_sideways)
    context.close()
    assert failed == []
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_serious_accessibility_fault(
    site, served, browser, made, scheme, pytestconfig
):
    """One page of each kind, or every one with ``--every-page``."""
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, bypass_csp=True)
    names = ("index.html", "api.html", "guide.html", "speed.html", "listen.html", "404.html")
    if pytestconfig.getoption("every_page"):
        names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    page = context.new_page()
    for address in [*(served + name for name in names), *(path.as_uri() for path in made)]:
        page.goto(address)
        eventually_nothing(page, is_scrolled_sideways)
        eventually_nothing(page, faults)
    page.set_viewport_size(DESKTOP)  # where the theme shows its tabs
    for name in ("index.html", "api.html"):
        page.goto(served + name)
        eventually_nothing(page, is_scrolled_sideways)
        eventually_nothing(page, faults)
    context.close()
