"""A real browser for the tests, and what it finds wrong with a page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .paths import ROOT
from .waiting import PATIENCE

PHONE = {"width": 390, "height": 844}  # CSS pixels
DESKTOP = {"width": 1280, "height": 800}
_AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


def missing() -> str:
    """What a browser needs and is not there; nothing if all is."""
    if not _AXE.is_file():
        return "web/ is not built: run 'npm ci && npm run build' there (needs Node.js)"
    if _chromium() is None:
        return "no Chromium: install Debian's package chromium"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "no Playwright: pip install playwright"
    return ""


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--use-fake-device-for-media-stream"]
        browser: Any = playwright.chromium.launch(executable_path=_chromium(), args=arguments)
        browser.new_context, browser.new_page = map(
            _patient, (browser.new_context, browser.new_page)
        )
        yield browser
        browser.close()


def _patient(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but what it makes waits as long as tests do."""

    def made(**options: Any) -> Any:
        one = make(**options)
        one.set_default_timeout(1000 * PATIENCE)
        return one

    return made


def faults(page: Any) -> list[str]:
    """Serious accessibility faults of a page as it is now, by axe-core: rule and first element.

    The page's context must have ``bypass_csp`` if it forbids scripts.
    """
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{fault['id']}: {fault['nodes'][0]['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def is_scrolled_sideways(page: Any) -> bool:
    """Whether a page is wider than its window."""
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return wide


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")
