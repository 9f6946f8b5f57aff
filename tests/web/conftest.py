"""A real browser, a web server, and the package in ``web/``. Skipped where they are missing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.browser import missing
from support.paths import DATA, ROOT

from .site import Site

WEB = ROOT / "web"
_RUNTIME = WEB / "node_modules" / "onnxruntime-web" / "dist"


def _missing() -> str:
    """What the tests need and is not there; nothing if all is."""
    if not _RUNTIME.is_dir() or not (WEB / "dist" / "index.js").is_file():
        return "web/ is not built: run 'npm ci && npm run build' there (needs Node.js)"
    return missing()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    if here and (reason := _missing()):
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder that the site has as /made."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="session")
def site(made: Path) -> Iterator[Site]:
    folders = {"web": WEB, "runtime": _RUNTIME, "weights": ROOT / "weights", "data": DATA,
               "tests": Path(__file__).parent, "made": made}  # fmt: skip
    site = Site(folders)
    yield site
    site.close()


@pytest.fixture(scope="module")
def _page(browser: Any, site: Site) -> Iterator[tuple[Any, list[str]]]:
    """A page of the site, for all tests of a file: models stay in its cache."""
    page = browser.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(site.address)
    yield page, failed
    page.close()


@pytest.fixture
def page(_page: tuple[Any, list[str]], site: Site) -> Iterator[Any]:
    """That page; scripts that fail, fail the test."""
    page, failed = _page
    site.asked.clear()
    yield page
    assert failed == []
    failed.clear()


_RUN = """
async ([body, argument]) => {
  const { VauxDecoder, VauxDecoderWebWorker } = await import('/web/src/index.js');
  const options = (more) => ({ models: '/weights/', runtime: '/runtime/', ...more });
  const decoders = globalThis.decoders ??= new Map(); // with their networks
  const decoder = (more) => {
    const key = JSON.stringify(more ?? {});
    if (!decoders.has(key)) decoders.set(key, new VauxDecoder(options(more)));
    return decoders.get(key);
  };
  const bytes = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer());
  const told = (out) => ({ ...out, channelData: out.channelData.map((own) => {
    const all = new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
    let text = '';
    for (let i = 0; i < all.length; i += 8192) {
      text += String.fromCharCode(...all.subarray(i, i + 8192));
    }
    return btoa(text);
  }) });
  const make = (new Function(
    'decoder', 'VauxDecoder', 'VauxDecoderWebWorker', 'options', 'bytes', 'told', 'argument',
    `return (async () => { ${body} })()`));
  return make(decoder, VauxDecoder, VauxDecoderWebWorker, options, bytes, told, argument);
}
"""


@pytest.fixture
def run(page: Any) -> Callable[..., Any]:
    """Run the body of a function in the page; see `_RUN` for what it has."""

    def call(body: str, argument: Any = None) -> Any:
        found = page.evaluate(_RUN, [body, argument])
        if isinstance(found, dict) and "channelData" in found:
            channels = [np.frombuffer(base64.b64decode(x), "<f4") for x in found["channelData"]]
            found["data"] = np.stack(channels, axis=1)
        return found

    return call
