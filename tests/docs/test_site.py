"""The documentation as a site: built without warnings, whole, and usable on a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import vauxio
from support.paths import ROOT
from vauxio.cli import main

PHONE = {"width": 390, "height": 844}  # CSS pixels
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


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


@pytest.fixture
def made(tmp_path) -> list[Path]:
    """The pages that the command makes: a comparison, and the report of a run."""
    data, rate = soundfile.read(ROOT / "tests" / "data" / "speech-16k.flac", dtype="int16")
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", data[:rate], rate)
    vauxio.write(tmp_path / "a.vx", data[:rate], rate)
    pages = [tmp_path / "compare.html", tmp_path / "report.html"]
    recording, folder = str(tmp_path / "in" / "a.wav"), str(tmp_path / "in")
    assert main(["compare", recording, str(tmp_path / "a.vx"), "-o", str(pages[0])]) == 0
    out = ["-o", str(tmp_path / "out"), "--report", str(pages[1])]
    assert main(["encode", "-r", folder, *out, "-j", "1"]) == 0
    return pages


@pytest.mark.skipif(CHROMIUM is None or not AXE.exists(),
                    reason="needs Chromium, and npm install --no-save axe-core")  # fmt: skip
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_have_no_serious_accessibility_fault(site, made, scheme):
    sync = pytest.importorskip("playwright.sync_api")
    pages = [site / name for name in ("index.html", "api.html", "guide.html", "speed.html")]
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport=PHONE, color_scheme=scheme, bypass_csp=True)
        for path in pages + made:
            page = context.new_page()
            page.goto(path.as_uri())
            page.wait_for_timeout(300)  # until scripts have named and wrapped things
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
            faults = [f["id"] for f in found if f["impact"] in ("serious", "critical")]
            assert faults == [], path
            page.close()
        browser.close()
